"""One room with a long queue beside many with a booking now and then: what the long queue costs the others."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench.bench_harness import BenchHarness, Measurement
from tests.bench.commands import creates
from tests.bench.contestants import Contestant
from tests.bench.figures import Figure, Report, percentile
from tests.bench.load import Load
from tests.bench.scenarios.each import each
from tests.bench.scenarios.pace import delays_ms, evenly, warmed

OTHERS = 99
BIG_ROOM = OTHERS
WAITING = 10_000
ROUNDS = 3
FOR_S = 10.0
"""Without and with it by turns: a machine that is shared changes its speed within seconds."""
WITHIN_S = 240.0


async def big_room(harness: BenchHarness, contestants: Sequence[Contestant], load: Load) -> Report:
    """Ours only: without the big room, then with it."""
    waiting, for_s = load.of(WAITING), load.seconds(FOR_S)

    async def look(contestant: Contestant) -> Delays:
        async with harness.measurement(contestant) as measurement:
            return await _by_turns(measurement, waiting, int(OTHERS * for_s))

    seen, stuck = await each(harness, "big-room", contestants[:1], look)
    without = {name: _p99_ms(one.without) for name, one in seen.items()}
    beside = {name: _p99_ms(one.beside) for name, one in seen.items()}
    relative = {name: _times(beside[name], without[name]) for name in seen}
    counted: dict[str, float | None] = {name: len(one.beside) for name, one in seen.items()}
    return Report(
        scenario="big-room",
        sentence=f"one room with {waiting} waiting creates beside {OTHERS} rooms with one new create a second",
        figures=[
            Figure(f"p99 of the {OTHERS} without it", "ms", without, better="less"),
            Figure(f"p99 of the {OTHERS} beside it", "ms", beside, better="less"),
            Figure("relative", "times", relative, better="less", promised="at most 1.5"),
            Figure("published while the big room waited", "creates", counted),
        ],
        unfinished=stuck,
    )


@dataclass(frozen=True, slots=True)
class Delays:
    """Of the creates in the other rooms, in ms."""

    without: Sequence[float]
    beside: Sequence[float]
    """From when all of the big room's creates were published until the last of them was written."""


def _p99_ms(delays: Sequence[float]) -> float | None:
    return percentile(delays, 0.99) if delays else None


def _times(this: float | None, that: float | None) -> float | None:
    return this / that if this is not None and that else None


async def _by_turns(measurement: Measurement, waiting: int, count: int) -> Delays:
    program = await warmed(measurement, OTHERS + 1)
    published_at = measurement.publishing.published_at
    written_count = OTHERS + 1
    without: list[str] = []
    beside: list[str] = []
    for number in range(ROUNDS):
        without += await _published(measurement, count, f"alone{number}")
        written_count += count
        await measurement.until_written(written_count, program, within_s=WITHIN_S)
        big = f"big{number}"
        await measurement.publishing.all(creates(waiting, 1, series=big, first_room=BIG_ROOM))
        meanwhile = await _published(measurement, count, f"beside{number}")
        written_count += waiting + count
        await measurement.until_written(written_count, program, within_s=WITHIN_S)
        big_done_at = (await measurement.exchange.timing()).first_writes(f"{big}-")[-1]
        beside += [booking for booking in meanwhile if published_at[booking] < big_done_at]
    timing = await measurement.exchange.timing()
    return Delays(*(delays_ms(measurement.publishing, timing, each) for each in (without, beside)))


async def _published(measurement: Measurement, count: int, series: str) -> list[str]:
    commands = list(creates(count, OTHERS, series=series))
    await evenly(measurement.publishing, commands, OTHERS)
    return [command["booking_id"] for command in commands]
