"""Whether a booking holds its room, since when, and why: pure; its table of cases is its test."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from adapters.ledger import LedgerRow, State
from adapters.story import Entry, What
from consumers.story.trails import OpenMessage


class Holds(StrEnum):
    """What the ledger and the story say of the room for this booking."""

    BOOKED = "booked"
    FREE = "free"
    MISSING = "missing"
    """It should be booked, and its event was not in the calendar when somebody looked."""
    WRITING = "writing"
    """Somebody is writing at this moment, or an unknown outcome is being waited out."""
    UNSURE = "unsure"
    """A write ended badly, and whether it was applied nobody has looked yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentState:
    """How a booking stands in a room.

    `version` is settled (0: none), `is_booked` whether by an event, `since` when the story tells that it became true,
    None where it began before; `by` is that entry. `seen_since` tells what people did to the event since then;
    `hindered` is the newest message above `version` that is not done with: why the room does not hold what was asked
    for last.
    """

    holds: Holds
    version: int
    is_booked: bool = False
    since: datetime | None = None
    by: Entry | None = None
    seen_since: Entry | None = None
    hindered: OpenMessage | None = None


_MADE_TRUE = {
    State.PRESENT: frozenset({What.CREATED, What.CHANGED, What.UNCHANGED, What.FOUND}),
    State.ABSENT: frozenset({What.REMOVED, What.NOT_THERE}),
}
_SEEN = frozenset({What.GONE, What.EDITED})
_RIGHT_AGAIN = frozenset({What.CREATED, What.CHANGED, What.REMOVED, What.MENDED, What.FOUND})


def standing_of(row: LedgerRow | None, entries: Sequence[Entry], messages: Sequence[OpenMessage]) -> CurrentState:
    """How a booking stands in a room.

    Args:
        row: what the ledger has, None where it has nothing.
        entries: the story in this room, the oldest first.
        messages: those that are not done with.
    """
    version = 0 if row is None else _settled_version(row)
    hindered = _hindered(messages, version)
    if row is None:
        return CurrentState(holds=Holds.FREE, version=0, hindered=hindered)
    by = _first_true(entries, row.state, version)
    seen = _seen_since_right(entries) if row.state is State.PRESENT else None
    return CurrentState(
        holds=_holds(row, seen),
        version=version,
        is_booked=row.state is State.PRESENT,
        since=by.at if by else None,
        by=by,
        seen_since=seen,
        hindered=hindered,
    )


def _settled_version(row: LedgerRow) -> int:
    return max(row.version, row.removed_version) if row.state is State.ABSENT else row.version


def _holds(row: LedgerRow, seen: Entry | None) -> Holds:
    if row.claim is not None and row.claim.is_live:
        return Holds.WRITING
    if row.state is State.WRITING or row.claim is not None:
        return Holds.UNSURE
    if row.state is State.ABSENT:
        return Holds.FREE
    is_gone = row.item is None or (seen is not None and seen.what is What.GONE)
    return Holds.MISSING if is_gone else Holds.BOOKED


def _first_true(entries: Sequence[Entry], state: State, version: int) -> Entry | None:
    """The entry by which the version became true; a repetition of it makes nothing true."""
    telling = _MADE_TRUE.get(state, frozenset())
    return next((entry for entry in entries if entry.what in telling and entry.version == version), None)


def _seen_since_right(entries: Sequence[Entry]) -> Entry | None:
    for entry in reversed(entries):
        if entry.what in _RIGHT_AGAIN:
            return None
        if entry.what in _SEEN:
            return entry
    return None


def _hindered(messages: Sequence[OpenMessage], version: int) -> OpenMessage | None:
    """Of the messages above the settled version the newest."""
    newer = [each for each in messages if each.last.version is None or each.last.version > version]
    return max(newer, key=lambda each: (each.last.version or 0, each.last.at), default=None)
