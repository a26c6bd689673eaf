"""A tenant with a wrong password and a great many commands: all wait, all come back, the other tenant's do not wait.

ROOMSYNC_DEFERRED=10000 tells it with so many commands, which then wait their real minute; the figures are printed.
"""

import asyncio
import os
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from adapters.rabbitmq.node import BrokerNode
from tests.builders import a_command
from tests.live import LiveTraffic, listening, spread
from tests.program_harness import HarnessTenant, ProgramHarness

COUNT = int(os.environ.get("ROOMSYNC_DEFERRED", "0"))
"""0: few, and the broker's minute is cut short for them."""
FEW = 300
COMMANDS_EACH = 20
CALM_EVERY_S = 0.1
CALM_BEFORE = 100 if COUNT else 20
CALM_ROOMS = 8
TIER_S = 60
DEFERRED_WITHIN_S = 50.0
LOOK_S = 0.5
WITHIN_S = 600.0

pytestmark = [pytest.mark.broker, pytest.mark.timeout(1200 if COUNT else 120)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """What the story left behind; times in seconds."""

    count: int
    results: list[dict[str, Any]]
    in_calendars: Counter[str]
    calm_published: int
    waits_s: dict[str, list[float]]
    rejected: int
    parked: int
    deferred_s: float
    back_after_s: float


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def happened(
    broker: BrokerNode, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> AsyncIterator[Happened]:
    folder = tmp_path_factory.mktemp("deferred")
    late, calm = HarnessTenant(name="late", latency_ms=20), HarnessTenant(name="calm", latency_ms=20)
    async with ProgramHarness(folder, broker.url, calm, partitions=16) as harness:
        exchange = late.open_exchange(folder)
        await exchange.start()
        try:
            told = await story(harness, late, COUNT or FEW)
        finally:
            await exchange.stop()
        say(request, told)
        yield told


async def story(harness: ProgramHarness, late: HarnessTenant, count: int) -> Happened:
    secret = harness.folder / "late.password"
    secret.write_text("an old one")
    tenants = harness.folder / "tenants.d"
    (tenants / "late.toml").write_text(late.toml(within="", password='password_file = "late.password"'))
    await harness.worker()
    ear = await listening(harness)
    rooms = [f"calm-{number}@calm.example" for number in range(CALM_ROOMS)]
    calm = LiveTraffic(harness=harness, ear=ear, tenant="calm", rooms=rooms, every_s=CALM_EVERY_S)
    asking = asyncio.create_task(calm.go_on())
    await ear.until_synced("calm", CALM_BEFORE, WITHIN_S)
    calm.phase, broken_s = "broken", time.monotonic()
    await publish(harness, count)
    await until_deferred(harness, count)
    calm.phase, repaired_s = "returning", time.monotonic()
    secret.write_text(late.password)
    if not COUNT:
        await bring_back(harness)
    await ear.until_synced("late", count, WITHIN_S)
    back_s = time.monotonic()
    asking.cancel()
    await calm.all_told(WITHIN_S)
    events = [event for box in late.simulator.store.mailboxes() for event in late.simulator.calendar(box.address)]
    return Happened(
        count=count,
        results=ear.results,
        in_calendars=Counter(event.booking or "" for event in events),
        calm_published=calm.published,
        waits_s=calm.waits_s,
        rejected=late.simulator.counts.rejected,
        parked=len(harness.failed.messages),
        deferred_s=repaired_s - broken_s,
        back_after_s=back_s - repaired_s,
    )


async def publish(harness: ProgramHarness, count: int) -> None:
    """Bookings in a great many rooms."""
    for first in range(0, count, 500):
        await asyncio.gather(
            *(
                harness.send(a_command(tenant="late", booking_id=f"L-{number}", room=room_of(number, count)))
                for number in range(first, min(first + 500, count))
            )
        )


def room_of(number: int, count: int) -> str:
    return f"room-{number % max(1, count // COMMANDS_EACH)}@late.example"


async def until_deferred(harness: ProgramHarness, count: int) -> None:
    """Until all are, or, of a great many, until the first come back."""
    until_s = time.monotonic() + DEFERRED_WITHIN_S
    # A queue tells nobody that it has grown.
    while await harness.depth(harness.names.deferred(TIER_S)) < count and time.monotonic() < until_s:  # noqa: ASYNC110
        await asyncio.sleep(LOOK_S)


async def bring_back(harness: ProgramHarness) -> None:
    """What the broker does once the minute is over."""
    async with await harness.connection.channel() as channel:
        queue = await channel.get_queue(harness.names.deferred(TIER_S), ensure=False)
        while message := await queue.get(fail=False):
            await harness.bring_back(message)
            await message.ack()


def say(request: pytest.FixtureRequest, told: Happened) -> None:
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")
    capture = request.config.pluginmanager.get_plugin("capturemanager")
    if reporter is None or capture is None:
        return
    waits = "; ".join(f"{phase} {spread(waits_s)}" for phase, waits_s in told.waits_s.items())
    with capture.global_and_fixture_disabled():
        reporter.write_line(
            f"\n{told.count} commands of a broken tenant: published and deferred in {told.deferred_s:.1f} s, "
            f"all synced {told.back_after_s:.1f} s after the repair; "
            f"the other tenant waited (median, 95 %, most): {waits}"
        )


async def test_every_command_comes_back_and_is_written_once(happened: Happened) -> None:
    assert happened.in_calendars == Counter(f"late/L-{number}" for number in range(happened.count))
    told = [result for result in happened.results if result["tenant"] == "late"]
    assert {result["outcome"] for result in told} == {"synced"}
    assert {result["booking_id"] for result in told} == {f"L-{number}" for number in range(happened.count)}
    assert happened.parked == 0


async def test_while_it_waits_its_exchange_is_hardly_asked(happened: Happened) -> None:
    # Of those that were under way when the first was rejected, and the trials.
    assert happened.rejected <= 40


async def test_the_other_tenants_commands_are_done_at_once_all_the_while(happened: Happened) -> None:
    calm = [result for result in happened.results if result["tenant"] == "calm"]
    assert {(result["outcome"], result["attempts"]) for result in calm} == {("synced", 1)}
    assert {result["booking_id"] for result in calm} == {
        f"live-{number + 1}" for number in range(happened.calm_published)
    }
    assert set(happened.waits_s) == {"before", "broken", "returning"}


@pytest.mark.skipif(not COUNT, reason="only a great many commands take long enough to be measured")
async def test_all_are_back_within_two_minutes_and_the_other_tenant_waits_no_longer(happened: Happened) -> None:
    assert happened.back_after_s < 150
    usual_s = statistics.median(happened.waits_s["before"])
    assert {phase for phase, waits_s in happened.waits_s.items() if statistics.median(waits_s) > usual_s + 0.5} == set()
