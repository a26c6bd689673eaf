"""Single bookings on idle rooms: how long until the request is at Exchange."""

from collections.abc import Sequence

from tests.bench.bench_harness import BenchHarness
from tests.bench.commands import creates
from tests.bench.contestants import Contestant
from tests.bench.figures import Figure, Report, percentile
from tests.bench.load import Load
from tests.bench.scenarios.each import each
from tests.bench.scenarios.pace import delays_ms, evenly, warmed

ROOMS = 100
PER_S = 50
FOR_S = 20.0
WITHIN_S = 120.0


async def latency(harness: BenchHarness, contestants: Sequence[Contestant], load: Load) -> Report:
    """The same steady rate for each contestant."""
    count = int(PER_S * load.seconds(FOR_S))

    async def look(contestant: Contestant) -> Sequence[float]:
        async with harness.measurement(contestant) as measurement:
            program = await warmed(measurement, ROOMS)
            commands = list(creates(count, ROOMS, series="single"))
            await evenly(measurement.publishing, commands, PER_S)
            await measurement.until_written(ROOMS + count, program, within_s=WITHIN_S)
            timing = await measurement.exchange.timing()
            return delays_ms(measurement.publishing, timing, [command["booking_id"] for command in commands])

    seen, stuck = await each(harness, "latency", contestants, look)
    return Report(
        scenario="latency",
        sentence=f"{PER_S} creates a second over {ROOMS} idle rooms, from publishing until the request is at Exchange",
        figures=[
            _figure("median", seen, 0.50, "at most 10"),
            _figure("p99", seen, 0.99, "at most 50"),
            _figure("slowest", seen, 1.0, ""),
        ],
        unfinished=stuck,
    )


def _figure(label: str, seen: dict[str, Sequence[float]], share: float, promised: str) -> Figure:
    values = {name: percentile(delays, share) for name, delays in seen.items()}
    return Figure(label, "ms", values, better="less", promised=promised)
