"""The second look: minutes after an unknown outcome, brings back what a late write destroyed or doubled (DESIGN.md §3,
rule 5). It publishes no result and is never skipped for its version."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from adapters.calendar import Create, Done, Mark, Operation, Update
from adapters.errors import CalendarError, Transient, Unknown
from adapters.ledger import BookingKey, LedgerRow, State
from consumers.bookings.digest import digest_of_written
from consumers.bookings.event import event_from_snapshot
from consumers.bookings.looks import Looked, claim_and_look
from consumers.bookings.render import render
from consumers.bookings.room import Room
from consumers.bookings.verdict import Ask, Later, LookedAt, Problem, Verdict
from consumers.bookings.writes import Missed, Write, Written, write


async def second_looks(room: Room, asks: Sequence[Ask]) -> None:
    """Carry out the second looks at these bookings and settle them."""
    rows = await room.rows(list({ask.command.booking_id for ask in asks}))
    for ask in asks:
        row = rows.get(ask.command.booking_id)
        verdict: Verdict = LookedAt() if row is None else await _second_look(room, ask, row)
        await room.desk.settle([ask], verdict)


async def _second_look(room: Room, ask: Ask, row: LedgerRow) -> Verdict:
    if row.claim is not None and row.claim.is_live:
        return _resting(row.claim.remaining_s)
    taken_over = {row.key: ask} if row.claim is not None or row.state is State.WRITING else {}
    return verdict_of(await look_and_mend(room, row, taken_over), room)


async def look_and_mend(room: Room, row: LedgerRow, again: Mapping[BookingKey, Ask]) -> Looked:
    """Look at a booking and write again from the row's snapshot what is missing or older; `again` as for `look`."""
    (looked,) = await claim_and_look(room, [row], again)
    if not isinstance(looked, LedgerRow):
        return looked
    mending = _mending(room, looked)
    if mending is None:
        return looked
    try:
        (written,) = await write(room, [mending])
    except CalendarError as error:
        return error
    return _mended(written)


def _mending(room: Room, row: LedgerRow) -> Write | None:
    """The write that makes the calendar hold again what the row says, or None where it does."""
    if row.state is not State.PRESENT or row.written_digest is not None or row.snapshot is None:
        return None
    event, _ = render(event_from_snapshot(row.snapshot), room.tenant.subject_template)
    mark = Mark(booking_id=row.key.booking_id, version=row.version)
    operation: Operation = (
        Create(mark=mark, event=event) if row.item is None else Update(mark=mark, ref=row.item, event=event)
    )
    after = replace(row, written_digest=digest_of_written(event))
    return Write(row=row, version=row.version, operation=operation, after=after)


def _mended(written: Written) -> Looked:
    match written.outcome:
        case Done():
            return written.row
        case CalendarError() as error:
            return error
        case Missed() as missed:
            return missed
        case _:
            return Transient("write_conflict")


def verdict_of(looked: Looked, room: Room) -> Verdict:
    """What a second look that ended like this is worth."""
    match looked:
        case LedgerRow():
            return LookedAt()
        case Unknown() as error:
            return Later.after(error, wait_s=room.policy.claim_s)
        case CalendarError() as error:
            return Later.after(error, wait_s=0.0)
        case _:
            return _resting(room.policy.claim_s)


def _resting(for_s: float) -> Later:
    return Later(wait_s=for_s, problem=Problem.coded("write_under_way"), counts_attempt=False)
