"""How late the event loop is, and how busy: tells a worker whose core is the limit from one that waits for Exchange."""

import asyncio
import time
from collections.abc import Callable

BEAT_S = 0.02
LATE_S = 0.003
"""From here on more work at once only makes everything wait longer."""
CALM_S = 0.0012
"""Hardly later than a timer of its own accord: nothing waits for anything."""
BUSY = 0.6
"""The share of a core that the process may take and still be calm: beyond it, what must not wait waits for threads."""
FULL = 0.85
"""From here on the process has no time at all: what waits had better gather."""
_WEIGHT = 0.3
_BUSY_WEIGHT = 0.1


class Pulse:
    """Measures while it is asked. `on_beat` is called when all is measured, and tells whether to go on measuring."""

    def __init__(self, on_beat: Callable[[], bool]) -> None:
        self._on_beat = on_beat
        self._is_beating = False
        self._late_s = 0.0
        self._busy = 0.0
        self._seen_s = 0.0
        self._used_s = 0.0
        self._spare = 0

    @property
    def spare(self) -> int:
        """How much more than a little may be done at once: one more with each beat in time, half with a late one."""
        if not self._is_beating:
            self._is_beating, self._late_s, self._busy, self._spare = True, LATE_S, 1.0, 0
            self._seen_s, self._used_s = asyncio.get_running_loop().time(), time.process_time()
            self._wait()
        return self._spare

    @property
    def is_calm(self) -> bool:
        """Whether there is time even beside work that must not wait."""
        return self.spare > 0 and self._late_s < CALM_S and self._busy < BUSY

    @property
    def is_full(self) -> bool:
        """Whether the process has all to do that it can, punctual as its event loop may be."""
        return self._busy >= FULL

    def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(BEAT_S, self._beat, loop.time() + BEAT_S)

    def _beat(self, due_s: float) -> None:
        now_s, used_s = asyncio.get_running_loop().time(), time.process_time()
        busy = (used_s - self._used_s) / (now_s - self._seen_s)
        self._seen_s, self._used_s = now_s, used_s
        self.measured(max(0.0, now_s - due_s), busy)
        if self._on_beat():
            self._wait()
        else:
            self._is_beating = False

    def measured(self, late_s: float, busy: float) -> None:
        """A beat came so late; since the last one the process took this share of a core."""
        self._busy += _BUSY_WEIGHT * (busy - self._busy)
        self._late_s += _WEIGHT * (late_s - self._late_s)
        self._spare = self._spare + 1 if self._late_s < LATE_S else self._spare // 2
