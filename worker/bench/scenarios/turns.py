"""The same contestant drains several sizes side by side, one at a time and by turns, the others held meanwhile.

One after the other they would lie minutes apart, and a machine that is shared changes its speed by more than the sizes
differ.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field

from worker.bench.commands import creates
from worker.bench.contestants import Contestant
from worker.bench.figures import rate_within_per_s
from worker.bench.programs import BenchStuck, Program
from worker.bench.scenarios.pace import warmed
from worker.bench.stage import Measurement, Stage

TURN_S = 5.0
"""Shorter than a heartbeat of the broker and than any time-out: who is held only misses time."""

Size = tuple[int, int]
"""Rooms, and commands that wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What commands of one size cost."""

    per_s: float
    cpu_ms: float
    requests: float
    peak_mib: float


@dataclass(slots=True, kw_only=True)
class _Side:
    """One of those that take turns."""

    measurement: Measurement
    program: Program
    count: int
    requests_before: int
    applied_before: int
    turns: list[tuple[float, float]] = field(default_factory=list)
    cpu_s: float = 0.0

    async def take_turn(self, turn_s: float) -> bool:
        """Work for so long; returns whether all is done."""
        self.program.must_run()
        began_s, cpu_before_s = time.monotonic(), self.program.usage.cpu_s
        await asyncio.sleep(turn_s)
        self.turns.append((began_s, time.monotonic()))
        self.cpu_s += self.program.usage.cpu_s - cpu_before_s
        return (await self.measurement.exchange.totals())["applied"] >= self.applied_before + self.count

    async def cost(self, *, within_s: float) -> Cost:
        """Once the rest is done too. Raises `BenchStuck`, also where something was doubled or lost."""
        await self.measurement.until_written(self.applied_before + self.count, self.program, within_s=within_s)
        timing = await self.measurement.afterwards()
        requests = (await self.measurement.exchange.totals())["requests"] - self.requests_before
        writes = timing.first_writes("B-")
        if timing.doubled or len(writes) != self.count:
            raise BenchStuck(f"{timing.doubled} doubled, {len(writes)} of {self.count} written.")
        taken = sum(1 for write in writes if write <= self.turns[-1][1])
        return Cost(
            per_s=rate_within_per_s(writes, self.turns),
            cpu_ms=self.cpu_s * 1000 / max(1, taken),
            requests=requests / self.count,
            peak_mib=self.program.usage.peak_bytes / 2**20,
        )


async def drained_by_turns(
    stage: Stage, contestant: Contestant, sizes: Sequence[Size], *, turn_s: float, within_s: float
) -> list[Cost]:
    """Let it drain creates of each size over rooms that it knows, by turns until the first one is done.

    Raises:
        BenchStuck: one of them did not get on, or did not end exact.
    """
    async with _sides(stage, contestant, sizes) as sides:
        until_s = time.monotonic() + within_s
        while not await _round(sides, turn_s):
            if time.monotonic() > until_s:
                raise BenchStuck(f"{contestant.name} did not drain any of {sizes} within {within_s:.0f} s.")
        return [await side.cost(within_s=within_s) for side in sides]


async def _round(sides: Sequence[_Side], turn_s: float) -> bool:
    """A turn for each; returns whether one of them is done."""
    is_one_done = False
    for side in sides:
        with ExitStack() as others:
            for other in sides:
                if other is not side:
                    others.enter_context(other.program.held())
            is_one_done |= await side.take_turn(turn_s)
    return is_one_done


@asynccontextmanager
async def _sides(stage: Stage, contestant: Contestant, sizes: Sequence[Size]) -> AsyncIterator[list[_Side]]:
    """Each with its rooms known, its commands waiting and its program started."""
    async with AsyncExitStack() as stack:
        measurements = [await stack.enter_async_context(stage.measurement(contestant)) for _ in sizes]
        for measurement, (rooms, count) in zip(measurements, sizes, strict=True):
            await (await warmed(measurement, rooms)).stop()
            await measurement.publishing.all(creates(count, rooms))
        with ExitStack() as held:
            sides = []
            for measurement, (_, count) in zip(measurements, sizes, strict=True):
                before = await measurement.exchange.totals()
                program = await measurement.start()
                held.enter_context(program.held())
                sides.append(
                    _Side(
                        measurement=measurement,
                        program=program,
                        count=count,
                        requests_before=before["requests"],
                        applied_before=before["applied"],
                    )
                )
        yield sides
