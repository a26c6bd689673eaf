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
FOR_S = 20.0
WITHIN_S = 240.0


async def big_room(stage: Stage, contestants: Sequence[Contestant], load: Load) -> Report:
    """Ours only: without the big room, then with it."""
    waiting, for_s = load.of(WAITING), load.seconds(FOR_S)

    async def look(contestant: Contestant) -> tuple[Sequence[float], Sequence[float]]:
        async with stage.measurement(contestant) as measurement:
            return await _both(measurement, waiting, int(OTHERS * for_s))

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


async def _both(measurement: Measurement, waiting: int, count: int) -> tuple[Sequence[float], Sequence[float]]:
    publishing, exchange = measurement.publishing, measurement.exchange
    program = await warmed(measurement, OTHERS + 1)
    alone = list(creates(count, OTHERS, series="alone"))
    await evenly(publishing, alone, OTHERS)
    await measurement.until_written(OTHERS + 1 + count, program, within_s=WITHIN_S)
    await publishing.all(creates(waiting, 1, series="big", first_room=BIG_ROOM))
    beside = list(creates(count, OTHERS, series="beside"))
    await evenly(publishing, beside, OTHERS)
    await measurement.until_written(OTHERS + 1 + 2 * count + waiting, program, within_s=WITHIN_S)
    timing = await exchange.timing()
    big_done_at = timing.first_writes("big-")[-1]
    meanwhile = [
        command["booking_id"] for command in beside if publishing.published_at[command["booking_id"]] < big_done_at
    ]
    return (
        delays_ms(publishing, timing, [command["booking_id"] for command in alone]),
        delays_ms(publishing, timing, meanwhile),
    )
