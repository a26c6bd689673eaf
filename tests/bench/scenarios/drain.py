"""A full queue is worked off: how fast, at which cost, and whether everything is there once."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.bench.bench_harness import BenchHarness, Measurement
from tests.bench.commands import creates
from tests.bench.contestants import Contestant
from tests.bench.figures import Figure, Report, rate_per_s
from tests.bench.load import Load
from tests.bench.scenarios.each import each

ROOMS = 100
COMMANDS = 3_000
WITHIN_S = 240.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What commands cost: their rate, and CPU and requests of each."""

    per_s: float
    cpu_ms: float
    requests: float
    peak_mib: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained(Cost):
    """What else was seen of one contestant."""

    from_consuming_per_s: float
    start_cpu_s: float
    doubled: int
    lost: int
    exchange_busy: float


async def drain(harness: BenchHarness, contestants: Sequence[Contestant], load: Load) -> Report:
    """Every contestant drains the same commands."""
    count = load.of(COMMANDS)

    async def look(contestant: Contestant) -> Drained:
        async with harness.measurement(contestant) as measurement:
            return await drained(measurement, count, ROOMS)

    seen, stuck = await each(harness, "drain", contestants, look)
    sentence = f"{count} creates over {ROOMS} rooms wait when the worker starts"
    return Report(scenario="drain", sentence=sentence, figures=figures_of(seen), unfinished=stuck)


async def drained(measurement: Measurement, count: int, rooms: int, *, within_s: float = WITHIN_S) -> Drained:
    """Let a contestant drain creates over rooms. Raises `BenchStuck`."""
    before = await measurement.exchange.totals()
    await measurement.publishing.all(creates(count, rooms))
    program = await measurement.start()
    began_at, began, exchange_began_s = time.monotonic(), program.usage, measurement.exchange.cpu_s
    await measurement.until_written(before["applied"] + count, program, within_s=within_s)
    exchange_busy = (measurement.exchange.cpu_s - exchange_began_s) / (time.monotonic() - began_at)
    requests = (await measurement.exchange.totals())["requests"] - before["requests"]
    timing = await measurement.afterwards()
    ended = program.usage
    writes = timing.first_writes("B-")
    return Drained(
        per_s=rate_per_s(writes),
        from_consuming_per_s=len(writes) / (writes[-1] - began_at),
        cpu_ms=(ended.cpu_s - began.cpu_s) * 1000 / count,
        start_cpu_s=began.cpu_s,
        requests=requests / count,
        peak_mib=ended.peak_bytes / 2**20,
        doubled=timing.doubled,
        lost=count - len(writes),
        exchange_busy=exchange_busy,
    )


def figures_of(seen: Mapping[str, Drained]) -> list[Figure]:
    """The lines of the table."""

    def all_of(name: str) -> dict[str, float | None]:
        return {contestant: float(getattr(one, name)) for contestant, one in seen.items()}

    return [
        Figure("first to last write", "events/s", all_of("per_s"), better="more", promised="5 times the best rival"),
        Figure("with its start-up", "events/s", all_of("from_consuming_per_s"), better="more"),
        Figure("CPU", "ms/event", all_of("cpu_ms"), better="less", promised="at most 1.2"),
        Figure("CPU of the start-up", "s", all_of("start_cpu_s"), better="less"),
        Figure("requests", "per event", all_of("requests"), better="less", promised="at most 0.15"),
        Figure("peak memory", "MiB", all_of("peak_mib"), better="less"),
        Figure("doubled", "events", all_of("doubled"), promised="0"),
        Figure("lost", "events", all_of("lost"), promised="0"),
        Figure("the stand-in was busy", "of a core", all_of("exchange_busy")),
    ]
