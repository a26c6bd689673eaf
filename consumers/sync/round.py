"""One round over the bookings of a batch: read the ledger, plan each, then record, verify and write, each in one go."""

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from adapters.calendar import BookingId, Gone, Remove
from adapters.errors import CalendarError
from adapters.ledger import CompareAndSwap, LedgerRow
from consumers.messages.disposition import DeadLettered, Decision, Decisions, Effect, Problem
from consumers.milestones import Milestone
from consumers.sync.booking_batch import BookingWork
from consumers.sync.decide import done, on_unverified, on_written, refused_version, rest, superseded
from consumers.sync.plan import (
    CreateEvent,
    LookFirst,
    Record,
    RemoveEvent,
    Repeat,
    Rest,
    Reuse,
    Step,
    Supersede,
    UpdateEvent,
    must_block,
    plan,
    present,
    removed,
)
from consumers.sync.room import Room
from consumers.sync.verify import Verified, claim_and_verify, verify
from consumers.sync.write import Write, put, write


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedBooking:
    """A booking in a round: what the ledger knows and what is to be done."""

    work: BookingWork
    known: LedgerRow | None
    row: LedgerRow
    """`known`, or a fresh row where the ledger has none."""
    step: Step


_EFFECTS: dict[type[Step], Effect] = {
    CreateEvent: Effect.CREATED,
    UpdateEvent: Effect.CHANGED,
    RemoveEvent: Effect.REMOVED,
}


async def one_round(room: Room, ready: Sequence[BookingWork]) -> AsyncGenerator[Decisions, None]:
    """Bring each booking one step on. What is undecided afterwards wants another round, or waits (`error`).

    Raises:
        LedgerUnavailable: nothing of what is open may be acknowledged.
    """
    decisions, planned = await _plan(room, ready)
    decisions += await _answer(room, _with(planned, Rest, Supersede, Reuse, Repeat))
    decisions += await _record(room, _with(planned, Record, Repeat))
    if decisions:
        yield decisions
    async for verified in _verify(room, _with(planned, LookFirst)):
        yield verified
    writes = _with(planned, CreateEvent, UpdateEvent, RemoveEvent)
    for together in ([one for one in writes if not one.work.alone], *([one] for one in writes if one.work.alone)):
        async for written in _write(room, together):
            yield written


async def _plan(room: Room, ready: Sequence[BookingWork]) -> tuple[list[Decision], list[PlannedBooking]]:
    """Plan each booking; decisions on what is too old to be planned."""
    bookings = [work.booking_id for work in ready]
    rows = await _rows(room, ready)
    too_old = _too_old(room, [work for work in ready if work.booking_id not in rows])
    if await _block_by_older_removals(room, ready, rows):
        rows = await room.rows(bookings)
    return too_old, [_planned(room, work, rows.get(work.booking_id)) for work in ready if work.requests]


async def _rows(room: Room, ready: Sequence[BookingWork]) -> dict[BookingId, LedgerRow]:
    """What the ledger knows; what was read when the batch began serves once."""
    reads = [(work.booking_id, work.read) for work in ready]
    for work in ready:
        work.read = None
    if any(read is None for _, read in reads):
        return await room.rows([booking for booking, _ in reads])
    return {booking: read.row for booking, read in reads if read is not None and read.row is not None}


def _planned(room: Room, work: BookingWork, known: LedgerRow | None) -> PlannedBooking:
    row = known or LedgerRow(key=room.key(work.booking_id), backend=room.calendar.backend)
    step = plan(work.command, row, work.rendered.digest)
    room.reached(Milestone.PLANNED, row.key)
    return PlannedBooking(work=work, known=known, row=row, step=step)


def _with(planned: Iterable[PlannedBooking], *steps: type[Step]) -> list[PlannedBooking]:
    return [one for one in planned if isinstance(one.step, steps)]


def _too_old(room: Room, unknown: Iterable[BookingWork]) -> list[Decision]:
    """A booking without a row, met again after the ledger's memory: its tombstone may have been dropped."""
    oldest_s = room.clocks.now().timestamp() - room.policy.too_old_after_s
    decisions = []
    for work in unknown:
        old = [request for request in work.requests if request.first_seen_at.timestamp() < oldest_s]
        if old:
            decisions.append(Decision(work.take(old), DeadLettered(problem=Problem.coded("too_old"))))
    return decisions


async def _block_by_older_removals(
    room: Room, ready: Iterable[BookingWork], rows: Mapping[BookingId, LedgerRow]
) -> bool:
    """A removal behind a newer event may be parked with it: the tombstone version first (docs/protocol.md#rule-4)."""
    blocks = [
        (room.key(work.booking_id), request.command.version)
        for work in ready
        for request in work.requests
        if request.command.version < work.command.version and must_block(request.command, rows.get(work.booking_id))
    ]
    await room.block(blocks)
    return bool(blocks)


async def _answer(room: Room, planned: Sequence[PlannedBooking]) -> list[Decision]:
    """The steps that need neither Exchange nor a new row, but that a removal that waits blocks what is older."""
    blocks = [
        (one.row.key, one.work.command.version)
        for one in planned
        if isinstance(one.step, Rest) and must_block(one.work.command, one.row)
    ]
    await room.block(blocks)
    return [decision for one in planned for decision in _answered(one)]


def _answered(one: PlannedBooking) -> list[Decision]:
    match one.step:
        case Rest(for_s=for_s):
            return rest(one.work, for_s)
        case Supersede():
            return superseded(one.work)
        case Reuse():
            return refused_version(one.work)
        case Repeat(row=None):
            return done(one.work, item_id=_item_id(one.row))
        case _:
            return []


async def _record(room: Room, planned: Sequence[PlannedBooking]) -> list[Decision]:
    planned = [one for one in planned if isinstance(one.step, Record | Repeat) and one.step.row is not None]
    if not planned:
        return []
    afters = [one.step.row for one in planned if isinstance(one.step, Record | Repeat) and one.step.row]
    swaps = [CompareAndSwap(before=one.known, after=after) for one, after in zip(planned, afters, strict=True)]
    kept = await room.ledger.swap(swaps)
    for one in planned:
        room.reached(Milestone.COMMITTED, one.row.key)
    recorded = [one for one, is_kept in zip(planned, kept, strict=True) if is_kept]
    return [decision for one in recorded for decision in done(one.work, item_id=_item_id(one.row))]


async def _verify(room: Room, planned: Sequence[PlannedBooking]) -> AsyncGenerator[Decisions, None]:
    takeovers = {one.row.key: one.work.requests[0] for one in planned if one.row.claim is not None}
    verification = await claim_and_verify(room, [_blocked(one) for one in planned], takeovers)
    if verification.checks:
        yield verification.checks
    if decisions := _after_verifying(room, planned, await verification.record()):
        yield decisions


def _after_verifying(room: Room, planned: Sequence[PlannedBooking], verified: Sequence[Verified]) -> list[Decision]:
    troubles = [
        (one, trouble) for one, trouble in zip(planned, verified, strict=True) if not isinstance(trouble, LedgerRow)
    ]
    return [decision for one, trouble in troubles for decision in on_unverified(room, one.work, trouble)]


async def _write(room: Room, planned: Sequence[PlannedBooking]) -> AsyncGenerator[Decisions, None]:
    claimed_s = room.clocks.monotonic()
    try:
        written = await write(room, [_operation(one) for one in planned])
    except CalendarError as error:
        for one in planned:
            one.work.error = error
        return
    is_shared = len(planned) > 1
    pairs = list(zip(planned, written, strict=True))
    decisions: list[Decision] = []
    for one, outcome in pairs:
        await room.give_way()
        decisions += on_written(room, one.work, outcome, effect=_EFFECTS[type(one.step)], shared_request=is_shared)
    if decisions:
        yield decisions
    gone = [(one, outcome.row) for one, outcome in pairs if isinstance(outcome.outcome, Gone)]
    verification = await verify(room, [row for _, row in gone], claimed_s, {})
    if decisions := _after_verifying(room, [one for one, _ in gone], await verification.record()):
        yield decisions


def _operation(one: PlannedBooking) -> Write:
    command, row, rendered = one.work.command, one.row, one.work.rendered
    if rendered.event is None:
        assert row.item is not None  # noqa: S101 - a removal without an item was recorded, not planned as a write
        return Write(row=row, version=command.version, operation=Remove(ref=row.item), after=removed(command, row))
    after = present(command, row, rendered.digest)
    return Write(row=row, version=command.version, operation=put(row, command.version, rendered.event), after=after)


def _blocked(one: PlannedBooking) -> LedgerRow:
    command = one.work.command
    return replace(one.row, removed_version=command.version) if must_block(command, one.row) else one.row


def _item_id(row: LedgerRow) -> str | None:
    return row.item.item_id if row.item else None
