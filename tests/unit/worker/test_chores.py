"""What a worker does beside its bookings goes on, whatever one turn of it meets; and what lasts is told."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from structlog.testing import capture_logs

from tests.room_harness import VirtualTime
from worker.chores import LASTS_AFTER_S, LASTS_AFTER_TURNS, STALLED_AFTER_S, Chore, Chores


class ChoresHarness:
    """Chores whose pauses pass at once; `turns` of a chore, and then it rests."""

    def __init__(self) -> None:
        self.time = VirtualTime()
        self.chores = Chores(monotonic=self.time.monotonic, sleep=self.sleep)
        self.turns_left = 0
        self.pauses_s: list[float] = []

    async def sleep(self, for_s: float) -> None:
        self.pauses_s.append(for_s)
        if self.turns_left == 0:
            await asyncio.Event().wait()
        self.turns_left -= 1
        self.time.passed_s += for_s
        await asyncio.sleep(0)

    async def run(self, work: Callable[[], Awaitable[None]], turns: int, *, every_s: float = 2.0) -> None:
        self.turns_left = turns
        task = asyncio.create_task(self.chores.run(Chore(name="reading", work=work, every_s=every_s)))
        for _ in range(20 * (turns + 1)):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Work:
    """Fails with these errors, one a turn; then it goes well."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.turns = 0

    async def __call__(self) -> None:
        self.turns += 1
        if self.errors:
            raise self.errors.pop(0)


@pytest.mark.parametrize("error", [RecursionError(), OSError(24, "x"), KeyError("hunter2"), MemoryError()])
async def test_a_chore_goes_on_at_its_pace_after_any_error(error: Exception) -> None:
    harness, work = ChoresHarness(), Work(error)
    with capture_logs() as logs:
        await harness.run(work, 3)
    assert (work.turns, harness.pauses_s) == (3, [2.0] * 4)
    told = [log for log in logs if log["event"] == "chore.failed"]
    assert [(log["chore"], log["turns"]) for log in told] == [("reading", 1)]
    assert told[0]["why"].startswith(f"{type(error).__name__} at test_chores.py:")
    assert "hunter2" not in str(logs)
    assert harness.chores.failing() == {}


async def test_a_moments_trouble_is_not_told_to_whoever_asks_and_what_lasts_is() -> None:
    harness = ChoresHarness()
    await harness.run(Work(*[RecursionError() for _ in range(LASTS_AFTER_TURNS - 1)]), LASTS_AFTER_TURNS - 1)
    assert harness.chores.failing() == {}
    await harness.run(Work(*[RecursionError() for _ in range(LASTS_AFTER_TURNS)]), LASTS_AFTER_TURNS)
    assert list(harness.chores.failing()) == ["reading"]
    assert "RecursionError at test_chores.py" in harness.chores.failing()["reading"]


async def test_a_seldom_chore_that_fails_is_told_after_five_minutes() -> None:
    harness = ChoresHarness()
    await harness.run(Work(RecursionError()), 1, every_s=3600)
    harness.time.passed_s += LASTS_AFTER_S
    assert list(harness.chores.failing()) == ["reading"]


async def test_the_first_turn_that_goes_well_ends_it() -> None:
    harness = ChoresHarness()
    errors = [RecursionError() for _ in range(LASTS_AFTER_TURNS)]
    with capture_logs() as logs:
        await harness.run(Work(*errors), LASTS_AFTER_TURNS + 1)
    assert harness.chores.failing() == {}
    assert logs[-1]["event"] == "chore.recovered"


async def test_an_error_that_stays_is_logged_once_a_minute() -> None:
    harness = ChoresHarness()
    with capture_logs() as logs:
        await harness.run(Work(*[RecursionError() for _ in range(60)]), 60)
    assert [log["turns"] for log in logs] == [1, 31]


async def test_a_chore_that_never_comes_to_an_end_is_told() -> None:
    harness = ChoresHarness()
    harness.turns_left = 1
    task = asyncio.create_task(
        harness.chores.run(Chore(name="reading", work=asyncio.Event().wait, every_s=2))  # type: ignore[arg-type]
    )
    for _ in range(10):
        await asyncio.sleep(0)
    harness.time.passed_s += STALLED_AFTER_S
    assert harness.chores.failing() == {"reading": f"has not come to an end for {STALLED_AFTER_S:.0f} s"}
    task.cancel()
