"""Live traffic beside a story: a command now and then, and how long its publisher waits for the result."""

import asyncio
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aio_pika.abc import AbstractIncomingMessage

from tests.builders import a_command
from tests.program_harness import ProgramHarness


@dataclass(slots=True)
class Ear:
    """Hears each result as it comes, and when that was (monotonic)."""

    results: list[dict[str, Any]] = field(default_factory=list)
    waited_for: dict[str, asyncio.Future[float]] = field(default_factory=dict)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, message: AbstractIncomingMessage) -> None:
        self.results.append(json.loads(message.body))
        waited_for = self.waited_for.pop(message.correlation_id or "", None)
        if waited_for is not None:
            waited_for.set_result(time.monotonic())
        self._arrived.set()

    async def until_synced(self, tenant: str, count: int, within_s: float) -> None:
        """Return once so many commands of a tenant are done."""
        done: set[str] = set()
        read = 0
        async with asyncio.timeout(within_s):
            while True:
                self._arrived.clear()
                new, read = self.results[read:], len(self.results)
                done |= {one["booking_id"] for one in new if (one["tenant"], one["outcome"]) == (tenant, "synced")}
                if len(done) >= count:
                    return
                await self._arrived.wait()


async def listening(harness: ProgramHarness) -> Ear:
    ear = Ear()
    channel = await harness.connection.channel()
    queue = await channel.declare_queue(f"{harness.names.prefix}.ear", auto_delete=True)
    await queue.bind(harness.names.results, routing_key="#")
    await queue.consume(ear.take, no_ack=True)
    return ear


@dataclass(slots=True, kw_only=True)
class LiveTraffic:
    """Bookings `live-1`, `live-2` … of a tenant, one every `every_s`; `waits_s` holds the waits of each phase."""

    harness: ProgramHarness
    ear: Ear
    tenant: str
    rooms: Sequence[str]
    every_s: float
    phase: str = "before"
    published: int = 0
    waits_s: dict[str, list[float]] = field(default_factory=dict)
    _sending: set[asyncio.Task[None]] = field(default_factory=set)

    async def go_on(self) -> None:
        while True:
            task = asyncio.create_task(self._one(self.phase))
            self._sending.add(task)
            await asyncio.sleep(self.every_s)

    async def _one(self, phase: str) -> None:
        self.published += 1
        number, message_id = self.published, f"live-{self.published}"
        told = self.ear.waited_for[message_id] = asyncio.get_running_loop().create_future()
        sent_s = time.monotonic()
        command = a_command(tenant=self.tenant, booking_id=message_id, room=self.rooms[number % len(self.rooms)])
        await self.harness.send(command, message_id=message_id)
        self.waits_s.setdefault(phase, []).append(await told - sent_s)

    async def all_told(self, within_s: float) -> None:
        async with asyncio.timeout(within_s):
            await asyncio.gather(*self._sending)


def spread(waits_s: Sequence[float]) -> str:
    """Median, 95 % and longest, in words."""
    ranked = sorted(waits_s) or [0.0]
    middle, most = statistics.median(ranked), ranked[-1]
    return f"{middle * 1000:.0f}, {percentile_ms(ranked, 95):.0f}, {most * 1000:.0f} ms of {len(ranked)}"


def percentile_ms(waits_s: Sequence[float], percent: int) -> float:
    ranked = sorted(waits_s) or [0.0]
    return ranked[min(len(ranked) - 1, len(ranked) * percent // 100)] * 1000
