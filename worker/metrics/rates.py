"""How fast commands end just now, from counts that only ever rise."""

from collections import deque
from collections.abc import Callable, Mapping
from itertools import pairwise

OVER_S = 60.0
SAMPLE_EVERY_S = 5.0


class Rates:
    """Per minute, over the last minute or as long as is known."""

    def __init__(self, totals: Mapping[str, int], *, monotonic: Callable[[], float]) -> None:
        self._totals = totals
        self._monotonic = monotonic
        self._samples: deque[tuple[float, dict[str, int]]] = deque([(monotonic(), dict(totals))])

    def sample(self) -> None:
        """Take note of the counts; to be called every `SAMPLE_EVERY_S`."""
        now_s = self._monotonic()
        self._samples.append((now_s, dict(self._totals)))
        # The first sample is the last one that lies a minute back or more.
        stale = [1 for _, (taken_s, _) in pairwise(self._samples) if now_s - taken_s >= OVER_S]
        for _ in stale:
            self._samples.popleft()

    def per_minute(self) -> dict[str, float]:
        """By name; a name that was never counted is missing."""
        began_s, began = self._samples[0]
        passed_s = max(self._monotonic() - began_s, 1.0)
        return {
            name: round((count - began.get(name, 0)) / passed_s * 60, 1) for name, count in sorted(self._totals.items())
        }
