"""A write of unknown outcome, and then Exchange is away: whoever waits to look asks seldom and multiplies nothing."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.simulator import HttpStatus, LoseReply
from tests.faults.stories import warm_up
from tests.faults.worker_harness import BOARD, WorkerHarness, a_worker_harness, as_published

HOUR_S = 3600.0


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[WorkerHarness]:
    """Three bookings whose reply was lost."""
    async with a_worker_harness(tmp_path) as harness:
        await warm_up(harness)
        harness.exchange.faults.next(LoseReply(), room=BOARD, operation="CreateItem")
        for number in range(3):
            harness.put(f"B-{number}")
        await harness.quiet()
        yield harness


async def lasts(harness: WorkerHarness, for_s: float) -> None:
    until_s = harness.time.passed_s + for_s
    while harness.time.passed_s < until_s:
        await harness.come_back()


async def test_looks_that_fail_for_hours_leave_no_messages_behind(harness: WorkerHarness) -> None:
    await harness.exchange.stop()
    await lasts(harness, 6 * HOUR_S)
    assert len(harness.queues.away) == 3, "the three commands, and no second looks"
    await harness.exchange.start()
    await harness.all_is_done()
    assert [harness.told(f"B-{number}.1").count("second look in 300 s") for number in range(3)] == [1, 1, 1]
    assert harness.calendar() == as_published(("B-0", 1), ("B-1", 1), ("B-2", 1), ("W-b", 1))
    assert harness.written() == 3 + 1


async def test_second_looks_that_fail_for_hours_leave_no_messages_behind(harness: WorkerHarness) -> None:
    while "synced" not in harness.told("B-0.1"):
        await harness.come_back()
    await harness.exchange.stop()
    await lasts(harness, 6 * HOUR_S)
    assert len(harness.queues.away) == 3
    await harness.exchange.start()
    await harness.all_is_done()
    assert [harness.told(f"B-{number}.1").count("synced") for number in range(3)] == [1, 1, 1]
    assert harness.calendar() == as_published(("B-0", 1), ("B-1", 1), ("B-2", 1), ("W-b", 1))


async def test_a_named_time_keeps_the_look_away_too(tmp_path: Path) -> None:
    async with a_worker_harness(tmp_path) as harness:
        await warm_up(harness)
        harness.exchange.faults.next(HttpStatus(500, retry_after=600), room=BOARD, operation="CreateItem")
        harness.put("B-0")
        await harness.all_is_done()
        assert harness.exchange.counts.early == 0
        assert harness.told("B-0.1").count("second look in 300 s") == 1
        assert 600 <= harness.done_after_s("B-0.1") <= 800
        assert harness.calendar() == as_published(("B-0", 1), ("W-b", 1))


async def test_looks_that_are_refused_park_the_commands_and_leave_one_second_look_each(harness: WorkerHarness) -> None:
    harness.exchange.access.deny(BOARD)
    await lasts(harness, 6 * HOUR_S)
    assert [harness.told(f"B-{number}.1").count("failed: rights_missing") for number in range(3)] == [1, 1, 1]
    assert len(harness.queues.away) == 3, "the second looks, which go on until the room may be read again"
    harness.exchange.access.allow(BOARD)
    await harness.all_is_done()
    assert harness.calendar() == as_published(("B-0", 1), ("B-1", 1), ("B-2", 1), ("W-b", 1))
