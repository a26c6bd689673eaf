"""Runs the scenarios one after the other and collects what they found."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from adapters.rabbitmq.node import BrokerNode
from tests.bench.bench_harness import BenchHarness
from tests.bench.contestants import Contestant
from tests.bench.figures import Report
from tests.bench.load import Load
from tests.bench.scenarios.big_room import big_room
from tests.bench.scenarios.drain import drain
from tests.bench.scenarios.growth import growth
from tests.bench.scenarios.healthy import healthy
from tests.bench.scenarios.latency import latency
from tests.bench.scenarios.stand_in import stand_in
from tests.bench.scenarios.storm import storm

Scenario = Callable[[BenchHarness, Sequence[Contestant], Load], Awaitable[Report]]

SCENARIOS: dict[str, Scenario] = {
    "stand-in": stand_in,
    "drain": drain,
    "latency": latency,
    "healthy": healthy,
    "big-room": big_room,
    "growth": growth,
    "storm": storm,
}
"""Each is given everybody and takes whom it is about; in the order of the table."""


@dataclass(frozen=True, slots=True)
class Run:
    """What was found, and with which broker."""

    reports: list[Report]
    broker_version: str


async def measure(
    scenarios: Sequence[Scenario], contestants: Sequence[Contestant], load: Load, say: Callable[[str], None]
) -> Run:
    """Run these scenarios. Raises `BrokerDidNotStart`."""
    with tempfile.TemporaryDirectory(prefix="roomsync-bench-") as folder:
        say("RabbitMQ starts")
        async with _running_broker() as broker:
            harness = BenchHarness(Path(folder), broker, say)
            reports = [await scenario(harness, contestants, load) for scenario in scenarios]
            return Run(reports, (await asyncio.to_thread(broker.ctl, "version")).strip())


@asynccontextmanager
async def _running_broker() -> AsyncIterator[BrokerNode]:
    broker = BrokerNode()
    starting = asyncio.create_task(asyncio.to_thread(broker.start))
    try:
        # Shielded: a thread cannot be interrupted, and a node that is half started cannot be stopped.
        await asyncio.shield(starting)
        yield broker
    finally:
        await asyncio.wait([starting])
        await asyncio.to_thread(broker.stop)
