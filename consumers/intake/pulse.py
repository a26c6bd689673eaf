"""How late the event loop is: what tells a worker whose own core is the limit from one that waits for Exchange."""

import asyncio
from collections.abc import Callable

BEAT_S = 0.02
LATE_S = 0.003
"""From here on more work at once only makes everything wait longer."""
CALM_S = 0.0012
"""Hardly later than a timer of its own accord: nothing waits for anything."""
_WEIGHT = 0.3


class Pulse:
    """Measures while it is asked. `on_beat` is called when all is measured, and tells whether to go on measuring."""

    def __init__(self, on_beat: Callable[[], bool]) -> None:
        self._on_beat = on_beat
        self._is_beating = False
        self._late_s = 0.0
        self._spare = 0

    @property
    def spare(self) -> int:
        """How much more than a little may be done at once: one more with each beat in time, half with a late one."""
        if not self._is_beating:
            self._is_beating, self._late_s, self._spare = True, LATE_S, 0
            self._wait()
        return self._spare

    @property
    def is_calm(self) -> bool:
        """Whether there is time even beside work that must not wait."""
        return self.spare > 0 and self._late_s < CALM_S

    def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(BEAT_S, self._beat, loop.time() + BEAT_S)

    def _beat(self, due_s: float) -> None:
        self.measured(max(0.0, asyncio.get_running_loop().time() - due_s))
        if self._on_beat():
            self._wait()
        else:
            self._is_beating = False

    def measured(self, late_s: float) -> None:
        """A beat came so late."""
        self._late_s += _WEIGHT * (late_s - self._late_s)
        self._spare = self._spare + 1 if self._late_s < LATE_S else self._spare // 2
