"""Some rooms are throttled while a full queue is worked off: what that costs the others."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean

from tests.bench.bench_harness import BenchHarness
from tests.bench.commands import creates, room
from tests.bench.contestants import Contestant
from tests.bench.exchange import Timing
from tests.bench.figures import Figure, Report
from tests.bench.load import Load
from tests.bench.scenarios.each import each

ROOMS = 100
THROTTLED = 5
COMMANDS = 3_000
BACK_OFF_S = 20.0
WITHIN_S = 300.0
ROUNDS = 3
"""Of ours, which takes seconds: a machine that is shared changes its speed within them. The rival takes minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """When the rooms were done, in seconds since the first request."""

    healthy_s: float
    after_pause_s: float | None
    """How long after their pause the throttled rooms were done."""
    early: int


@dataclass(frozen=True, slots=True)
class Turns:
    """Undisturbed and throttled, one after the other."""

    calm: list[Drained] = field(default_factory=list)
    busy: list[Drained] = field(default_factory=list)

    @property
    def after_pause_s(self) -> float | None:
        """The longest that throttled rooms took after their pause."""
        return max((one.after_pause_s for one in self.busy if one.after_pause_s is not None), default=None)


async def healthy(harness: BenchHarness, contestants: Sequence[Contestant], load: Load) -> Report:
    """Ours and one rival, undisturbed and with throttled rooms by turns."""
    count, back_off_s = load.of(COMMANDS), load.seconds(BACK_OFF_S)
    ours = contestants[0]

    async def look(contestant: Contestant) -> Turns:
        turns = Turns()
        for _ in range(ROUNDS if contestant is ours else 1):
            turns.calm.append(await _drained(harness, contestant, count, None))
            turns.busy.append(await _drained(harness, contestant, count, back_off_s))
        return turns

    seen, stuck = await each(harness, "healthy", contestants[:2], look)
    calm = {name: fmean(one.healthy_s for one in turns.calm) for name, turns in seen.items()}
    busy = {name: fmean(one.healthy_s for one in turns.busy) for name, turns in seen.items()}
    relative = {name: busy[name] / calm[name] for name in seen}
    after = {name: turns.after_pause_s for name, turns in seen.items()}
    early = {name: sum(one.early for one in turns.busy) for name, turns in seen.items()}
    return Report(
        scenario="healthy",
        sentence=f"{THROTTLED} of {ROOMS} rooms answer ErrorServerBusy ({back_off_s:.0f} s) while {count} creates wait",
        figures=[
            Figure(f"the other {ROOMS - THROTTLED} rooms, undisturbed", "s", calm, better="less"),
            Figure(f"the other {ROOMS - THROTTLED} rooms, meanwhile", "s", busy, better="less"),
            Figure("relative", "times", relative, better="less", promised="at most 1.15"),
            Figure("throttled rooms, after their pause", "s", after, better="less", promised="at most 5"),
            Figure("requests before the time", "", early, promised="0"),
        ],
        unfinished=stuck,
    )


async def _drained(harness: BenchHarness, contestant: Contestant, count: int, back_off_s: float | None) -> Drained:
    async with harness.measurement(contestant) as measurement:
        commands = list(creates(count, ROOMS))
        await measurement.publishing.all(commands)
        if back_off_s is not None:
            for number in range(THROTTLED):
                back_off = {"back_off_ms": int(back_off_s * 1000), "enforce": True}
                await measurement.exchange.meet("Throttle", back_off, room(number))
        program = await measurement.start()
        await measurement.until_written(count, program, within_s=WITHIN_S)
        timing = await measurement.afterwards()
        early = (await measurement.exchange.totals())["early"]
        slow = {room(number) for number in range(THROTTLED)}
        done_at = {in_slow: _done_at(timing, commands, slow, among=in_slow) for in_slow in (True, False)}
        pause_over_at = max(timing.named_until.values(), default=None)
        return Drained(
            healthy_s=done_at[False] - min(timing.arrived_at.values()),
            after_pause_s=None if pause_over_at is None else done_at[True] - pause_over_at,
            early=early,
        )


def _done_at(timing: Timing, commands: list[dict[str, str]], rooms: set[str], *, among: bool) -> float:
    """When the last booking was written that is among these rooms, or is not."""
    return max(
        timing.written_at[command["booking_id"]][0]
        for command in commands
        if (command["room"] in rooms) is among and command["booking_id"] in timing.written_at
    )
