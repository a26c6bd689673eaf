"""How the cost of a command grows with the number of rooms and of waiting commands."""

from collections.abc import Mapping, Sequence

from tests.bench.bench_harness import BenchHarness
from tests.bench.contestants import Contestant
from tests.bench.figures import Figure, Report
from tests.bench.load import Load
from tests.bench.scenarios.drain import Cost, drained
from tests.bench.scenarios.each import each
from tests.bench.scenarios.pace import warmed
from tests.bench.scenarios.turns import TURN_S, Size, drained_by_turns

SIZES: tuple[Size, ...] = (
    (10, 10_000),
    (100, 1_000),
    (100, 10_000),
    (1_000, 10_000),
    (100, 100_000),
    (10_000, 100_000),
)
USUAL_ROOMS = 100
SLOWEST_PER_S = 50


async def growth(harness: BenchHarness, contestants: Sequence[Contestant], load: Load) -> Report:
    """Ours only, and each size with rooms that the worker has met before; the two largest by turns."""
    ours = contestants[0]
    *sizes, usual, largest = sizes_of(load)
    found: dict[Size, Cost] = {}
    stuck: list[str] = []

    async def by_turns(contestant: Contestant) -> tuple[Cost, Cost]:
        within_s, turn_s = _within_s(largest), load.seconds(TURN_S)
        both = (contestant, contestant)
        return await drained_by_turns(harness, both, (usual, largest), turn_s=turn_s, within_s=within_s)

    for size in sizes:

        async def alone(contestant: Contestant, size: Size = size) -> Cost:
            return await _known(harness, contestant, size)

        seen, now_stuck = await each(harness, f"growth, {_told(size)}", [ours], alone)
        if ours.name in seen:
            found[size] = seen[ours.name]
        stuck += now_stuck
    both, now_stuck = await each(harness, f"growth, {_told(usual)}, and {_told(largest)}, by turns", [ours], by_turns)
    for costs in both.values():
        found |= zip((usual, largest), costs, strict=True)
    return Report(
        scenario="growth",
        sentence="the cost of a command, by rooms and waiting commands; every room is known, the last two by turns",
        figures=_figures(found, usual, largest, ours.name),
        unfinished=stuck + now_stuck,
        series={_told(size): [*size, cost.per_s, cost.cpu_ms, cost.peak_mib] for size, cost in found.items()},
    )


def sizes_of(load: Load) -> list[Size]:
    """Rooms and commands of each step, none twice, the last two with as many commands; a quick run has fewer rooms too,
    since meeting them takes long."""
    sizes = [(load.of(rooms) if rooms > USUAL_ROOMS else rooms, load.of(commands)) for rooms, commands in SIZES]
    return list(dict.fromkeys(sizes))


def _told(size: Size) -> str:
    rooms, count = size
    return f"{rooms} rooms, {count} commands"


def _within_s(size: Size) -> float:
    _, count = size
    return 60 + count / SLOWEST_PER_S


async def _known(harness: BenchHarness, contestant: Contestant, size: Size) -> Cost:
    rooms, count = size
    async with harness.measurement(contestant) as measurement:
        await (await warmed(measurement, rooms)).stop()
        return await drained(measurement, count, rooms, within_s=_within_s(size))


def _figures(found: Mapping[Size, Cost], usual: Size, largest: Size, name: str) -> list[Figure]:
    figures = [figure for size, cost in found.items() for figure in _of_size(size, cost, name)]
    if usual in found and largest in found:
        (usual_rooms, _), (rooms, _) = usual, largest
        relative = found[largest].per_s / found[usual].per_s
        label = f"rate with {rooms} rooms against {usual_rooms}, by turns"
        peak_mib = found[largest].peak_mib
        figures += [
            Figure(label, "times", {name: relative}, better="more", promised="at least 0.85"),
            Figure(f"memory with {rooms} rooms", "MiB", {name: peak_mib}, better="less", promised="below 400"),
        ]
    return figures


def _of_size(size: Size, cost: Cost, name: str) -> list[Figure]:
    told = _told(size)
    return [
        Figure(f"{told}: rate", "events/s", {name: cost.per_s}, better="more"),
        Figure(f"{told}: CPU", "ms/event", {name: cost.cpu_ms}, better="less"),
        Figure(f"{told}: requests", "per event", {name: cost.requests}, better="less"),
        Figure(f"{told}: peak memory", "MiB", {name: cost.peak_mib}, better="less"),
    ]
