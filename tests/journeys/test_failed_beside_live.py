"""An operator replays many failed messages while bookings go on: nobody notices, and Exchange is not asked too often.

ROOMSYNC_LIVE=5000 replays so many, at ROOMSYNC_LIVE_RATE a second, and compares what live commands wait.
"""

import asyncio
import json
import os
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from aio_pika import DeliveryMode, Message

from adapters.rabbitmq.node import BrokerNode
from tests.builders import a_command
from tests.live import LiveTraffic, listening, percentile_ms, spread
from tests.program_harness import HarnessTenant, ProgramHarness
from tests.programs import Program

COUNT = int(os.environ.get("ROOMSYNC_LIVE", "0"))
"""0: few, which nothing is measured by."""
FEW = 60
RATE = os.environ.get("ROOMSYNC_LIVE_RATE", "25")
EVERY_S = 0.05
BEFORE = 1000 if COUNT else 20
WITHIN_S = 1500.0

pytestmark = [pytest.mark.broker, pytest.mark.timeout(1800 if COUNT else 180)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """What was left behind; waits in seconds."""

    count: int
    audit: list[dict[str, Any]]
    results: list[dict[str, Any]]
    waits_s: dict[str, list[float]]
    events: Counter[str]
    left: int
    refused: int
    early: int


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def happened(
    broker: BrokerNode, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> AsyncIterator[Happened]:
    folder = tmp_path_factory.mktemp("live")
    async with ProgramHarness(
        folder, broker.url, HarnessTenant(latency_ms=50), partitions=16, collects_failed=False
    ) as harness:
        told = await story(harness, COUNT or FEW)
        say(request, told)
        yield told


async def story(harness: ProgramHarness, count: int) -> Happened:
    await park(harness, count)
    await harness.worker()
    ear = await listening(harness)
    rooms = [f"live-{number}@acme.example" for number in range(40)]
    live = LiveTraffic(harness=harness, ear=ear, tenant="acme", rooms=rooms, every_s=EVERY_S)
    going_on = asyncio.create_task(live.go_on())
    await ear.until_synced("acme", len(rooms), WITHIN_S)
    # From here on every room is known.
    live.waits_s.clear()
    await ear.until_synced("acme", BEFORE + len(rooms), WITHIN_S)
    live.phase = "beside"
    given = ("failed", "replay", "--config", str(harness.folder / "roomsync.toml"))
    asked = ("--code", "rights_missing", "--yes", "--wait", "--rate", RATE)
    replay = await Program.start(*given, *asked, environment=harness.environment, output=harness.folder / "replay.log")
    assert await replay.ended(WITHIN_S) == 0, replay.tail
    going_on.cancel()
    await live.all_told(WITHIN_S)
    exchange = harness.exchange
    boxes = exchange.store.mailboxes()
    return Happened(
        count=count,
        audit=(await harness.run("failed", "audit", "--json")).json(),
        results=ear.results,
        waits_s=live.waits_s,
        events=Counter(event.booking or "" for box in boxes for event in exchange.calendar(box.address)),
        left=await harness.depth(harness.names.failed),
        refused=exchange.counts.throttled.total(),
        early=exchange.counts.early,
    )


async def park(harness: ProgramHarness, count: int) -> None:
    """Put messages into the failed queue, as a worker parks them."""
    at = datetime.now(UTC).isoformat()
    failed = await harness.channel.get_exchange(harness.names.failed, ensure=False)

    async def one(number: int) -> None:
        command = a_command(booking_id=f"F-{number}", room=f"room-{number % 100}@acme.example")
        notes = {
            "attempts": 1,
            "first-seen-at": at,
            "failed-at": at,
            "error-code": "rights_missing",
            "error-message": "It could not be done.",
            "tenant": command["tenant"],
            "room": command["room"],
            "booking-id": command["booking_id"],
            "version": command["version"],
        }
        headers = {f"x-roomsync-{name}": value for name, value in notes.items()}
        body, message_id = json.dumps(command).encode(), f"parked-{number}"
        message = Message(body, headers=headers, message_id=message_id, delivery_mode=DeliveryMode.PERSISTENT)
        await failed.publish(message, str(command["room"]))

    for first in range(0, count, 500):
        await asyncio.gather(*(one(number) for number in range(first, min(first + 500, count))))


def say(request: pytest.FixtureRequest, told: Happened) -> None:
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")
    capture = request.config.pluginmanager.get_plugin("capturemanager")
    if reporter is None or capture is None:
        return
    waits = "; ".join(
        f"{phase} {spread(waits_s)}, p99 {percentile_ms(waits_s, 99):.0f} ms" for phase, waits_s in told.waits_s.items()
    )
    with capture.global_and_fixture_disabled():
        reporter.write_line(f"\n{told.count} messages replayed; live commands waited (median, 95 %, most): {waits}")


async def test_every_message_is_written_once_and_none_is_left(happened: Happened) -> None:
    replayed = Counter({booking: count for booking, count in happened.events.items() if "/F-" in booking})
    assert replayed == Counter(f"acme/F-{number}" for number in range(happened.count))
    assert happened.left == 0


async def test_live_commands_are_done_at_the_first_attempt_all_the_while(happened: Happened) -> None:
    live = [result for result in happened.results if result["booking_id"].startswith("live-")]
    assert {(result["outcome"], result["attempts"]) for result in live} == {("synced", 1)}
    assert all(happened.waits_s.get(phase) for phase in ("before", "beside"))


async def test_exchange_refuses_nothing_and_is_not_asked_too_early(happened: Happened) -> None:
    assert (happened.refused, happened.early) == (0, 0)


async def test_the_record_of_it_is_complete(happened: Happened) -> None:
    (record,) = happened.audit
    assert record["counts"]["synced"] == happened.count


@pytest.mark.skipif(not COUNT, reason="only many messages take long enough to be measured")
async def test_live_commands_wait_hardly_longer(happened: Happened) -> None:
    before_ms, beside_ms = (percentile_ms(happened.waits_s[phase], 99) for phase in ("before", "beside"))
    assert beside_ms <= 1.5 * before_ms
