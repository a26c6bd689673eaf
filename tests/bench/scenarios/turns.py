"""Two drain side by side, one at a time and by turns, the other held meanwhile: two sizes, or two trees.

One after the other they would lie minutes apart, and a machine that is shared changes its speed by more than the two
differ.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from tests.bench.bench_harness import BenchHarness, Measurement
from tests.bench.commands import creates
from tests.bench.contestants import Contestant
from tests.bench.figures import rate_within_per_s, within
from tests.bench.programs import BenchStuck, Program
from tests.bench.scenarios.drain import Cost
from tests.bench.scenarios.pace import warmed

TURN_S = 5.0
"""Shorter than a heartbeat of the broker and than any time-out of a worker."""
IN_STRIDE = 0.2
"""The share of a turn that does not count: a worker that was held takes its event loop for late, and begins little."""
MEASURED_S = 200.0
"""A worker sends away what has waited for four minutes, and these pass while it is held, too."""

Size = tuple[int, int]
"""Rooms, and commands that wait."""
Both = tuple[Contestant, Contestant]


@dataclass(slots=True, kw_only=True)
class _Side:
    """One of the two that take turns."""

    measurement: Measurement
    program: Program
    size: Size
    requests_before: int
    applied_before: int
    windows: list[tuple[float, float]] = field(default_factory=list)
    """The parts of its turns that count."""
    cpu_s: float = 0.0
    """Used in them."""

    @property
    def applied_after(self) -> int:
        """What Exchange will have been given when all is done."""
        _, count = self.size
        return self.applied_before + count

    async def take_turn(self, turn_s: float) -> None:
        """Work for so long."""
        await asyncio.sleep(turn_s * IN_STRIDE)
        began_s, cpu_before_s = time.monotonic(), self.program.usage.cpu_s
        await asyncio.sleep(turn_s * (1 - IN_STRIDE))
        self.windows.append((began_s, time.monotonic()))
        self.cpu_s += self.program.usage.cpu_s - cpu_before_s
        self.program.must_run()

    async def is_done(self) -> bool:
        """Whether everything is written."""
        return (await self.measurement.exchange.totals())["applied"] >= self.applied_after

    async def cost(self, *, within_s: float) -> Cost:
        """Once the rest is done too. Raises `BenchStuck`, also where something was doubled or lost."""
        rooms, count = self.size
        await self.measurement.until_written(self.applied_after, self.program, within_s=within_s)
        requests = (await self.measurement.exchange.totals())["requests"] - self.requests_before
        timing = await self.measurement.afterwards()
        writes = timing.first_writes("B-")
        if timing.doubled or len(writes) != count:
            raise BenchStuck(f"With {rooms} rooms {timing.doubled} doubled, {len(writes)} of {count} written.")
        return Cost(
            per_s=rate_within_per_s(writes, self.windows),
            cpu_ms=self.cpu_s * 1000 / max(1, within(writes, self.windows)),
            requests=requests / count,
            peak_mib=self.program.usage.peak_bytes / 2**20,
        )


async def drained_by_turns(
    harness: BenchHarness, contestants: Both, sizes: tuple[Size, Size], *, turn_s: float, within_s: float
) -> tuple[Cost, Cost]:
    """Let each drain creates over rooms that it knows, by turns until one is done or `MEASURED_S` are over.

    Raises:
        BenchStuck: one of them did not get on, or did not end exact.
    """
    async with _sides(harness, contestants, sizes, within_s=within_s) as (one, other):
        until_s = time.monotonic() + MEASURED_S
        while time.monotonic() < until_s and not (await one.is_done() or await other.is_done()):
            with other.program.held():
                await one.take_turn(turn_s)
            with one.program.held():
                await other.take_turn(turn_s)
        return await one.cost(within_s=within_s), await other.cost(within_s=within_s)


@asynccontextmanager
async def _sides(
    harness: BenchHarness, contestants: Both, sizes: tuple[Size, Size], *, within_s: float
) -> AsyncIterator[tuple[_Side, _Side]]:
    """Each with its rooms known, its commands waiting and its program at work."""
    async with AsyncExitStack() as stack:
        measurements = [await stack.enter_async_context(harness.measurement(each)) for each in contestants]
        for measurement, (rooms, count) in zip(measurements, sizes, strict=True):
            await (await warmed(measurement, rooms)).stop()
            await measurement.publishing.all(creates(count, rooms))
        first, second = measurements
        one = await _started(first, sizes[0], within_s=within_s)
        with one.program.held():
            other = await _started(second, sizes[1], within_s=within_s)
        yield one, other


async def _started(measurement: Measurement, size: Size, *, within_s: float) -> _Side:
    before = await measurement.exchange.totals()
    program = await measurement.start()
    # Held while it still connects, it may find that the broker has given it up.
    await measurement.until_written(before["applied"] + 1, program, within_s=within_s)
    return _Side(
        measurement=measurement,
        program=program,
        size=size,
        requests_before=before["requests"],
        applied_before=before["applied"],
    )
