"""This checkout beside another one of roomsync, by turns: whether a change costs speed."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from statistics import median

from tests.bench.bench_harness import BenchHarness, Measurement
from tests.bench.commands import Command, creates
from tests.bench.contestants import Contestant
from tests.bench.figures import Figure, Report, percentile
from tests.bench.load import Load
from tests.bench.programs import Program
from tests.bench.scenarios.drain import Cost
from tests.bench.scenarios.latency import PER_S
from tests.bench.scenarios.latency import ROOMS as SINGLE_ROOMS
from tests.bench.scenarios.pace import delays_ms, evenly, warmed
from tests.bench.scenarios.turns import IN_STRIDE, TURN_S, Both, drained_by_turns

OTHER = "the other tree"
ROUNDS = 5
ROOMS = 100
COMMANDS = 12_000
WITHIN_S = 300.0
LATENCY_TURNS = 12
"""With fewer, a hundredth of the commands is what one slow moment of the machine makes of it."""


async def other_tree(harness: BenchHarness, contestants: Sequence[Contestant], load: Load) -> Report:
    """Drain five times and single commands, by turns; `contestants`: this checkout and the other one."""
    ours, other = contestants
    both, size, turn_s = (ours, other), (ROOMS, load.of(COMMANDS)), load.seconds(TURN_S)
    drained: list[tuple[Cost, Cost]] = []
    for round_number in range(ROUNDS):
        harness.say(f"drain by turns, {round_number + 1} of {ROUNDS}")
        drained.append(await drained_by_turns(harness, both, (size, size), turn_s=turn_s, within_s=WITHIN_S))
    harness.say("single commands by turns")
    singles = await _singles(harness, both, turn_s)
    return Report(
        scenario="other tree",
        sentence=f"{ROUNDS} drains of {size[1]} creates over {ROOMS} rooms, then {PER_S} singles a second, by turns",
        figures=figures_of(both, drained, singles),
    )


async def _singles(harness: BenchHarness, both: Both, turn_s: float) -> tuple[Sequence[float], Sequence[float]]:
    """What single commands take, in milliseconds; the other worker is held meanwhile."""
    async with AsyncExitStack() as stack:
        (one, one_program), (two, two_program) = [
            await stack.enter_async_context(_warm(harness, contestant)) for contestant in both
        ]
        counted: tuple[list[str], list[str]] = ([], [])
        for turn in range(LATENCY_TURNS):
            with two_program.held():
                counted[0].extend(await _turn(one, one_program, turn, turn_s))
            with one_program.held():
                counted[1].extend(await _turn(two, two_program, turn, turn_s))
        await asyncio.gather(one.afterwards(), two.afterwards())
        return (
            delays_ms(one.publishing, await one.exchange.timing(), counted[0]),
            delays_ms(two.publishing, await two.exchange.timing(), counted[1]),
        )


@asynccontextmanager
async def _warm(harness: BenchHarness, contestant: Contestant) -> AsyncIterator[tuple[Measurement, Program]]:
    async with harness.measurement(contestant) as measurement:
        yield measurement, await warmed(measurement, SINGLE_ROOMS)


async def _turn(measurement: Measurement, program: Program, turn: int, turn_s: float) -> list[str]:
    """Publish for a turn; the bookings of it that count."""
    commands: list[Command] = list(creates(int(PER_S * turn_s), SINGLE_ROOMS, series=f"single-{turn}"))
    await evenly(measurement.publishing, commands, PER_S)
    # Held with commands in hand, the worker would be charged for the other one's turn.
    await measurement.until_written(SINGLE_ROOMS + (turn + 1) * len(commands), program, within_s=WITHIN_S)
    return [command["booking_id"] for command in commands[int(len(commands) * IN_STRIDE) :]]


def figures_of(
    both: Both, drained: Sequence[tuple[Cost, Cost]], singles: tuple[Sequence[float], Sequence[float]]
) -> list[Figure]:
    """The lines of the table: ratios are taken round by round, since the machine's speed changes between rounds."""
    ours, other = (each.name for each in both)
    names = (ours, other)
    rate = median(one.per_s / two.per_s for one, two in drained)
    cpu = median(one.cpu_ms / two.cpu_ms for one, two in drained)

    def of_both(name: str) -> dict[str, float | None]:
        return {each: median(getattr(pair[index], name) for pair in drained) for index, each in enumerate(names)}

    return [
        Figure("drain, median of the rounds", "events/s", of_both("per_s"), better="more"),
        Figure("the same, median of the ratios", "times", {ours: rate}, better="more", promised="at least 0.95"),
        Figure("CPU", "ms/event", of_both("cpu_ms"), better="less"),
        Figure("the same, median of the ratios", "times", {ours: cpu}, better="less", promised="at most 1.05"),
        Figure("requests", "per event", of_both("requests"), better="less"),
        *(
            Figure(
                f"single commands, {label}", "ms", dict(zip(names, _shares(singles, share), strict=True)), better="less"
            )
            for label, share in (("median", 0.5), ("p99", 0.99))
        ),
    ]


def _shares(singles: tuple[Sequence[float], Sequence[float]], share: float) -> list[float]:
    return [percentile(delays, share) for delays in singles]
