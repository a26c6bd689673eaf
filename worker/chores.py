"""What a worker does beside its bookings, again and again: an error costs one turn of one chore, and is told.

Left to itself, a task that ends by an error ends unseen: a worker once went on for days with the tenants of its start.
"""

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

LASTS_AFTER_S = 300.0
LASTS_AFTER_TURNS = 5
"""From then on a chore that fails is more than a moment's trouble."""
STALLED_AFTER_S = 900.0
"""No turn of any chore takes so long; a folder on a file server that is gone keeps one for ever."""
TOLD_AGAIN_S = 60.0

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chore:
    """`name` is for people and metrics; the first turn comes after `first_after_s`, by default as late as any."""

    name: str
    work: Callable[[], Awaitable[None]]
    every_s: float
    first_after_s: float | None = None


@dataclass(slots=True)
class _State:
    """Times are monotonic."""

    begun_s: float | None = None
    failing_since_s: float | None = None
    turns: int = 0
    why: str = ""
    told: str = ""
    told_s: float = 0.0


class Chores:
    """Runs them side by side, each at its own pace."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic, sleep: Sleep = asyncio.sleep) -> None:
        self._monotonic = monotonic
        self._sleep = sleep
        self._states: dict[str, _State] = {}

    def begin(self, chores: Iterable[Chore]) -> list[asyncio.Task[None]]:
        """Begin them. They go on until the tasks are cancelled."""
        return [asyncio.create_task(self.run(chore)) for chore in chores]

    async def run(self, chore: Chore) -> None:
        """One of them, without an end."""
        state = self._states[chore.name] = _State()
        pause_s = chore.every_s if chore.first_after_s is None else chore.first_after_s
        while True:
            await self._sleep(pause_s)
            await self._turn(chore, state)
            pause_s = chore.every_s

    async def _turn(self, chore: Chore, state: _State) -> None:
        state.begun_s = self._monotonic()
        try:
            await chore.work()
        except Exception as error:  # noqa: BLE001 - whatever it is, the next turn may go well
            self._failed(chore, state, error)
        else:
            if state.failing_since_s is not None:
                log.info("chore.recovered", chore=chore.name, turns=state.turns)
            state.failing_since_s, state.turns, state.told = None, 0, ""
        finally:
            state.begun_s = None

    def _failed(self, chore: Chore, state: _State, error: Exception) -> None:
        now_s = self._monotonic()
        state.turns += 1
        state.failing_since_s = now_s if state.failing_since_s is None else state.failing_since_s
        state.why = f"{type(error).__name__} at {_place_of(error)}"
        if state.why != state.told or now_s - state.told_s >= TOLD_AGAIN_S:
            # Not the error's own words: they may quote what lies in a file or a message.
            log.error("chore.failed", chore=chore.name, why=state.why, turns=state.turns)
            state.told, state.told_s = state.why, now_s

    def names(self) -> tuple[str, ...]:
        """Those that were begun."""
        return tuple(self._states)

    def failing(self) -> dict[str, str]:
        """The chores whose trouble lasts, with the reason."""
        now_s = self._monotonic()
        return {name: why for name, state in self._states.items() if (why := _lasting(state, now_s)) is not None}


def _lasting(state: _State, now_s: float) -> str | None:
    if state.begun_s is not None and now_s - state.begun_s >= STALLED_AFTER_S:
        return f"has not come to an end for {now_s - state.begun_s:.0f} s"
    if state.failing_since_s is None:
        return None
    for_s = now_s - state.failing_since_s
    if for_s < LASTS_AFTER_S and state.turns < LASTS_AFTER_TURNS:
        return None
    return f"{state.why}, {state.turns} times in {for_s:.0f} s"


def _place_of(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"
