"""What differs between a room's rows and its calendar: pure; its table of cases is its test.

It judges with the judgement that the lanes look with, so that what is reported is what a look will do.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta

from adapters.calendar import BookingId, ReadEvent, RoomReading, StoredFields
from adapters.ledger import LedgerRow, State
from consumers.reconcile.report import Finding, Kind
from consumers.sync.verify import judge

REMEMBERED_AFTER_END = timedelta(days=90)
"""The ledger may have dropped the rows of events that ended earlier (docs/protocol.md#tombstones)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How a booking's event would lie there if it were written now, and its digest."""

    members: StoredFields
    written_digest: str


WantedOf = Callable[[LedgerRow], Wanted | None]
"""None for a row without content: its event was found by its mark, or is gone."""

Rows = Mapping[BookingId, LedgerRow]


def steady(before: Rows, after: Rows) -> tuple[dict[BookingId, LedgerRow], set[BookingId]]:
    """The rows that nobody wrote while the calendar was read between the two, and the bookings that somebody did."""
    rows = {booking: row for booking, row in after.items() if booking in before and _rested(before[booking], row)}
    return rows, (before.keys() | after.keys()) - rows.keys()


def _rested(before: LedgerRow, after: LedgerRow) -> bool:
    claims = before.claim, after.claim
    if any(claim is not None and claim.is_live for claim in claims):
        return False
    tokens = {claim.token if claim else None for claim in claims}
    return len(tokens) == 1 and replace(before, claim=None) == replace(after, claim=None)


def compare(
    rows: Rows, resting: Iterable[BookingId], reading: RoomReading, wanted_of: WantedOf, now: datetime
) -> list[Finding]:
    """Every difference, in the order of the bookings.

    Args:
        rows: steady ones.
        resting: bookings that are left out.
        wanted_of: how a row's event would be written now.
    """
    found: dict[BookingId, list[ReadEvent]] = defaultdict(list)
    for event in reading.events:
        found[event.found.mark.booking_id].append(event)
    foreign = {ref.item_id for ref in reading.foreign}
    findings: list[Finding] = []
    for booking in sorted((rows.keys() | found.keys()) - set(resting)):
        row = rows.get(booking)
        if row is None:
            findings += _unknown(booking, found[booking], now)
        else:
            findings += _differences(row, found[booking], wanted_of(row), foreign)
    return findings


def _unknown(booking: BookingId, found: Sequence[ReadEvent], now: datetime) -> list[Finding]:
    if max(event.members.ends_at for event in found) < now - REMEMBERED_AFTER_END:
        return []
    version = max(event.found.mark.version for event in found)
    return [Finding(kind=Kind.UNKNOWN, booking_id=booking, version=version)]


def _differences(row: LedgerRow, found: Sequence[ReadEvent], wanted: Wanted | None, foreign: set[str]) -> list[Finding]:
    judgement = judge(row, [event.found for event in found])
    surplus = {ref.item_id for ref in judgement.surplus}
    kept = next((event for event in found if event.found.ref.item_id not in surplus), None)
    finding = Finding(kind=Kind.SURPLUS, booking_id=row.key.booking_id, version=row.version, row=row)
    findings = [replace(finding, surplus_count=len(surplus))] if surplus else []
    if kept is not None:
        kind, members = _of_kept(row, kept, wanted)
    else:
        kind, members = (_of_none(row, foreign) if judgement.row.state is State.PRESENT else None), ()
    return findings if kind is None else [replace(finding, kind=kind, members=members), *findings]


def _of_none(row: LedgerRow, foreign: set[str]) -> Kind:
    return Kind.UNMARKED if row.item is not None and row.item.item_id in foreign else Kind.MISSING


def _of_kept(row: LedgerRow, kept: ReadEvent, wanted: Wanted | None) -> tuple[Kind | None, tuple[str, ...]]:
    version = kept.found.mark.version
    members = () if wanted is None else differing(wanted.members, kept.members)
    if version > row.version:
        return Kind.UNKNOWN, ()
    if version < row.version:
        return Kind.OUTDATED, members
    if wanted is None or not members:
        return None, ()
    # Rendered otherwise than when it was written: then the difference need not be people's.
    was_rendered_otherwise = row.written_digest not in (None, wanted.written_digest)
    return (Kind.OUTDATED if was_rendered_otherwise else Kind.EDITED), members


def differing(wanted: StoredFields, found: StoredFields) -> tuple[str, ...]:
    """The names of the members that differ; blanks count as one, servers rewrite them."""
    skipped = set()
    if wanted.body is None or found.body is None:
        skipped.add("body")
    if found.time_zone is None:
        # The server may not know the zone: the worker then writes in UTC, where no whole days can be kept.
        skipped |= {"time_zone", "all_day"}
    return tuple(
        name
        for name in _MEMBERS
        if name not in skipped and _plain(getattr(wanted, name)) != _plain(getattr(found, name))
    )


_MEMBERS = tuple(field.name for field in fields(StoredFields))


def _plain(value: object) -> object:
    return " ".join(value.split()) if isinstance(value, str) else value
