"""The retry policy: how long to hold in the process, and how long to stay away. Decides; tenacity does the waiting."""

import random
from collections.abc import Awaitable, Callable

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from adapters.errors import CalendarError, Throttled, Transient
from consumers.bookings.pace import Jitter, own_back_off_s
from consumers.bookings.policy import DEFER_TIERS_S

HOLD_TRIES = 3
HOLD_TRANSIENT_S = 10.0

Sleep = Callable[[float], Awaitable[None]]


def holding(hold_s: float, *, sleep: Sleep, jitter: Jitter = random.uniform) -> AsyncRetrying:
    """Ride out seconds while the deliveries stay unacknowledged.

    A throttled room is asked again after the time that Exchange named (none, or 0: our own back-off, doubling), as
    long as the whole hold stays within `hold_s`; a transient error up to three times within ten seconds. What cannot
    be ridden out is raised again. An unknown outcome is never sent again from here.
    """

    def wait(state: RetryCallState) -> float:
        return _hold_wait_s(_error_of(state), state.attempt_number, jitter)

    def stop(state: RetryCallState) -> bool:
        # What was slept counts even where it passed on another clock than tenacity's own.
        held_s = max(state.seconds_since_start or 0.0, state.idle_for) + state.upcoming_sleep
        if isinstance(_error_of(state), Throttled):
            return held_s > hold_s
        return state.attempt_number >= HOLD_TRIES or held_s > min(HOLD_TRANSIENT_S, hold_s)

    return AsyncRetrying(
        retry=retry_if_exception_type((Throttled, Transient)), wait=wait, stop=stop, sleep=sleep, reraise=True
    )


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
