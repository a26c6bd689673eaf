"""The retry policy: how long to hold in the process, and how long to stay away. Decides; tenacity does the waiting."""

import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from adapters.errors import CalendarError, Throttled, Transient
from consumers.policy import DEFER_TIERS_S
from consumers.throttling.limits import Jitter, own_back_off_s

Result = TypeVar("Result")

HOLD_TRIES = 3
HOLD_TRANSIENT_S = 10.0
_RIDDEN_OUT = (Throttled, Transient)

Sleep = Callable[[float], Awaitable[None]]


@dataclass(slots=True)
class Try:
    """One try of some work, whose error is set by who does it."""

    error: CalendarError | None = None


async def tries(hold_s: float, *, sleep: Sleep, jitter: Jitter = random.uniform) -> AsyncIterator[Try]:
    """Tries of some work, with the deliveries unacknowledged, until one of them has no error.

    A throttled room is asked again after the time that Exchange named (none, or 0: our own back-off, doubling), as
    long as the whole hold stays within `hold_s`; a transient error is tried up to three times within ten seconds. An
    unknown outcome is never sent again from here.

    Raises:
        CalendarError: the last one, or the first that no waiting cures.
    """
    begun_s, current = time.monotonic(), Try()
    yield current
    if current.error is None:
        return
    # Only now, for what goes well at once would pay for it: its objects are cycles that hold the whole batch.
    async for attempt in _retrying(hold_s, time.monotonic() - begun_s, sleep, jitter):
        if attempt.retry_state.attempt_number > 1:
            current = Try()
            # Outside the attempt, which would keep whatever ends this generator to itself.
            yield current
        with attempt:
            if current.error is not None:
                raise current.error


async def retry_in_place(
    work: Callable[[], Awaitable[Result]], hold_s: float, *, sleep: Sleep, jitter: Jitter = random.uniform
) -> Result:
    """Do some work in as many `tries` as it takes. Raises `CalendarError` like them."""
    done: list[Result] = []
    async for current in tries(hold_s, sleep=sleep, jitter=jitter):
        try:
            done.append(await work())
        except CalendarError as error:
            current.error = error
    return done[0]


def _retrying(hold_s: float, spent_s: float, sleep: Sleep, jitter: Jitter) -> AsyncRetrying:
    """`spent_s`: how long the first try took."""

    def wait(state: RetryCallState) -> float:
        return _hold_wait_s(_error_of(state), state.attempt_number, jitter)

    def stop(state: RetryCallState) -> bool:
        # What was slept counts even where it passed on another clock than tenacity's own.
        held_s = max(spent_s + (state.seconds_since_start or 0.0), state.idle_for) + state.upcoming_sleep
        if isinstance(_error_of(state), Throttled):
            return held_s > hold_s
        return state.attempt_number >= HOLD_TRIES or held_s > min(HOLD_TRANSIENT_S, hold_s)

    return AsyncRetrying(retry=retry_if_exception_type(_RIDDEN_OUT), wait=wait, stop=stop, sleep=sleep, reraise=True)


def _error_of(state: RetryCallState) -> CalendarError | None:
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, CalendarError) else None


def _hold_wait_s(error: CalendarError | None, attempt: int, jitter: Jitter) -> float:
    if isinstance(error, Throttled) and error.retry_after_s:
        # After the named time, never before it; spread a little, or all rooms come back at once.
        return error.retry_after_s + jitter(0.05, 0.5)
    return own_back_off_s(attempt, jitter)


def backoff_s(attempts: int) -> float:
    """How long a command stays away after this many failed attempts (1 and more): the tiers, one after the other."""
    return float(DEFER_TIERS_S[min(max(attempts, 1), len(DEFER_TIERS_S)) - 1])


def tier_for(wait_s: float) -> int:
    """The deferred queue for a wait: the longest that does not overshoot it; a rest is waited in further rounds."""
    return max((tier for tier in DEFER_TIERS_S if tier <= wait_s), default=DEFER_TIERS_S[0])
