"""One round over the bookings of a batch: read the ledger, plan each, then record, look and write, each in one go."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from adapters.calendar import BookingId, Create, Gone, Mark, Remove, Update
from adapters.errors import CalendarError
from adapters.ledger import CompareAndSwap, LedgerRow
from consumers.messages.disposition import DeadLettered, Effect, Problem
from consumers.milestones import Milestone
from consumers.sync.booking_batch import BookingWork
from consumers.sync.decide import done, on_trouble_looking, on_written, rest, superseded
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
from consumers.sync.verify import Looked, claim_and_look, look
from consumers.sync.write import Write, Written, write


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedBooking:
    """A booking's turn in a round: what the ledger knows and what is to be done."""

    pending: BookingWork
    known: LedgerRow | None
    row: LedgerRow
    """`known`, or a fresh row where the ledger has none."""
    step: Step


_EFFECTS: dict[type[Step], Effect] = {
    CreateEvent: Effect.CREATED,
    UpdateEvent: Effect.CHANGED,
    RemoveEvent: Effect.REMOVED,
}


async def one_round(room: Room, ready: Sequence[BookingWork]) -> None:
    """Bring each booking one step on. What has no verdict afterwards wants another round, or waits (`error`).

    Raises:
        LedgerUnavailable: nothing of what is open may be acknowledged.
    """
    bookings = [pending.booking_id for pending in ready]
    rows = await _rows(room, ready)
    await _park_too_old(room, [pending for pending in ready if pending.booking_id not in rows])
    if await _bar_by_older_removals(room, ready, rows):
        rows = await room.rows(bookings)
    turns = [_turn(room, pending, rows.get(pending.booking_id)) for pending in ready if pending.asks]
    await asyncio.gather(*(_answer(room, turn) for turn in _with(turns, Rest, Supersede, Reuse, Repeat)))
    await _record(room, _with(turns, Record, Repeat))
    await _look(room, _with(turns, LookFirst))
    writes = _with(turns, CreateEvent, UpdateEvent, RemoveEvent)
    await _write(room, [turn for turn in writes if not turn.pending.alone])
    for turn in writes:
        if turn.pending.alone:
            await _write(room, [turn])


async def _rows(room: Room, ready: Sequence[BookingWork]) -> dict[BookingId, LedgerRow]:
    """What the ledger knows; what was read when the batch began serves once."""
    reads = [(pending.booking_id, pending.read) for pending in ready]
    for pending in ready:
        pending.read = None
    if any(read is None for _, read in reads):
        return await room.rows([booking for booking, _ in reads])
    return {booking: read.row for booking, read in reads if read is not None and read.row is not None}


def _turn(room: Room, pending: BookingWork, known: LedgerRow | None) -> PlannedBooking:
    row = known or LedgerRow(key=room.key(pending.booking_id), backend=room.calendar.backend)
    step = plan(pending.command, row, pending.rendered.digest)
    room.reached(Milestone.PLANNED, row.key)
    return PlannedBooking(pending=pending, known=known, row=row, step=step)


def _with(turns: Iterable[PlannedBooking], *steps: type[Step]) -> list[PlannedBooking]:
    return [turn for turn in turns if isinstance(turn.step, steps)]


async def _park_too_old(room: Room, unknown: Iterable[BookingWork]) -> None:
    """A booking without a row, met again after the ledger's memory: its tombstone may have been dropped."""
    oldest_s = room.clocks.now().timestamp() - room.policy.too_old_after_s
    for pending in unknown:
        old = [ask for ask in pending.asks if ask.first_seen_at.timestamp() < oldest_s]
        if old:
            await room.desk.settle(pending.take(old), DeadLettered(problem=Problem.coded("too_old")))


async def _bar_by_older_removals(room: Room, ready: Iterable[BookingWork], rows: Mapping[BookingId, LedgerRow]) -> bool:
    """A removal behind a newer event may be parked with it: the tombstone version first (docs/protocol.md#rule-4)."""
    bars = [
        (room.key(pending.booking_id), ask.command.version)
        for pending in ready
        for ask in pending.asks
        if ask.command.version < pending.command.version and must_block(ask.command, rows.get(pending.booking_id))
    ]
    if bars:
        await room.ledger.bar(bars)
    return bool(bars)


async def _answer(room: Room, turn: PlannedBooking) -> None:
    """The steps that need neither Exchange nor a new row."""
    match turn.step:
        case Rest(for_s=for_s):
            if must_block(turn.pending.command, turn.row):
                await room.ledger.bar([(turn.row.key, turn.pending.command.version)])
            await rest(room, turn.pending, for_s)
        case Supersede():
            await superseded(room, turn.pending)
        case Reuse():
            await refused_version(room, turn.pending)
        case Repeat(row=None):
            await done(room, turn.pending, item_id=_item_id(turn.row))


async def refused_version(room: Room, pending: BookingWork) -> None:
    """A reused version was not applied; what is older is planned on its own."""
    problem = Problem.coded("version_reused", member="/version")
    await room.desk.settle(pending.take(pending.same_version()), DeadLettered(problem=problem))


async def _record(room: Room, turns: Sequence[PlannedBooking]) -> None:
    turns = [turn for turn in turns if isinstance(turn.step, Record | Repeat) and turn.step.row is not None]
    if not turns:
        return
    afters = [turn.step.row for turn in turns if isinstance(turn.step, Record | Repeat) and turn.step.row]
    swaps = [CompareAndSwap(before=turn.known, after=after) for turn, after in zip(turns, afters, strict=True)]
    kept = await room.ledger.swap(swaps)
    for turn in turns:
        room.reached(Milestone.COMMITTED, turn.row.key)
    await asyncio.gather(
        *(done(room, turn.pending, item_id=_item_id(turn.row)) for turn, one in zip(turns, kept, strict=True) if one)
    )


async def _look(room: Room, turns: Sequence[PlannedBooking]) -> None:
    if not turns:
        return
    taken_over = {turn.row.key: turn.pending.asks[0] for turn in turns if turn.row.claim is not None}
    looked = await claim_and_look(room, [_barred(turn) for turn in turns], taken_over)
    await _after_looking(room, turns, looked)


async def _after_looking(room: Room, turns: Sequence[PlannedBooking], looked: Sequence[Looked]) -> None:
    for turn, found in zip(turns, looked, strict=True):
        if not isinstance(found, LedgerRow):
            await on_trouble_looking(room, turn.pending, found)


async def _write(room: Room, turns: Sequence[PlannedBooking]) -> None:
    if not turns:
        return
    claimed_s = room.clocks.monotonic()
    try:
        written = await write(room, [_operation(turn) for turn in turns])
    except CalendarError as error:
        for turn in turns:
            turn.pending.error = error
        return
    shared = len(turns) > 1
    await asyncio.gather(
        *(_on_written(room, turn, one, shared_request=shared) for turn, one in zip(turns, written, strict=True))
    )
    await _look_for_gone(room, list(zip(turns, written, strict=True)), claimed_s)


async def _on_written(room: Room, turn: PlannedBooking, one: Written, *, shared_request: bool) -> None:
    await room.give_way()
    await on_written(room, turn.pending, one, effect=_EFFECTS[type(turn.step)], shared_request=shared_request)


async def _look_for_gone(room: Room, written: Sequence[tuple[PlannedBooking, Written]], claimed_s: float) -> None:
    gone = [(turn, one.row) for turn, one in written if isinstance(one.outcome, Gone)]
    looked = await look(room, [row for _, row in gone], claimed_s, {})
    await _after_looking(room, [turn for turn, _ in gone], looked)


def _operation(turn: PlannedBooking) -> Write:
    command, row, rendered = turn.pending.command, turn.row, turn.pending.rendered
    mark = Mark(booking_id=command.booking_id, version=command.version)
    if rendered.event is None:
        assert row.item is not None  # noqa: S101 - a removal without an item was recorded, not planned as a write
        return Write(row=row, version=command.version, operation=Remove(ref=row.item), after=removed(command, row))
    after = present(command, row, rendered.digest)
    operation = (
        Create(mark=mark, event=rendered.event)
        if row.item is None
        else Update(mark=mark, ref=row.item, event=rendered.event)
    )
    return Write(row=row, version=command.version, operation=operation, after=after)


def _barred(turn: PlannedBooking) -> LedgerRow:
    command = turn.pending.command
    return replace(turn.row, removed_version=command.version) if must_block(command, turn.row) else turn.row


def _item_id(row: LedgerRow) -> str | None:
    return row.item.item_id if row.item else None
