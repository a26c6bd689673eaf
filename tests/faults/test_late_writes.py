"""Exchange carries out a request long after everybody stopped waiting for it: the second look puts that right."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.simulator.troubles import RESET, Answer, Call
from tests.faults.house import BOARD, House, a_house, as_published
from tests.faults.stories import LOOKED_FOR, warm_up


class AppliedWhenTold:
    """The connection is reset; the request is carried out when the test says so."""

    def __init__(self) -> None:
        self._calls: list[Call] = []

    async def play(self, call: Call) -> Answer:
        self._calls.append(call)
        return RESET

    def apply(self) -> None:
        (call,) = self._calls
        call.apply()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(tmp_path) as house:
        await warm_up(house)
        yield house


async def until_told(house: House, message_id: str, word: str) -> None:
    await house.quiet()
    while house.told(message_id)[-1] != word:
        await house.come_back()


async def test_a_create_that_arrives_after_its_repetition_leaves_one_event(house: House) -> None:
    late = AppliedWhenTold()
    house.exchange.faults.next(late, room=BOARD, operation="CreateItem")
    house.put("B-0")
    await until_told(house, "B-0.1", "synced")
    late.apply()
    assert len(house.calendar()) == 3, "the late one stands beside its repetition"
    await house.all_is_done()
    assert tuple(house.told("B-0.1")) == LOOKED_FOR
    assert house.calendar() == as_published(("B-0", 1), ("W-b", 1))


async def test_an_update_that_arrives_after_a_newer_one_is_overwritten_again(house: House) -> None:
    house.put("B-0")
    await house.all_is_done()
    late = AppliedWhenTold()
    house.exchange.faults.next(late, room=BOARD, operation="UpdateItem")
    house.put("B-0", 2)
    await house.quiet()
    house.put("B-0", 3)
    await until_told(house, "B-0.3", "synced")
    late.apply()
    assert house.calendar() == as_published(("B-0", 2), ("W-b", 1)), "the late one destroyed the newer one"
    await house.all_is_done()
    assert house.calendar() == as_published(("B-0", 3), ("W-b", 1))


async def test_a_removal_that_arrives_after_the_booking_came_back_finds_nothing_to_destroy(house: House) -> None:
    house.put("B-0")
    await house.all_is_done()
    late = AppliedWhenTold()
    house.exchange.faults.next(late, room=BOARD, operation="DeleteItem")
    house.put("B-0", 2, command="cancel")
    await house.quiet()
    house.put("B-0", 3)
    await until_told(house, "B-0.3", "synced")
    late.apply()
    assert house.calendar() == as_published(("B-0", 3), ("W-b", 1)), "it came back under another id"
    await house.all_is_done()
    assert house.calendar() == as_published(("B-0", 3), ("W-b", 1))


async def test_a_create_that_arrives_after_its_cancel_is_removed(house: House) -> None:
    late = AppliedWhenTold()
    house.exchange.faults.next(late, room=BOARD, operation="CreateItem")
    house.put("B-0")
    await house.quiet()
    house.put("B-0", 2, command="cancel")
    await until_told(house, "B-0.2", "removed")
    late.apply()
    await house.all_is_done()
    assert house.calendar() == as_published(("W-b", 1))
