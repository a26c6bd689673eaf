"""How the cost of a command grows with the number of rooms and of waiting commands."""

from collections.abc import Sequence
from statistics import fmean

from worker.bench.contestants import Contestant
from worker.bench.figures import Figure, Report
from worker.bench.load import Load
from worker.bench.scenarios.drain import Drained, drained
from worker.bench.scenarios.each import each
from worker.bench.scenarios.pace import warmed
from worker.bench.stage import Stage

SIZES = (
    # rooms, waiting commands
    (10, 10_000),
    (100, 1_000),
    (100, 10_000),
    (100, 100_000),
    (1_000, 10_000),
    (10_000, 100_000),
)
USUAL_ROOMS = 100
SLOWEST_PER_S = 50


async def growth(stage: Stage, contestants: Sequence[Contestant], load: Load) -> Report:
    """Ours only, and each size with rooms that the worker has met before."""
    ours = contestants[0]
    figures: list[Figure] = []
    stuck: list[str] = []
    found: dict[tuple[int, int], list[Drained]] = {}
    for rooms, count in _by_turns(sizes_of(load)):
        scenario = f"growth, {rooms} rooms and {count} commands"

        async def look(contestant: Contestant, rooms: int = rooms, count: int = count) -> Drained:
            return await _known(stage, contestant, rooms, count)

        seen, now_stuck = await each(stage, scenario, [ours], look)
        stuck += now_stuck
        if ours.name in seen:
            again = found.setdefault((rooms, count), [])
            if not again:
                figures += _figures(rooms, count, ours.name, seen[ours.name])
            again.append(seen[ours.name])
    figures += _against_usual(found, ours.name)
    return Report(
        scenario="growth",
        sentence="the cost of a command, by rooms and waiting commands; every room is known",
        figures=figures,
        unfinished=stuck,
        series={
            f"{rooms} rooms, {count} commands": [rooms, count, one.per_s, one.cpu_ms, one.peak_mib]
            for (rooms, count), [one, *_] in found.items()
        },
    )


def sizes_of(load: Load) -> list[tuple[int, int]]:
    """Rooms and commands of each step, none twice; a quick run has fewer rooms too, since meeting them takes long."""
    sizes = [(load.of(rooms) if rooms > USUAL_ROOMS else rooms, load.of(commands)) for rooms, commands in SIZES]
    return list(dict.fromkeys(sizes))


def _by_turns(sizes: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The usual number of rooms once more after the largest one: a machine that is shared changes its speed."""
    rooms, count = max(sizes)
    usual = (USUAL_ROOMS, count)
    return [*sizes, usual] if usual in sizes and rooms != USUAL_ROOMS else list(sizes)


async def _known(stage: Stage, contestant: Contestant, rooms: int, count: int) -> Drained:
    async with stage.measurement(contestant) as measurement:
        await (await warmed(measurement, rooms)).stop()
        return await drained(measurement, count, rooms, within_s=60 + count / SLOWEST_PER_S)


def _figures(rooms: int, count: int, name: str, seen: Drained) -> list[Figure]:
    size = f"{rooms} rooms, {count} commands"
    return [
        Figure(f"{size}: rate", "events/s", {name: seen.per_s}, better="more"),
        Figure(f"{size}: CPU", "ms/event", {name: seen.cpu_ms}, better="less"),
        Figure(f"{size}: requests", "per event", {name: seen.requests}, better="less"),
        Figure(f"{size}: peak memory", "MiB", {name: seen.peak_mib}, better="less"),
    ]


def _against_usual(found: dict[tuple[int, int], list[Drained]], name: str) -> list[Figure]:
    """The largest size against the mean of the usual number of rooms with as many commands, before it and after."""
    if not found:
        return []
    rooms, count = max(found)
    usual = found.get((USUAL_ROOMS, count))
    if usual is None or rooms == USUAL_ROOMS:
        return []
    [largest] = found[rooms, count]
    usual_per_s = fmean(one.per_s for one in usual)
    return [
        Figure(f"{USUAL_ROOMS} rooms, before and after: rate", "events/s", {name: usual_per_s}),
        Figure(
            f"rate with {rooms} rooms against {USUAL_ROOMS}",
            "times",
            {name: largest.per_s / usual_per_s},
            better="more",
            promised="at least 0.85",
        ),
        Figure(f"memory with {rooms} rooms", "MiB", {name: largest.peak_mib}, better="less", promised="below 400"),
    ]
