"""What a look at the calendar means for a booking's row: pure. The highest version is adopted, then the oldest item."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from adapters.calendar import FoundEvent, ItemRef, Mark
from adapters.ledger import LedgerRow, State
from adapters.story import What
from consumers.sync.plan import tombstone

AS_MARKED = "as marked"
"""Stands for the digest of what was written where only the mark tells it: the content is that of the row's version.
Without it (None) the event holds something else, or nobody knows what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The row as the calendar proves it, without a claim, once the surplus copies are removed."""

    row: LedgerRow
    surplus: tuple[ItemRef, ...]


def judge(row: LedgerRow, found: Sequence[FoundEvent]) -> Judgement:
    """Compare a row with every event found under its mark.

    Nothing at or below `removed_version` is adopted. An event the row calls present and that is missing stays wanted:
    the row keeps its version and content and loses its item, so that a second look can write it again and the next
    command creates instead of updating.
    """
    wanted = [event for event in found if event.mark.version > row.removed_version]
    kept = max(wanted, key=lambda event: (event.mark.version, -event.created_at.timestamp()), default=None)
    surplus = tuple(event.ref for event in found if event is not kept)
    if kept is not None:
        return Judgement(row=_adopt(row, kept), surplus=surplus)
    if row.state is State.PRESENT and row.version > row.removed_version:
        return Judgement(row=row.settled(item=None, written_digest=None), surplus=surplus)
    return Judgement(row=tombstone(row, row.version), surplus=surplus)


def _adopt(row: LedgerRow, kept: FoundEvent) -> LedgerRow:
    adopted = row.settled(state=State.PRESENT, item=kept.ref)
    version = kept.mark.version
    if version < row.version:
        return replace(adopted, written_digest=None)
    if version > row.version:
        return replace(adopted, version=version, command_digest=None, written_digest=AS_MARKED, snapshot=None)
    if row.item is not None and row.item.item_id == kept.ref.item_id:
        # The change key that we wrote with stays: by it `reconcile` tells whether people touched the event since.
        adopted = replace(adopted, item=row.item)
    return replace(adopted, written_digest=AS_MARKED) if row.command_digest is None else adopted


def noticed(row: LedgerRow, judgement: Judgement) -> list[tuple[What, int | None, str | None]]:
    """What a judgement tells of the calendar that the row did not: entries for the story, with version and detail."""
    after = judgement.row
    told: list[tuple[What, int | None, str | None]] = []
    if row.item is not None and after.item is None:
        told.append((What.GONE, row.version, None))
    if after.item is not None and (row.item is None or row.item.item_id != after.item.item_id):
        told.append((What.FOUND, after.version, None))
    if judgement.surplus:
        told.append((What.COPIES, None, str(len(judgement.surplus))))
    return told


def judge_first_touch(row: LedgerRow, found: Sequence[FoundEvent], trashed: Sequence[Mark]) -> Judgement:
    """Like `judge`, for a booking met in a room's scan, where Deleted Items tell what was removed.

    A version that lies in both places was a surplus copy or was brought back by a person: it stays. A trashed version
    above everything in the calendar was removed for good: what is older must not come back.
    """
    in_trash = max((mark.version for mark in trashed), default=0)
    in_calendar = max((event.mark.version for event in found), default=0)
    barred = min(in_trash, in_calendar - 1) if in_trash == in_calendar else in_trash
    judgement = judge(replace(row, removed_version=max(row.removed_version, barred)), found)
    if judgement.row.state is State.ABSENT and judgement.row.version < barred:
        # The version of what lies in Deleted Items is known, its content is not.
        return replace(judgement, row=replace(judgement.row, version=barred, command_digest=None))
    return judgement
