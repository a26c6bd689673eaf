"""A flood that arrives: one batch of its room at once, so that it is in hand soon, and more when it is."""

import asyncio

import pytest

from consumers.scheduling.room_queue import FLOOD, FLOOD_S, Inflow
from tests.dispatcher_harness import DispatcherHarness
from tests.room_harness import BOARD
from tests.waiting import until

FLOODED = 200


@pytest.mark.parametrize(
    ("within_s", "is_flood"), [(0.0, True), (0.99 * FLOOD_S, True), (1.1 * FLOOD_S, False), (10 * FLOOD_S, False)]
)
def test_a_flood_is_many_messages_within_a_moment(within_s: float, is_flood: bool) -> None:
    inflow = Inflow()
    for number in range(FLOOD):
        inflow.arrived(100.0 + within_s * number / (FLOOD - 1))
    assert inflow.is_flood(100.0 + within_s) == is_flood


def test_one_message_less_is_none() -> None:
    inflow = Inflow()
    for _ in range(FLOOD - 1):
        inflow.arrived(100.0)
    assert not inflow.is_flood(100.0)
    inflow.arrived(100.0)
    assert inflow.is_flood(100.0)


def test_a_flood_lasts_as_long_as_it_goes_on_and_a_moment_longer() -> None:
    inflow = Inflow()
    now_s = 100.0
    for number in range(20 * FLOOD):
        now_s += FLOOD_S / FLOOD / 2
        inflow.arrived(now_s)
        assert inflow.is_flood(now_s) == (number >= FLOOD - 1)
    assert inflow.is_flood(now_s + 0.4 * FLOOD_S)
    assert not inflow.is_flood(now_s + FLOOD_S)


async def a_flooded_hall() -> DispatcherHarness:
    """The room is known, a batch of it is under way, and a flood arrives."""
    harness = DispatcherHarness()
    for number in range(FLOOD - 1):
        harness.put(f"W-{number}")
    await harness.until(lambda: bool(harness.create_sizes()))
    harness.calendar.pause()
    for number in range(FLOODED):
        harness.put(f"B-{number}")
        await asyncio.sleep(0)
    assert harness.calendar.in_flight[BOARD] == 1
    return harness


async def test_while_it_arrives_a_room_has_one_batch_in_work() -> None:
    harness = await a_flooded_hall()
    harness.calendar.resume()
    await harness.until(lambda: len(harness.create_sizes()) > 3)
    assert harness.calendar.peak_by_room[BOARD] == 1
    await harness.idle()


async def test_when_it_is_over_more_begin_though_the_first_one_hangs() -> None:
    harness = await a_flooded_hall()
    harness.time.passed_s += FLOOD_S
    await until(lambda: harness.calendar.in_flight[BOARD] > 1)
    harness.calendar.resume()
    await harness.idle()
    assert harness.session.kinds().count("ack") == FLOOD - 1 + FLOODED


async def test_a_worker_that_stops_while_one_arrives_gives_it_back() -> None:
    harness = await a_flooded_hall()
    stopping = asyncio.create_task(harness.lanes.stop(within_s=600))
    await harness.until(lambda: harness.session.kinds().count("requeue") > 100)
    harness.calendar.resume()
    await stopping
    assert harness.session.kinds().count("ack") + harness.session.kinds().count("requeue") == FLOOD - 1 + FLOODED
