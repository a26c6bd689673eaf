"""How limits move with what Exchange answers: counting only, without a clock and without waiting."""

from dataclasses import dataclass, field

BATCH_LARGEST = 100
"""What `batch_max` can be at the most."""
BUSY_BATCH = 5
"""A busy server is helped by fewer requests, too: batches get no smaller for its sake, only for slowness."""


@dataclass(slots=True, eq=False)
class AdaptiveLimit:
    """Requests at once: halved by a throttle, one more after a run of as many successes, from 1 to `ceiling`.

    `epoch` rises with every halving. A request belongs to the epoch in which it was sent: those that were under way
    together halve once, and what was sent before the trouble does not tell that it is over.
    """

    ceiling: int
    value: int = field(init=False)
    epoch: int = 0
    _run: int = 0

    def __post_init__(self) -> None:
        self.value = self.ceiling

    @property
    def is_whole(self) -> bool:
        """Whether it stands at its ceiling."""
        return self.value >= self.ceiling

    def throttled(self, sent_in: int) -> bool:
        """A request of this epoch was throttled; returns whether that counts."""
        if sent_in != self.epoch:
            return False
        self.epoch += 1
        self._run = 0
        self.value = max(1, self.value // 2)
        return True

    def succeeded(self, sent_in: int) -> bool:
        """A request of this epoch was answered in good time; returns whether that counts."""
        if sent_in != self.epoch:
            return False
        self._run += 1
        if self._run >= self.value:
            self._run = 0
            self.value = min(self.value + 1, self.ceiling)
        return True

    def resize(self, ceiling: int) -> None:
        """Take another ceiling: a whole limit goes along with it, another one is only cut."""
        self.value = ceiling if self.is_whole else min(self.value, ceiling)
        self.ceiling = ceiling


@dataclass(slots=True, eq=False)
class BatchSize:
    """Operations in one request: halved by a slow or busy answer, a quarter more after each good one."""

    _bound: int = BATCH_LARGEST

    @property
    def is_whole(self) -> bool:
        """Whether nothing but the configuration bounds it."""
        return self._bound >= BATCH_LARGEST

    def within(self, most: int) -> int:
        """The size now, from 1 to `most`."""
        return min(self._bound, most)

    def shrink(self, sent: int, *, least: int) -> None:
        """The answer to a request of so many operations was slow or busy; `least`: no smaller than that."""
        # Half of what was sent, not of the bound: batches that were under way together halve it once.
        self._bound = min(self._bound, max(least, sent // 2))

    def grow(self) -> None:
        """An answer came in good time."""
        self._bound = min(self._bound + max(1, self._bound // 4), BATCH_LARGEST)
