"""Brings a room's calendar up to a batch of commands: first scan, delayed checks, then rounds of plan and write.

Decides and asks, and knows no broker: what becomes of the commands is yielded, and carried out by whoever iterates
before the next step is taken (docs/decisions/0026).
"""

from collections.abc import AsyncGenerator, Sequence
from functools import partial
from math import ceil

from adapters.errors import CalendarError, Throttled
from adapters.story import What
from consumers.messages.disposition import Checked, Decision, Decisions, Deferred, Problem, SyncRequest
from consumers.sync.booking_batch import BookingWork, Read, by_booking
from consumers.sync.decide import after_error, give_up
from consumers.sync.delayed_check import as_checks, check_bookings
from consumers.sync.first_scan import first_scan, scan_again
from consumers.sync.plan import must_block
from consumers.sync.room import Room
from consumers.sync.round import one_round
from consumers.throttling.retry import retry_in_place, tries

ROUNDS_MAX = 12
"""A booking that is undecided after this many plans is being fought over; it comes back later."""
FOUGHT_OVER_S = 15.0
HELD_TOLD_S = 1.0
"""What is waited out sooner is no part of a booking's story."""


async def sync_room(
    room: Room, requests: Sequence[SyncRequest], *, alone: bool = False
) -> AsyncGenerator[Decisions, None]:
    """Decide on every command of a batch, each once; none stays open.

    Args:
        room: whose calendar.
        requests: commands and delayed checks; of each booking all that are at hand.
        alone: each booking gets a request of its own, because one of them keeps crashing the worker.

    Raises:
        LedgerUnavailable: what is undecided yet must go back to the broker.
    """
    checks = [request for request in requests if request.look is not None]
    works = _works(room, [request for request in requests if request.look is None], alone=alone)
    try:
        # Nothing is claimed for a tenant that cannot work; a doubt is waited out.
        ready = partial(room.gate.breaker.ready, room.address)
        await retry_in_place(ready, room.policy.hold_s, sleep=room.clocks.sleep)
        if not await _read_rows(room, works):
            async for decisions in first_scan(room, requests[0]):
                yield decisions
    except CalendarError as error:
        yield await _room_unreadable(room, checks, works, error)
        return
    if checks:
        async for decisions in _check(room, checks, alone=alone):
            yield decisions
        for work in works:
            # Checks change rows.
            work.read = None
    async for decisions in _settle(room, works):
        yield decisions


def _works(room: Room, requests: Sequence[SyncRequest], *, alone: bool) -> list[BookingWork]:
    works = by_booking(requests, room.tenant.subject_template)
    for work in works:
        work.alone = alone
    return works


async def _read_rows(room: Room, works: Sequence[BookingWork]) -> bool:
    """Read the rows that the first round would ask for; False where the room was never scanned."""
    rows = await room.rows_if_scanned([work.booking_id for work in works])
    if rows is None:
        return False
    for work in works:
        work.read = Read(rows.get(work.booking_id))
    return True


async def _room_unreadable(
    room: Room, checks: Sequence[SyncRequest], works: Sequence[BookingWork], error: CalendarError
) -> list[Decision]:
    rows = await room.rows([work.booking_id for work in works])
    blocks = [
        (room.key(work.booking_id), request.command.version)
        for work in works
        for request in work.requests
        if must_block(request.command, rows.get(work.booking_id))
    ]
    # A removal blocks what is older before it may be dead-lettered.
    await room.block(blocks)
    decisions = [Decision(checks, after_error(room, error))] if checks else []
    for work in works:
        while work.requests:
            # A refusal takes the newest and leaves the older ones open: nothing else is going to decide on them here.
            decisions += give_up(room, work, error)
    return decisions


async def _check(room: Room, checks: Sequence[SyncRequest], *, alone: bool) -> AsyncGenerator[Decisions, None]:
    for check in [check for check in checks if check.look == "room"]:
        try:
            await scan_again(room)
        except CalendarError as error:
            yield [Decision([check], after_error(room, error))]
        else:
            yield [Decision([check], Checked())]
    bookings = await check_bookings(room, [check for check in checks if check.look == "booking"])
    if bookings.verification.checks:
        yield bookings.verification.checks
    decisions, newer = await bookings.repair()
    if decisions:
        yield decisions
    if newer:
        async for decided in _settle(room, _works(room, newer, alone=alone)):
            yield list(as_checks(room, decided))


async def _settle(room: Room, works: Sequence[BookingWork]) -> AsyncGenerator[Decisions, None]:
    """Decide on all; short troubles are waited out with the deliveries in hand, the rest of the batch comes before."""

    async def sleep(for_s: float) -> None:
        _tell_held(room, works, for_s)
        await room.clocks.sleep(for_s)

    try:
        async for current in tries(room.policy.hold_s, sleep=sleep):
            async for decisions in _rounds(room, works):
                yield decisions
            current.error = _longest_wait(works)
    except CalendarError as last:
        yield [decision for work in works if work.requests for decision in give_up(room, work, work.error or last)]


def _tell_held(room: Room, works: Sequence[BookingWork], for_s: float) -> None:
    for work in works:
        if work.requests and work.error is not None and for_s >= HELD_TOLD_S:
            code, version = work.error.code, work.command.version
            room.tell(work.booking_id, What.HELD, version=version, code=code, wait_s=ceil(for_s))


async def _rounds(room: Room, works: Sequence[BookingWork]) -> AsyncGenerator[Decisions, None]:
    """Rounds until each booking is decided or has to wait (`error`)."""
    for work in works:
        work.error = None
    for _ in range(ROUNDS_MAX):
        ready = [work for work in works if work.requests and work.error is None]
        while ready:
            # Of the size that the room bears by now: the batch may have been taken before a throttle.
            size = room.gate.batch_size(room.address, len(ready))
            async for decisions in one_round(room, ready[:size]):
                yield decisions
            ready = ready[size:]
        if not any(work.requests and work.error is None for work in works):
            return
    problem = Problem.coded("write_under_way")
    fought_over = Deferred(wait_s=FOUGHT_OVER_S, problem=problem, counts_attempt=True)
    yield [Decision(work.take_all(), fought_over) for work in works if work.requests and work.error is None]


def _longest_wait(works: Sequence[BookingWork]) -> CalendarError | None:
    """The error that asks for the longest wait, of what is left."""
    errors = [work.error for work in works if work.requests and work.error is not None]
    return max(errors, key=_asked_s, default=None)


def _asked_s(error: CalendarError) -> float:
    return (error.retry_after_s or 0.5) if isinstance(error, Throttled) else 0.0
