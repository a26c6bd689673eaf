"""Exchange carries out a request long after everybody stopped waiting for it: the second look puts that right."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.simulator.troubles import RESET, Answer, Call
from tests.faults.stories import LOOKED_FOR, warm_up
from tests.faults.worker_harness import BOARD, WorkerHarness, a_worker_harness, as_published


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
async def harness(tmp_path: Path) -> AsyncIterator[WorkerHarness]:
    async with a_worker_harness(tmp_path) as harness:
        await warm_up(harness)
        yield harness


async def until_told(harness: WorkerHarness, message_id: str, word: str) -> None:
    await harness.quiet()
    while harness.told(message_id)[-1] != word:
        await harness.come_back()


async def test_a_create_that_arrives_after_its_repetition_leaves_one_event(harness: WorkerHarness) -> None:
    late = AppliedWhenTold()
    harness.exchange.faults.next(late, room=BOARD, operation="CreateItem")
    harness.put("B-0")
    await until_told(harness, "B-0.1", "synced")
    late.apply()
    assert len(harness.calendar()) == 3, "the late one stands beside its repetition"
    await harness.all_is_done()
    assert tuple(harness.told("B-0.1")) == LOOKED_FOR
    assert harness.calendar() == as_published(("B-0", 1), ("W-b", 1))


async def test_an_update_that_arrives_after_a_newer_one_is_overwritten_again(harness: WorkerHarness) -> None:
    harness.put("B-0")
    await harness.all_is_done()
    late = AppliedWhenTold()
    harness.exchange.faults.next(late, room=BOARD, operation="UpdateItem")
    harness.put("B-0", 2)
    await harness.quiet()
    harness.put("B-0", 3)
    await until_told(harness, "B-0.3", "synced")
    late.apply()
    assert harness.calendar() == as_published(("B-0", 2), ("W-b", 1)), "the late one destroyed the newer one"
    await harness.all_is_done()
    assert harness.calendar() == as_published(("B-0", 3), ("W-b", 1))


async def test_a_removal_that_arrives_after_the_booking_came_back_finds_nothing_to_destroy(
    harness: WorkerHarness,
) -> None:
    harness.put("B-0")
    await harness.all_is_done()
    late = AppliedWhenTold()
    harness.exchange.faults.next(late, room=BOARD, operation="DeleteItem")
    harness.put("B-0", 2, command="cancel")
    await harness.quiet()
    harness.put("B-0", 3)
    await until_told(harness, "B-0.3", "synced")
    late.apply()
    assert harness.calendar() == as_published(("B-0", 3), ("W-b", 1)), "it came back under another id"
    await harness.all_is_done()
    assert harness.calendar() == as_published(("B-0", 3), ("W-b", 1))


async def test_a_create_that_arrives_after_its_cancel_is_removed(harness: WorkerHarness) -> None:
    late = AppliedWhenTold()
    harness.exchange.faults.next(late, room=BOARD, operation="CreateItem")
    harness.put("B-0")
    await harness.quiet()
    harness.put("B-0", 2, command="cancel")
    await until_told(harness, "B-0.2", "removed")
    late.apply()
    await harness.all_is_done()
    assert harness.calendar() == as_published(("W-b", 1))
