"""Places: who begins at once, who waits, and that small lanes do not wait behind large ones."""

import asyncio
from dataclasses import replace

import pytest

from adapters.calendar import BookingId, RoomAddress
from consumers.milestones import Milestone
from consumers.scheduling.fair_scheduler import (
    EACH_SLOT,
    FEW,
    FEW_COMMANDS,
    FEW_ROOMS,
    FEW_SMALL,
    MANY,
    SMALL,
    FairScheduler,
    Permit,
)
from consumers.scheduling.pulse import BEAT_S, Pulse
from consumers.scheduling.right_of_way import RightOfWay
from tests.room_harness import RoomHarness, VirtualTime
from tests.waiting import turns

FULL = 20


class Hour:
    """Places whose event loop is as late as the test says."""

    def __init__(self, slots: int = 32) -> None:
        self.time = VirtualTime()
        self.pulse = Pulse(lambda: False)
        assert self.pulse.spare == 0
        self.places = FairScheduler(lambda: None, lambda: slots, self.pulse, RightOfWay(), self.time.monotonic)

    def beats(self, late_s: float, busy: float = 0.0) -> None:
        for _ in range(30):
            self.pulse.measured(late_s, busy=busy)

    def fill_large(self) -> int:
        """Begin full batches while there are places; returns how many."""
        begun = 0
        while self.places.large.is_free:
            self.places.large.take(FULL, FULL)
            begun += 1
        return begun


async def test_a_few_full_batches_are_in_work_at_once() -> None:
    assert Hour().fill_large() == FEW_COMMANDS // FULL


async def test_batches_that_are_not_full_count_by_their_commands() -> None:
    hour = Hour()
    while hour.places.large.is_free:
        hour.places.large.take(FULL, 8)
    assert hour.places.large.batches_count == FEW_COMMANDS // 8


async def test_more_begin_while_the_event_loop_has_time() -> None:
    hour = Hour()
    hour.beats(0.0)
    assert hour.fill_large() == FEW_COMMANDS // FULL + hour.pulse.spare


async def test_no_more_begin_than_two_for_each_slot() -> None:
    hour = Hour(slots=2)
    hour.beats(0.0)
    assert hour.fill_large() == EACH_SLOT * 2
    hour.places.small.take(FULL, 1)
    assert hour.places.small.batches_count == 1


async def test_a_small_lane_has_a_place_when_the_large_ones_have_none() -> None:
    hour = Hour()
    hour.fill_large()
    assert hour.places.row(SMALL).is_free
    assert not hour.places.row(SMALL + 1).is_free


async def test_small_ones_gather_too_when_there_are_very_many() -> None:
    hour = Hour()
    while hour.places.small.is_free:
        hour.places.small.take(FULL, 1)
    assert hour.places.small.batches_count == FEW_SMALL


async def test_small_ones_gather_too_when_the_process_has_no_time_though_the_loop_is_punctual() -> None:
    begun = []
    for busy in (0.5, 1.0):
        hour = Hour()
        hour.beats(0.0, busy)
        while hour.places.small.is_free:
            hour.places.small.take(FULL, 1)
        begun.append(hour.places.small.batches_count)
    assert begun == [EACH_SLOT * 32, FEW_SMALL]


CALM = 0.0
LATE = 0.1


@pytest.mark.parametrize(
    ("large_rooms", "late_s", "pause_s"),
    [
        (1, CALM, FEW.calm_s),
        (1, LATE, FEW.busy_s),
        (FEW_ROOMS + 1, CALM, BEAT_S),
        (FEW_ROOMS + 1, LATE, MANY.busy_s),
    ],
)
async def test_beside_small_ones_a_large_batch_begins_now_and_then(
    large_rooms: int, late_s: float, pause_s: float
) -> None:
    hour = Hour()
    hour.beats(late_s)
    for number in range(large_rooms):
        hour.places.line_up(RoomAddress(f"r{number}@acme.example"), FULL)
    hour.places.small.take(FULL, 1)
    assert hour.fill_large() == 1
    begun = []
    for _ in range(3):
        # A pause, and what is lost in sums; half of one is not enough.
        for part in (0.499, 0.502):
            hour.time.passed_s += part * pause_s
            begun.append(hour.fill_large())
    assert begun == [0, 1] * 3


async def test_beside_small_ones_the_batches_of_a_few_rooms_are_small_too() -> None:
    large, small = (places := Hour().places).large, places.small
    assert (large.batch_size(FULL), small.batch_size(FULL)) == (FULL, FULL)
    place = small.take(FULL, 1)
    assert (large.batch_size(FULL), small.batch_size(FULL)) == (FEW.most, FULL)
    assert large.batch_size(FEW.most - 1) == FEW.most - 1
    place.leave()
    assert large.batch_size(FULL) == FULL


async def test_beside_small_ones_the_batches_of_many_rooms_stay_full() -> None:
    places = Hour().places
    places.small.take(FULL, 1)
    places.large.take(FULL, FULL)
    for number in range(FEW_ROOMS - 1):
        places.line_up(RoomAddress(f"r{number}@acme.example"), FULL)
    assert places.large.batch_size(FULL) == FEW.most
    places.line_up(RoomAddress("one.more@acme.example"), FULL)
    assert places.large.batch_size(FULL) == FULL


def send(place: Permit) -> None:
    """Let the batch on this place claim its booking: its request leaves."""
    room = RoomHarness().room
    place.within(room).reached(Milestone.CLAIMED, room.key(BookingId("B-1")))


async def gives_way(place: Permit) -> bool:
    """Whether a step of the batch on this place has to wait just now."""
    giving = asyncio.create_task(place.give_way())
    await turns(10)
    return giving.cancel()


async def test_the_batches_of_a_few_rooms_give_way_until_the_small_one_is_sent() -> None:
    hour = Hour()
    large, small = hour.places.large.take(FULL, FULL), hour.places.small.take(FULL, 1)
    room = RoomHarness().room
    within = small.within(room)
    assert (await gives_way(large), await gives_way(small)) == (True, False)
    within.reached(Milestone.PLANNED, room.key(BookingId("B-1")))
    assert await gives_way(large)
    within.reached(Milestone.CLAIMED, room.key(BookingId("B-1")))
    assert not await gives_way(large)
    small.leave()
    hour.places.small.take(FULL, 1)
    assert await gives_way(large)


async def test_they_give_way_to_none_that_had_nothing_to_send() -> None:
    hour = Hour()
    large, small = hour.places.large.take(FULL, FULL), hour.places.small.take(FULL, 1)
    hour.places.small.take(FULL, 1).leave()
    assert await gives_way(large)
    small.leave()
    send(hour.places.small.take(FULL, 1))
    assert not await gives_way(large)


async def test_they_give_way_to_none_that_sleeps() -> None:
    hour = Hour()
    large, small = hour.places.large.take(FULL, FULL), hour.places.small.take(FULL, 1)
    send(hour.places.small.take(FULL, 1))
    awake = asyncio.Event()

    async def sleep(_: float) -> None:
        await awake.wait()

    harness = RoomHarness()
    room = replace(harness.room, clocks=replace(harness.room.clocks, sleep=sleep))
    asleep = asyncio.create_task(small.within(room).clocks.sleep(1.0))  # type: ignore[arg-type]  # a coroutine
    await asyncio.sleep(0)
    assert not await gives_way(large)
    awake.set()
    await asleep


async def test_the_batches_of_many_rooms_give_way_to_nobody() -> None:
    hour = Hour()
    large = hour.places.large.take(FULL, FULL)
    for number in range(FEW_ROOMS):
        hour.places.line_up(RoomAddress(f"r{number}@acme.example"), FULL)
    hour.places.small.take(FULL, 1)
    assert not await gives_way(large)


async def test_turns_are_taken_in_the_order_of_the_line_and_only_as_far_as_there_are_places() -> None:
    hour = Hour()
    hour.fill_large()
    rooms = [RoomAddress(f"r{number}@acme.example") for number in range(3)]
    for room in rooms:
        hour.places.line_up(room, FULL)
    assert list(hour.places.turns()) == []
    hour.places.large.batches_count = hour.places.large.commands_count = 0
    begun = []
    for room in hour.places.turns():
        begun.append(room)
        hour.places.large.take(FEW_COMMANDS // 2, FEW_COMMANDS // 2)
    assert begun == rooms[:2]
    assert hour.places.is_lined_up(rooms[2])
