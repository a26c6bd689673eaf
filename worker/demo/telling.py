"""Tells the story on the stage: every act is played, waited for, and held against what was promised."""

import math
import time
from collections import Counter
from datetime import date

from worker.demo.check import ResultKey, Seen, check, expected_outcomes
from worker.demo.show import Show
from worker.demo.stage import Stage, set_stage
from worker.demo.story import ACTS, LOST_REPLY, ROOMS, Act, Command

ACT_WITHIN_S = 60.0
"""The attic's rest and a slow machine."""
END_WITHIN_S = 90.0
LOOKS_AT_LOBBY = 3
"""The room's first scan, the look that settles the lost reply, and the second look."""


async def tell(show: Show, given_url: str | None) -> bool:
    """Set the stage, tell the story, clear up and say whether everything is exactly right.

    Raises:
        BrokerDidNotStart, GivenBrokerUnusable, DemoStuck, NotPublished: there is no story to judge.
    """
    began_s = time.monotonic()
    show.opening()
    day = date.today()  # noqa: DTZ011 - the day of whoever watches
    async with set_stage(show, given_url) as stage:
        teller = _Teller(stage, show, day)
        for act in ACTS:
            await teller.play(act)
        await teller.wait_for_the_end()
        seen = await _look_around(stage)
    for room in ROOMS:
        show.calendar(room, seen.calendars[room.address])
    show.counts(seen.counts, stage.results.by_outcome())
    findings = check(seen, day)
    show.findings(findings, day)
    is_right = all(finding.holds for finding in findings)
    show.verdict(is_right=is_right, took_s=time.monotonic() - began_s)
    return is_right


_NAMES = {room.address: room.name for room in ROOMS}


class _Teller:
    """Plays acts. `_owed`: how often each result must have come by now; `_rests_s`: the rests that were told of."""

    def __init__(self, stage: Stage, show: Show, day: date) -> None:
        self._stage = stage
        self._show = show
        self._day = day
        self._owed: Counter[ResultKey] = Counter()
        self._rests_s: dict[str, float] = {}

    async def play(self, act: Act) -> None:
        self._show.act(act)
        stage, trouble = self._stage, act.trouble
        if trouble is not None:
            stage.exchange.faults.next(trouble.fault, room=trouble.room.address, operation=trouble.operation)
        for command in act.commands:
            await stage.publish(command, self._day)
            self._owed.update(expected_outcomes([command]).keys())
        if trouble is not None:
            await stage.until(self._trouble_was_met, "The act's trouble", within_s=ACT_WITHIN_S)
        else:
            await self._results_of(act.commands)
        if act.then:
            self._show.then(act.then)
        await self._say_who_rests()
        await self._show.pause()

    async def wait_for_the_end(self) -> None:
        """The lost reply's booking is looked at before it is settled, and once more later."""
        with self._show.waiting("The last results are still to come"):
            await self._results(self._owed, END_WITHIN_S)
        with self._show.waiting("15 s after its look at the lobby the worker looks once more, for a late surprise"):
            await self._stage.until(self._is_over, "The second look", within_s=END_WITHIN_S)

    async def _is_over(self) -> bool:
        looks = self._stage.exchange.counts.by_room[LOST_REPLY.meeting.room.address, "FindItem"]
        return looks >= LOOKS_AT_LOBBY and await self._stage.is_quiet()

    async def _trouble_was_met(self) -> bool:
        return not self._stage.exchange.faults.pending

    async def _results_of(self, commands: tuple[Command, ...]) -> None:
        keys = expected_outcomes(commands)
        await self._results({key: self._owed[key] for key in keys}, ACT_WITHIN_S)

    async def _results(self, owed: dict[ResultKey, int], within_s: float) -> None:
        async def are_there() -> bool:
            return all(self._stage.results.count(key) >= count for key, count in owed.items())

        await self._stage.until(are_there, "Every result of the act", within_s=within_s)

    async def _say_who_rests(self) -> None:
        """Say which room rests for how long yet, unless it was said a moment ago."""
        for address, left_s in (await self._stage.worker.resting_rooms()).items():
            if left_s > self._rests_s.get(address, math.inf) - 1:
                continue
            self._rests_s[address] = left_s
            self._show.then(f"The {_NAMES[address]} rests: nobody asks Exchange about it for another {left_s:.1f} s.")


async def _look_around(stage: Stage) -> Seen:
    """What there is to see once the worker has ended."""
    worker_exit = await stage.worker.started.end()
    return Seen(
        calendars={room.address: stage.exchange.calendar(room.address) for room in ROOMS},
        outcomes=stage.results.final(),
        failed_count=await stage.failed_count(),
        counts=stage.exchange.counts,
        worker_exit=worker_exit,
    )
