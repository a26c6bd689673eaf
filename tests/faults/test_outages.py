"""A write of unknown outcome, and then Exchange is away: whoever waits to look asks seldom and multiplies nothing."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.simulator import HttpStatus, LoseReply
from tests.faults.house import BOARD, House, a_house, as_published
from tests.faults.stories import warm_up

HOUR_S = 3600.0


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """Three bookings whose reply was lost."""
    async with a_house(tmp_path) as house:
        await warm_up(house)
        house.exchange.faults.next(LoseReply(), room=BOARD, operation="CreateItem")
        for number in range(3):
            house.put(f"B-{number}")
        await house.quiet()
        yield house


async def lasts(house: House, for_s: float) -> None:
    until_s = house.time.passed_s + for_s
    while house.time.passed_s < until_s:
        await house.come_back()


async def test_looks_that_fail_for_hours_leave_no_messages_behind(house: House) -> None:
    await house.exchange.stop()
    await lasts(house, 6 * HOUR_S)
    assert len(house.queues.away) == 3, "the three commands, and no second looks"
    await house.exchange.start()
    await house.all_is_done()
    assert [house.told(f"B-{number}.1").count("second look in 300 s") for number in range(3)] == [1, 1, 1]
    assert house.calendar() == as_published(("B-0", 1), ("B-1", 1), ("B-2", 1), ("W-b", 1))
    assert house.written() == 3 + 1


async def test_second_looks_that_fail_for_hours_leave_no_messages_behind(house: House) -> None:
    while "synced" not in house.told("B-0.1"):
        await house.come_back()
    await house.exchange.stop()
    await lasts(house, 6 * HOUR_S)
    assert len(house.queues.away) == 3
    await house.exchange.start()
    await house.all_is_done()
    assert [house.told(f"B-{number}.1").count("synced") for number in range(3)] == [1, 1, 1]
    assert house.calendar() == as_published(("B-0", 1), ("B-1", 1), ("B-2", 1), ("W-b", 1))


async def test_a_named_time_keeps_the_look_away_too(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        await warm_up(house)
        house.exchange.faults.next(HttpStatus(500, retry_after=600), room=BOARD, operation="CreateItem")
        house.put("B-0")
        await house.all_is_done()
        assert house.exchange.counts.early == 0
        assert house.told("B-0.1").count("second look in 300 s") == 1
        assert 600 <= house.done_after_s("B-0.1") <= 800
        assert house.calendar() == as_published(("B-0", 1), ("W-b", 1))


async def test_looks_that_are_refused_park_the_commands_and_leave_one_second_look_each(house: House) -> None:
    house.exchange.access.deny(BOARD)
    await lasts(house, 6 * HOUR_S)
    assert [house.told(f"B-{number}.1").count("failed: rights_missing") for number in range(3)] == [1, 1, 1]
    assert len(house.queues.away) == 3, "the second looks, which go on until the room may be read again"
    house.exchange.access.allow(BOARD)
    await house.all_is_done()
    assert house.calendar() == as_published(("B-0", 1), ("B-1", 1), ("B-2", 1), ("W-b", 1))
