"""Brings a room's calendar up to a batch of commands: first touch, second looks, then rounds of plan and write."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from math import ceil

from adapters.errors import CalendarError, Throttled
from adapters.story import What
from consumers.messages.disposition import Checked, Deferred, Problem, SyncRequest
from consumers.sync.booking_batch import BookingWork, Read, by_booking
from consumers.sync.decide import give_up, send_away
from consumers.sync.delayed_check import LooksDesk, second_looks
from consumers.sync.first_scan import first_touch, look_again
from consumers.sync.plan import must_block
from consumers.sync.room import Room
from consumers.sync.round import one_round
from consumers.throttling.retry import retry_in_place

ROUNDS_MAX = 12
"""A booking that is not settled after this many plans is being fought over; it comes back later."""
FOUGHT_OVER_S = 15.0
HELD_TOLD_S = 1.0
"""What is waited out sooner is no part of a booking's story."""


async def sync_room(room: Room, asks: Sequence[SyncRequest], *, alone: bool = False) -> None:
    """Give every command of a batch its verdict; none stays open.

    Args:
        room: whose calendar.
        asks: commands and second looks; of each booking all that are at hand.
        alone: each booking gets a request of its own, because one of them keeps crashing the worker.

    Raises:
        LedgerUnavailable: what has no verdict yet must go back to the broker.
    """
    looks = [ask for ask in asks if ask.look is not None]
    bookings = _bookings(room, [ask for ask in asks if ask.look is None], alone=alone)
    error = await _stopped(room) or await _touch(room, asks, bookings)
    if error is not None:
        await _room_unreadable(room, looks, bookings, error)
        return
    if looks:
        await _second_looks(room, looks, alone=alone)
        for pending in bookings:
            # Looks change rows.
            pending.read = None
    await _ride_out(room, bookings)


async def _stopped(room: Room) -> CalendarError | None:
    """Why nothing of the tenant can work, before anything is claimed for it; a doubt is waited out."""
    try:
        await retry_in_place(
            partial(room.gate.breaker.ready, room.address), room.policy.hold_s, sleep=room.clocks.sleep
        )
    except CalendarError as error:
        return error
    return None


async def _touch(room: Room, asks: Sequence[SyncRequest], bookings: Sequence[BookingWork]) -> CalendarError | None:
    """See to it that the room was scanned once; returns why it could not be."""
    # The rows are what the first round would ask for.
    rows = await room.rows_if_scanned([pending.booking_id for pending in bookings])
    if rows is not None:
        for pending in bookings:
            pending.read = Read(rows.get(pending.booking_id))
        return None
    try:
        await retry_in_place(partial(first_touch, room, asks[0]), room.policy.hold_s, sleep=room.clocks.sleep)
    except CalendarError as error:
        return error
    return None


async def _room_unreadable(
    room: Room, looks: Sequence[SyncRequest], bookings: Sequence[BookingWork], error: CalendarError
) -> None:
    if looks:
        await room.desk.settle(looks, send_away(room, error))
    rows = await room.rows([pending.booking_id for pending in bookings])
    barred = [
        (room.key(pending.booking_id), ask.command.version)
        for pending in bookings
        for ask in pending.asks
        if must_block(ask.command, rows.get(pending.booking_id))
    ]
    if barred:
        # A removal bars what is older before it may be parked (docs/protocol.md#rule-4).
        await room.ledger.bar(barred)
    for pending in bookings:
        while pending.asks:
            # A refusal parks the newest and leaves the older ones open: nothing else is going to settle them here.
            await give_up(room, pending, error)


def _bookings(room: Room, asks: Sequence[SyncRequest], *, alone: bool) -> list[BookingWork]:
    bookings = by_booking(asks, room.tenant.subject_template)
    for pending in bookings:
        pending.alone = alone
    return bookings


async def _second_looks(room: Room, looks: Sequence[SyncRequest], *, alone: bool) -> None:
    for ask in [ask for ask in looks if ask.look == "room"]:
        try:
            await look_again(room)
        except CalendarError as error:
            await room.desk.settle([ask], send_away(room, error))
        else:
            await room.desk.settle([ask], Checked())
    newer = await second_looks(room, [ask for ask in looks if ask.look == "booking"])
    if newer:
        await _ride_out(replace(room, desk=LooksDesk(room)), _bookings(room, newer, alone=alone))


async def _ride_out(room: Room, bookings: Sequence[BookingWork]) -> None:
    """Short troubles are waited out with the deliveries in hand; the rest of the batch is settled before."""

    async def sleep(for_s: float) -> None:
        _tell_held(room, bookings, for_s)
        await room.clocks.sleep(for_s)

    try:
        await retry_in_place(partial(_until_settled, room, bookings), room.policy.hold_s, sleep=sleep)
    except CalendarError as last:
        for pending in bookings:
            if pending.asks:
                await give_up(room, pending, pending.error or last)


def _tell_held(room: Room, bookings: Sequence[BookingWork], for_s: float) -> None:
    for pending in bookings:
        if pending.asks and pending.error is not None and for_s >= HELD_TOLD_S:
            code, version = pending.error.code, pending.command.version
            room.tell(pending.booking_id, What.HELD, version=version, code=code, wait_s=ceil(for_s))


async def _until_settled(room: Room, bookings: Sequence[BookingWork]) -> None:
    """Raises the error that asks for the longest wait, when what is left has to wait."""
    for pending in bookings:
        pending.error = None
    for _ in range(ROUNDS_MAX):
        ready = [pending for pending in bookings if pending.asks and pending.error is None]
        if not ready:
            break
        await _in_parts(room, ready)
    fought_over = Deferred(wait_s=FOUGHT_OVER_S, problem=Problem.coded("write_under_way"), counts_attempt=True)
    for pending in bookings:
        if pending.asks and pending.error is None:
            await room.desk.settle(pending.take_all(), fought_over)
    waiting = [pending.error for pending in bookings if pending.asks and pending.error is not None]
    if waiting:
        raise max(waiting, key=_asked_s)


async def _in_parts(room: Room, ready: Sequence[BookingWork]) -> None:
    """One round, in requests of the size that the room bears by now: a batch may have been taken before a throttle."""
    while ready:
        size = room.gate.batch_size(room.address, len(ready))
        await one_round(room, ready[:size])
        ready = ready[size:]


def _asked_s(error: CalendarError) -> float:
    return (error.retry_after_s or 0.5) if isinstance(error, Throttled) else 0.0
