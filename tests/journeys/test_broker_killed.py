"""The broker dies three times in the middle of a real conference, and publisher and workers go on by themselves.

The recorded commands lie beside the checkout and are no part of it; without them these tests are skipped.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.chaos.chaos_harness import WORKERS, ChaosHarness
from tests.chaos.judge import Judgement, ended, judge
from tests.chaos.run import settle

pytestmark = [pytest.mark.broker, pytest.mark.timeout(400), pytest.mark.usefixtures("rabbitmq")]

KILLS = 3
KILLED_AFTER_WRITES = 200
"""Since the broker was last started; there are about 1,200."""
BEHIND_MAX = 300
"""The publisher waits while more of its commands are without a result, so that it is at it all the while."""
WITHIN_S = 120.0
LOOK_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """How far things were when the broker died: commands that the publisher held a confirm for, and results heard."""

    confirmed: int
    told: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """What the run left behind."""

    judgement: Judgement
    in_calendars: Counter[str]
    """Events by the room's address."""
    deaths: list[Death]
    commands_count: int
    parked_count: int


@pytest.fixture(scope="module")
def recorded(shared: Path) -> list[dict[str, Any]]:
    lines = (shared / "data" / "fosdem-2026.commands.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def expected(shared: Path) -> Counter[str]:
    rooms = json.loads((shared / "data" / "fosdem-2026.expected.json").read_text())["rooms"]
    return Counter({room: len(events) for room, events in rooms.items()})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def happened(recorded: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Happened]:
    async with ChaosHarness(tmp_path_factory.mktemp("broker-killed")) as harness:
        for number in range(WORKERS):
            await harness.start_worker(number)
        for number in range(WORKERS):
            await harness.until_consuming(number, WITHIN_S)
        async with asyncio.TaskGroup() as running:
            running.create_task(publish(harness, recorded))
            killing = running.create_task(kill_broker(harness))
        await settle(harness)
        events = harness.events()
        yield Happened(
            judgement=judge(harness.published, events, ended(harness.results, well=True)),
            in_calendars=Counter(event.room for event in events),
            deaths=killing.result(),
            commands_count=len(recorded),
            parked_count=harness.replayed,
        )


async def publish(harness: ChaosHarness, commands: list[dict[str, Any]]) -> None:
    """Some at once, each as often as it takes until it is confirmed."""
    async with asyncio.TaskGroup() as sending:
        for number, command in enumerate(commands):
            await until(lambda number=number: number - len(harness.results) < BEHIND_MAX, "results")
            sending.create_task(harness.publish(command))


async def kill_broker(harness: ChaosHarness) -> list[Death]:
    """Power cuts, each after some more writes."""
    deaths = []
    applied = harness.exchange.counts.applied
    for _ in range(KILLS):
        before = applied.total()
        await until(lambda before=before: applied.total() >= before + KILLED_AFTER_WRITES, "writes")
        deaths.append(Death(confirmed=harness.messages, told=len(harness.told)))
        await asyncio.to_thread(harness.broker.kill)
        await asyncio.to_thread(harness.broker.start)
    return deaths


async def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for what nothing reports."""
    until_s = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < until_s, f"waited {WITHIN_S:.0f} s for {what}"
        await asyncio.sleep(LOOK_S)


async def test_every_calendar_is_exact(happened: Happened, expected: Counter[str]) -> None:
    assert happened.judgement.complaints == []
    assert happened.in_calendars == expected


async def test_nothing_is_parked(happened: Happened) -> None:
    assert happened.parked_count == 0


async def test_the_broker_died_in_the_middle_of_things(happened: Happened) -> None:
    assert len(happened.deaths) == KILLS
    assert all(death.told < death.confirmed < happened.commands_count for death in happened.deaths)
