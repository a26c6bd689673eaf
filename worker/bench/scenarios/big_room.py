"""One room with a long queue beside many with a booking now and then: what the long queue costs the others."""

from collections.abc import Sequence

from worker.bench.commands import creates
from worker.bench.contestants import Contestant
from worker.bench.figures import Figure, Report, percentile
from worker.bench.load import Load
from worker.bench.scenarios.each import each
from worker.bench.scenarios.pace import delays_ms, evenly, warmed
from worker.bench.stage import Measurement, Stage

OTHERS = 99
BIG_ROOM = OTHERS
WAITING = 10_000
ROUNDS = 3
FOR_S = 10.0
"""Without and with it by turns: a machine that is shared changes its speed within seconds."""
WITHIN_S = 240.0


async def big_room(stage: Stage, contestants: Sequence[Contestant], load: Load) -> Report:
    """Ours only: without the big room, then with it."""
    waiting, for_s = load.of(WAITING), load.seconds(FOR_S)

    async def look(contestant: Contestant) -> tuple[Sequence[float], Sequence[float]]:
        async with stage.measurement(contestant) as measurement:
            return await _by_turns(measurement, waiting, int(OTHERS * for_s))

    seen, stuck = await each(stage, "big-room", contestants[:1], look)
    without: dict[str, float | None] = {name: percentile(alone, 0.99) for name, (alone, _) in seen.items()}
    beside: dict[str, float | None] = {name: percentile(busy, 0.99) for name, (_, busy) in seen.items()}
    relative: dict[str, float | None] = {
        name: percentile(busy, 0.99) / percentile(alone, 0.99) for name, (alone, busy) in seen.items()
    }
    counted: dict[str, float | None] = {name: len(busy) for name, (_, busy) in seen.items()}
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


async def _by_turns(measurement: Measurement, waiting: int, count: int) -> tuple[Sequence[float], Sequence[float]]:
    """The delays without the big room, and those of what was published while it waited."""
    program = await warmed(measurement, OTHERS + 1)
    written_count = OTHERS + 1
    alone: list[str] = []
    beside: list[str] = []
    for number in range(ROUNDS):
        alone += await _published(measurement, count, f"alone{number}")
        written_count += count
        await measurement.until_written(written_count, program, within_s=WITHIN_S)
        big = f"big{number}"
        await measurement.publishing.all(creates(waiting, 1, series=big, first_room=BIG_ROOM))
        meanwhile = await _published(measurement, count, f"beside{number}")
        written_count += waiting + count
        await measurement.until_written(written_count, program, within_s=WITHIN_S)
        big_done_at = (await measurement.exchange.timing()).first_writes(f"{big}-")[-1]
        published_at = measurement.publishing.published_at
        beside += [booking for booking in meanwhile if published_at[booking] < big_done_at]
    timing = await measurement.exchange.timing()
    return (
        delays_ms(measurement.publishing, timing, alone),
        delays_ms(measurement.publishing, timing, beside),
    )


async def _published(measurement: Measurement, count: int, series: str) -> list[str]:
    commands = list(creates(count, OTHERS, series=series))
    await evenly(measurement.publishing, commands, OTHERS)
    return [command["booking_id"] for command in commands]
