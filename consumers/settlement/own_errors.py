"""What an error of ours is told by: its class and its place, never its text, which may quote what it stumbled over."""

import traceback
from collections.abc import Callable
from dataclasses import dataclass

import structlog

log = structlog.get_logger(__name__)

TOLD_EVERY_S = 60.0
PLACES = 3
KINDS_MAX = 1000


def place_of(error: BaseException) -> str:
    """Where it arose, such as `lanes.py:81 > settle.py:212`: files and lines, the innermost last."""
    frames = traceback.extract_tb(error.__traceback__)[-PLACES:]
    return " > ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames)


@dataclass(slots=True)
class _Told:
    at_s: float
    more_count: int = 0


class Complaints:
    """Logs each kind of error once a minute; one defect may meet thousands of messages."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._told: dict[tuple[str, str, str], _Told] = {}

    def tell(self, event: str, error: BaseException, **fields: object) -> None:
        """Log one line, or count it for the next one. `more`: how many were not told since the last line."""
        name, place, now_s = type(error).__name__, place_of(error), self._clock()
        told = self._told.get((event, name, place))
        if told is not None and now_s - told.at_s < TOLD_EVERY_S:
            told.more_count += 1
            return
        if len(self._told) >= KINDS_MAX:
            self._told.clear()
        self._told[event, name, place] = _Told(now_s)
        log.warning(event, error=name, at=place, more=told.more_count if told else 0, **fields)
