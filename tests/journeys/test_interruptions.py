"""A worker that ends in the middle of its work, in order or by a power cut: nothing lost, nothing twice.

One story for all tests: a backlog, a worker that is told to stop, one that is killed, and one that does the rest.
"""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from adapters.rabbitmq.node import BrokerNode
from adapters.simulator import LateReply
from tests.builders import a_command
from tests.program_harness import QUICK_CLAIMS, HarnessTenant, ProgramHarness

pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]

ROOMS, BOOKINGS = 8, 30
ALL = ROOMS * BOOKINGS
KILLED_IN = "room-0@acme.example"
DRAINED_WITHIN_S = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """After SIGTERM."""

    code: int
    told: int
    waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What happened."""

    drained: Drained
    told_before_the_kill: int
    results: list[dict[str, Any]]
    bookings: Counter[str | None]
    failed: int


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def story(broker: BrokerNode, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Story]:
    tenant = HarnessTenant(latency_ms=150)
    sync = QUICK_CLAIMS | {"batch_max": 2}
    async with ProgramHarness(tmp_path_factory.mktemp("interruptions"), broker.url, tenant, sync=sync) as harness:
        await asyncio.gather(*(harness.send(command) for command in backlog()))
        drained = await drain(harness)
        told_before_the_kill = await kill(harness)
        worker = await harness.worker()
        await harness.results.until(lambda: told_bookings(harness) == published(), "the rest", within_s=60)
        worker.signal(signal.SIGTERM)
        await worker.ended(DRAINED_WITHIN_S)
        yield Story(
            drained=drained,
            told_before_the_kill=told_before_the_kill,
            results=harness.results.told,
            bookings=Counter(event.booking for room in rooms() for event in harness.exchange.calendar(room)),
            failed=len(harness.failed.messages),
        )


def rooms() -> list[str]:
    return [f"room-{number}@acme.example" for number in range(ROOMS)]


def backlog() -> list[dict[str, object]]:
    return [a_command(room=room, booking_id=f"{room}/{number}") for number in range(BOOKINGS) for room in rooms()]


def published() -> set[object]:
    return {command["booking_id"] for command in backlog()}


def told_bookings(harness: ProgramHarness) -> set[object]:
    return {result["booking_id"] for result in harness.results.told}


async def drain(harness: ProgramHarness) -> Drained:
    worker = await harness.worker()
    await harness.results.wait_for(ALL // 10)
    worker.signal(signal.SIGTERM)
    code = await worker.ended(DRAINED_WITHIN_S)
    return Drained(code=code, told=len(harness.results.messages), waiting=await harness.waiting())


async def kill(harness: ProgramHarness) -> int:
    """Kill a worker while Exchange is at work for it: the events come into being, and nobody hears of it."""
    harness.exchange.faults.next(LateReply(1), room=KILLED_IN, operation="CreateItem")
    worker = await harness.worker()
    await harness.until(lambda: harness.exchange.counts.faults["LateReply"] > 0, "the request to be killed in")
    worker.signal(signal.SIGKILL)
    await worker.ended(5)
    return len(harness.results.messages)


async def test_a_worker_that_is_told_to_stop_ends_in_order_and_in_time(story: Story) -> None:
    assert story.drained.code == 0


async def test_what_it_had_not_done_is_back_in_the_queue(story: Story) -> None:
    assert 0 < story.drained.told < ALL
    assert story.drained.told + story.drained.waiting == ALL


async def test_after_a_kill_every_command_gets_its_result(story: Story) -> None:
    assert story.told_before_the_kill < ALL
    assert {result["booking_id"] for result in story.results} == published()
    assert {result["outcome"] for result in story.results} == {"synced"}
    assert story.failed == 0


async def test_after_a_kill_every_booking_stands_once(story: Story) -> None:
    assert story.bookings == Counter(f"acme/{booking}" for booking in published())
