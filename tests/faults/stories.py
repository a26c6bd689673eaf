"""Plays a fault once: three bookings of a room in one batch, one in another room, one of another tenant; then looks."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from adapters.simulator import Fault
from tests.faults.worker_harness import BOARD, ELSEWHERE, LOBBY, WorkerHarness, a_worker_harness

Words = tuple[str, ...]
"""What a command is told, in order: where it was sent away to, its second looks, its results."""

SYNCED: Words = ("synced",)
LOOKED_FOR: Words = (
    "back in 60 s: outcome_unknown",
    "back in 15 s: write_under_way",
    "back in 15 s: write_under_way",
    "second look in 300 s",
    "synced",
)
"""Not sent again before the claim of 90 s has run out and a look has told whether it was applied."""
LOOKED_FOR_AT_S = (90.0, 90.0)
AT_ONCE_S = (0.0, 0.0)


@dataclass(frozen=True, kw_only=True)
class Story:
    """A fault that a room's CreateItem meets, and what comes of it.

    `times`: requests that meet it. `told`: the command, the second of three; `others`: the first and the third,
    the same unless said. `done_s`: seconds from the first try to the command's last result, at least and at most.
    `requests`: to the room, all in all. `written`: events of the three ever written, those that are gone again
    included; `stand`: of the three, which stand in the calendar at the end.
    """

    fault: Fault
    told: Words
    done_s: tuple[float, float]
    requests: Mapping[str, int]
    times: int = 1
    others: tuple[Words, Words] | None = None
    written: int = 3
    stand: tuple[str, ...] = ("B-0", "B-1", "B-2")
    opens_breaker: bool = False
    ews_timeout_s: float = 10

    def __hash__(self) -> int:
        return id(self)


@dataclass(kw_only=True)
class Told:
    """What came of it."""

    first_word: str
    told: list[Words]
    done_s: float
    lobby: Words
    lobby_done_s: float
    elsewhere: Words
    breaker_was_open: bool
    requests: dict[str, int]
    early: int
    written: int
    stand: list[str]
    acknowledged: set[str] = field(default_factory=set)


@cache
def played(story: Story) -> Told:
    """What came of a story; each is played once."""
    return asyncio.run(_play(story))


async def _play(story: Story) -> Told:
    with TemporaryDirectory() as folder:
        async with a_worker_harness(Path(folder), ews_timeout_s=story.ews_timeout_s) as harness:
            await warm_up(harness)
            harness.exchange.faults.next(story.fault, room=BOARD, operation="CreateItem", times=story.times)
            for number in range(3):
                harness.put(f"B-{number}")
            harness.put("L-0", room=LOBBY)
            harness.put("E-0", room=ELSEWHERE)
            await harness.quiet()
            first_word, breaker_was_open = harness.told("B-1.1")[0], harness.breaker.error is not None
            await harness.all_is_done()
            return Told(
                first_word=first_word,
                told=[tuple(harness.told(f"B-{number}.1")) for number in range(3)],
                done_s=harness.done_after_s("B-1.1"),
                lobby=tuple(harness.told("L-0.1")),
                lobby_done_s=harness.done_after_s("L-0.1"),
                elsewhere=tuple(harness.told("E-0.1")),
                breaker_was_open=breaker_was_open,
                requests=harness.requests(),
                early=harness.exchange.counts.early,
                written=harness.written() - 1,
                stand=[booking for booking, _, _ in harness.calendar() if booking.startswith("B-")],
                acknowledged=set(harness.queues.all_of("ack")),
            )


async def warm_up(harness: WorkerHarness) -> None:
    """Each room had a booking before, so it was scanned."""
    for room in (BOARD, LOBBY, ELSEWHERE):
        harness.put(f"W-{room[0]}", room=room)
    await harness.all_is_done()
    harness.count_anew()


def as_cases(stories: Mapping[str, Story]) -> Iterable[object]:
    """The stories for parametrize, named as in the table."""
    return [pytest.param(story, id=name) for name, story in stories.items()]
