"""The worker's process when the broker's password changes, and when it has to end while the broker takes nothing."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import aiohttp
import pytest

from adapters.rabbitmq.node import BrokerNode
from adapters.simulator.troubles import Answer, Call
from tests.builders import a_command
from tests.program_harness import LOOK_S, HarnessTenant, ProgramHarness
from tests.programs import Program

pytestmark = [pytest.mark.broker, pytest.mark.timeout(180)]

USER = "rooms"
ENDS_WITHIN_S = 25
ROOMS = 4
COMMANDS = 40
PATIENT = {"request_timeout_s": 30, "claim_s": 40, "second_look_s": 60}
"""Longer than an alarm takes to be raised: a held request that times out lets its room's other commands through."""


@dataclass(slots=True)
class Held:
    """A request that Exchange carries out, and answers when it is told to."""

    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    answer: asyncio.Event = field(default_factory=asyncio.Event)

    async def play(self, call: Call) -> Answer:
        answer = call.apply()
        self.arrived.set()
        await self.answer.wait()
        return answer


@pytest.fixture
async def harness(node: BrokerNode, tmp_path: Path) -> AsyncIterator[ProgramHarness]:
    async with ProgramHarness(tmp_path, node.url, HarnessTenant(), sync=PATIENT) as harness:
        yield harness


async def ctl(node: BrokerNode, *arguments: str) -> None:
    await asyncio.to_thread(node.ctl, *arguments)


async def test_a_password_that_is_changed_at_the_broker_and_in_its_file_needs_no_restart(
    harness: ProgramHarness, node: BrokerNode
) -> None:
    await ctl(node, "add_user", USER, "an-old-one")
    await ctl(node, "set_permissions", USER, ".*", ".*", ".*")
    url_file = harness.folder / "broker.url"
    url_file.write_text(address(node, "an-old-one"))
    config = harness.folder / "roomsync.toml"
    config.write_text(config.read_text().replace(f'url = "{harness.url}"', 'url_file = "broker.url"'))
    worker = await harness.worker()

    await ctl(node, "change_password", USER, "a-newer-one")
    await ctl(node, "close_all_user_connections", USER, "the password was changed")
    await harness.until(lambda: bool(worker.events("broker.lost")), "the worker to be locked out")
    url_file.write_text(address(node, "a-newer-one"))

    assert (await harness.sync(a_command(), within_s=60))["outcome"] == "synced"
    # It tells that it consumes when it has begun with the last partition: a command may be done before.
    await harness.until(lambda: len(worker.events("intake.consuming")) == 2, "the worker to consume again")


def address(node: BrokerNode, password: str) -> str:
    return f"amqp://{USER}:{password}@127.0.0.1:{node.port}/"


def drained_s(worker: Program) -> float:
    """From the signal to the end, as the worker's log tells it: how long a busy machine then takes is not its doing."""
    (draining,), (stopped,) = worker.events("worker.draining"), worker.events("worker.stopped")
    began_at, ended_at = (datetime.fromisoformat(line["timestamp"]) for line in (draining, stopped))
    return (ended_at - began_at).total_seconds()


async def blocked(harness: ProgramHarness) -> None:
    """Return once the worker has met the alarm: with what it was about to tell."""
    async with asyncio.timeout(30), aiohttp.ClientSession() as session:
        while True:
            async with session.get(f"{harness.http['roomsync.toml']}/readyz") as answer:
                if "the broker blocks publishing" in await answer.text():
                    return
            await asyncio.sleep(LOOK_S)


async def test_a_worker_that_has_to_end_during_an_alarm_ends_in_time_and_loses_nothing(
    harness: ProgramHarness, node: BrokerNode
) -> None:
    rooms = [f"room-{number}@acme.example" for number in range(ROOMS)]
    held = [Held() for _ in rooms]
    for room, request in zip(rooms, held, strict=True):
        harness.exchange.faults.next(request, room=room, operation="CreateItem")
    worker = await harness.worker()
    bookings = [f"B-{number}" for number in range(COMMANDS)]
    for number, booking in enumerate(bookings):
        await harness.send(a_command(booking_id=booking, room=rooms[number % ROOMS]))
    async with asyncio.timeout(30):
        await asyncio.gather(*(request.arrived.wait() for request in held))

    await asyncio.to_thread(node.raise_memory_alarm)
    try:
        for request in held:
            request.answer.set()
        await blocked(harness)
        worker.signal(signal.SIGTERM)
        assert await worker.ended(60) == 0, worker.tail
        assert drained_s(worker) < ENDS_WITHIN_S
        assert harness.results.messages == []
    finally:
        await asyncio.to_thread(node.clear_memory_alarm)
    await harness.worker()

    # At least once: what stood in the blocked connection is taken when the alarm is over, and told once more.
    results = harness.results
    await results.until(lambda: {one["booking_id"] for one in results.told} == set(bookings), "all results", 60)
    assert {result["outcome"] for result in results.told} == {"synced"}
    standing = Counter(event.booking for room in rooms for event in harness.exchange.calendar(room))
    assert standing == Counter(f"acme/{booking}" for booking in bookings)
    assert harness.failed.messages == []
    assert await harness.waiting() == 0
