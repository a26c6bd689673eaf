"""A dozen kinds of poison beside neighbours at two commands a second: each costs itself, and nobody else anything.

A quarter of a minute; ROOMSYNC_POISON_MINUTES asks for more, and for a large message of 100 MiB.
"""

import asyncio
import base64
import json
import os
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from adapters.rabbitmq.node import BrokerNode
from tests.bare_publisher import BareClient, Lying
from tests.builders import a_command
from tests.poison import ROOM, Poison, is_copy_of, poisons
from tests.program_harness import ProgramHarness
from tests.programs import Program

MINUTES = float(os.environ.get("ROOMSYNC_POISON_MINUTES", "0"))
ROUND_S = MINUTES * 60 / 2 or 8.0
LARGE_BYTES = (100 if MINUTES else 20) * 1024 * 1024
NEIGHBOURS = ("board@acme.example", "hall@acme.example", "lobby@acme.example", ROOM)
SLOWER_MAX_S = 2.0
"""By how much the slowest of a hundred neighbours may be later than without poison; the machine is shared."""

pytestmark = [pytest.mark.broker, pytest.mark.timeout(600 + 120 * MINUTES), pytest.mark.asyncio(loop_scope="module")]


@dataclass
class Round:
    """What was published, and when."""

    poison: list[Poison] = field(default_factory=list)
    published_at: dict[str, datetime] = field(default_factory=dict)


@dataclass
class Run:
    """All of it, when it is over."""

    harness: ProgramHarness
    workers: list[Program]
    quiet: Round
    rounds: list[Round]
    lying: list[Lying]
    """What lay in `failed` then."""

    @property
    def all_poison(self) -> list[Poison]:
        return [each for one in self.rounds for each in one.poison]

    def latencies_s(self, *rounds: Round) -> list[float]:
        """From each neighbour's publication to its result, the slowest last."""
        begun = {booking: at for one in rounds for booking, at in one.published_at.items()}
        told = [(each["booking_id"], each["at"]) for each in self.harness.results.told if each["booking_id"] in begun]
        return sorted((datetime.fromisoformat(at) - begun[booking]).total_seconds() for booking, at in told)


async def publish_beside(harness: ProgramHarness, name: str, poison: list[Poison]) -> Round:
    """Neighbours for the length of a round, and its poison one by one."""
    one, begun_s, number = Round(poison=poison), time.monotonic(), 0
    waiting = list(poison)
    every_s = ROUND_S / (len(poison) + 1)
    async with BareClient.connected(harness.url) as bare:
        while time.monotonic() - begun_s < ROUND_S or waiting:
            booking = f"{name}-{number}"
            one.published_at[booking] = datetime.now(UTC)
            await harness.send(a_command(booking_id=booking, room=NEIGHBOURS[number % len(NEIGHBOURS)]))
            number += 1
            while waiting and time.monotonic() - begun_s >= every_s * (len(poison) - len(waiting)):
                each = waiting.pop(0)
                await bare.publish(harness.names.commands, each.routing_key, each.body, each.properties)
            # The pace of the publishers, two a second.
            await asyncio.sleep(max(0.0, begun_s + number / 2 - time.monotonic()))
    return one


async def until_told(harness: ProgramHarness, rounds: list[Round]) -> None:
    wanted = {booking for one in rounds for booking in one.published_at}
    wanted |= {each.booking for one in rounds for each in one.poison if each.code is None}
    failed = sum(each.code is not None for one in rounds for each in one.poison)

    def all_told() -> bool:
        told = harness.results.told
        return wanted <= {each["booking_id"] for each in told if each["outcome"] == "synced"} and (
            sum(each["outcome"] == "failed" for each in told) >= failed
        )

    await harness.until(all_told, "every result", 60)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def run(broker: BrokerNode, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Run]:
    async with ProgramHarness(tmp_path_factory.mktemp("poison"), broker.url, collects_failed=False) as harness:
        workers = [await harness.worker()]
        quiet = await publish_beside(harness, "quiet", [])
        first = await publish_beside(harness, "first", poisons("p1", large_bytes=LARGE_BYTES))
        await until_told(harness, [quiet, first])
        await workers[0].end()
        workers.append(await harness.worker())
        second = await publish_beside(harness, "second", poisons("p2", large_bytes=LARGE_BYTES))
        await until_told(harness, [quiet, first, second])
        async with BareClient.connected(harness.url) as bare:
            lying = await bare.all_in(harness.names.failed)
        yield Run(harness=harness, workers=workers, quiet=quiet, rounds=[first, second], lying=lying)


async def test_every_neighbour_is_synced_at_the_first_attempt(run: Run) -> None:
    neighbours = {booking for one in (run.quiet, *run.rounds) for booking in one.published_at}
    told = [each for each in run.harness.results.told if each["booking_id"] in neighbours]
    assert {(each["outcome"], each["attempts"]) for each in told} == {("synced", 1)}
    assert sorted(each["booking_id"] for each in told) == sorted(neighbours)


async def test_every_neighbour_is_synced_within_its_usual_time(run: Run) -> None:
    usual, beside = run.latencies_s(run.quiet), run.latencies_s(*run.rounds)
    p99 = beside[int(len(beside) * 0.99) - 1]
    # Seen with -s; the figures of the long run stand in its record.
    print(f"{len(usual)} alone: p99 {usual[-1] * 1000:.0f} ms; {len(beside)} beside poison: p99 {p99 * 1000:.0f} ms")  # noqa: T201
    assert p99 <= usual[-1] + SLOWER_MAX_S


async def test_no_session_is_lost(run: Run) -> None:
    for worker in run.workers:
        assert len(worker.events("intake.consuming")) == 1, worker.tail
        assert worker.events("broker.lost") == []
        assert worker.events("library.complained") == []


async def test_each_poison_is_carried_out_or_lies_once_in_failed_byte_for_byte(run: Run) -> None:
    standing = [event.booking for event in run.harness.exchange.calendar(ROOM)]
    for each in run.all_poison:
        if each.code is None:
            assert standing.count(f"acme/{each.booking}") == 1, each.booking
    parked = [each for each in run.all_poison if each.code is not None]
    assert len(run.lying) == len(parked)
    for poison in parked:
        equal = sum(other.body == poison.body for other in parked)
        assert sum(is_copy_of(each, poison) for each in run.lying) == equal, poison.code


async def test_each_that_is_parked_has_its_result(run: Run) -> None:
    told = Counter(each["error"]["code"] for each in run.harness.results.told if each["outcome"] == "failed")
    parked = Counter(each.code for each in run.all_poison if each.code is not None)
    # What was told when the first worker was killed may be told once more.
    assert told.keys() == parked.keys()
    assert all(parked[code] <= told[code] <= parked[code] + 1 for code in told)


async def listed(harness: ProgramHarness) -> list[dict[str, Any]]:
    found = await harness.run("failed", "list", "--json")
    assert found.code == 0, found.said
    told: Any = found.json()
    messages: list[dict[str, Any]] = told["messages"] if isinstance(told, dict) else told
    return messages


async def test_the_failed_commands_work_beside_all_of_it(run: Run, tmp_path: Path) -> None:
    harness = run.harness
    messages = await listed(harness)
    parked = [each for each in run.all_poison if each.code is not None]
    assert sorted(each["code"] for each in messages) == sorted(str(each.code) for each in parked)
    for each in {message["code"]: message for message in messages}.values():
        shown = await harness.run("failed", "show", each["id"], "--json")
        assert (shown.code, shown.json()["code"]) == (0, each["code"]), shown.said

    exported = tmp_path / "failed.jsonl"
    assert (await harness.run("failed", "export", str(exported))).code == 0
    lines = [json.loads(line) for line in exported.read_text().splitlines()]
    assert {each["id"] for each in lines} == {each["id"] for each in messages}
    large = [line for line in lines if len(line.get("body_base64", "")) > LARGE_BYTES]
    assert [base64.b64decode(line["body_base64"]) == b"x" * LARGE_BYTES for line in large] == [True, True]

    refused = await harness.run("failed", "replay", "--code", "too_large", "--force", "--yes", "--json")
    assert (refused.code, refused.json()["replay"]) == (1, None), refused.said
    correction = ("--set", "event.time_zone=Europe/Brussels")
    unknown = ("--code", "time_zone_unknown", *correction)
    mended = await harness.run("failed", "replay", *unknown, "--yes", "--wait", "--json")
    assert mended.json()["replay"]["counts"]["synced"] == 2, mended.said
    discarded = await harness.run("failed", "discard", "--reason", "poison", "--yes")
    assert discarded.code == 0, discarded.said
    assert await listed(harness) == []
