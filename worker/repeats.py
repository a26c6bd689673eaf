"""Lines that say the same again and again are told a few times a minute, and then by their number.

When something fails for everybody (no Exchange, no file descriptors left) a worker could write more lines than anybody
can keep: 652,531 in three minutes were seen.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable

WINDOW_S = 60.0
KEYS_MAX = 1000


class Repeats:
    """Counts lines by what they say, minute by minute. Lines may come from any thread."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._began_s = monotonic()
        self._told: Counter[Hashable] = Counter()
        self._lock = threading.Lock()

    def is_enough(self, key: Hashable, most: int) -> bool:
        """Whether a line was told so often in this minute that it is left out from now on."""
        with self._lock:
            if key not in self._told and len(self._told) >= KEYS_MAX:
                key = None
            self._told[key] += 1
            return self._told[key] > most

    def left_out(self, most: Callable[[Hashable], int]) -> dict[Hashable, int]:
        """What was left out in the minute that is over, once; nothing while it lasts."""
        with self._lock:
            if self._monotonic() - self._began_s < WINDOW_S:
                return {}
            told, self._told, self._began_s = self._told, Counter(), self._monotonic()
        return {key: count - most(key) for key, count in told.items() if count > most(key)}
