"""How fast a room, or a tenant as a whole, may be asked: limits that move with answers, pauses, probes after them."""

import asyncio
import random
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from adapters.calendar import RoomAddress
from consumers.policy import OWN_BACK_OFF_MAX_S, OWN_BACK_OFF_S, PAUSE_MAX_S

Jitter = Callable[[float, float], float]

REMEMBERED_S = 600.0
"""How long the lowered limit of a quiet room is remembered."""
SWEEP_EVERY_S = 60.0
CROWD_WINDOW_S = 10.0
CROWD_ROOMS = 3
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


def own_back_off_s(throttles: int, jitter: Jitter = random.uniform) -> float:
    """Our own wait where Exchange named none, or none that means anything, after this many throttles in a row."""
    ceiling_s = min(OWN_BACK_OFF_S * 2.0 ** min(max(throttles, 1) - 1, 16), OWN_BACK_OFF_MAX_S)
    return ceiling_s / 2 + jitter(0.0, ceiling_s / 2)


@dataclass(slots=True, eq=False)
class RateState:
    """The pace of a room or of a tenant. After a throttle one request at a time, until one of those succeeds."""

    limit: AdaptiveLimit
    in_flight: int = 0
    heard_s: float = 0.0
    """When something of what is under way began or was answered last; of no meaning while nothing is."""
    paused_until_s: float = 0.0
    throttles: int = 0
    """In a row, the answers to requests that were under way together counted once."""

    @property
    def allowed(self) -> int:
        """Requests at once just now."""
        return 1 if self.throttles else self.limit.value

    @property
    def is_free(self) -> bool:
        """Whether one more request may be sent, pauses aside."""
        return self.in_flight < self.allowed

    @property
    def is_undisturbed(self) -> bool:
        """Whether all is as without any throttle."""
        return self.throttles == 0 and self.limit.is_whole

    def paused_for_s(self, now_s: float) -> float:
        """How long nothing may be sent yet."""
        return max(0.0, self.paused_until_s - now_s)

    def silent_for_s(self, now_s: float) -> float:
        """How long requests have been under way without any of them being answered."""
        return now_s - self.heard_s if self.in_flight else 0.0

    def throttled(self, sent_in: int, told_s: float | None, now_s: float, jitter: Jitter) -> float:
        """Exchange asked for patience, by `told_s` or without a time; returns by how much that prolongs the pause."""
        if self.limit.throttled(sent_in):
            self.throttles += 1
        wait_s = min(told_s, PAUSE_MAX_S) if told_s else own_back_off_s(self.throttles, jitter)
        before_s = max(self.paused_until_s, now_s)
        self.paused_until_s = max(before_s, now_s + wait_s)
        return self.paused_until_s - before_s

    def succeeded(self, sent_in: int) -> None:
        """Exchange answered in good time."""
        if self.limit.succeeded(sent_in):
            self.throttles = 0


@dataclass(slots=True, eq=False)
class RoomPace(RateState):
    """A room's pace, and who waits for a slot to it."""

    address: RoomAddress = field(kw_only=True)
    batch: BatchSize = field(default_factory=BatchSize)
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)
    users: int = 0
    """Requests that have a slot or wait for one."""
    idle_since_s: float = 0.0


class Rooms:
    """The rooms of a tenant that are being asked, or that must not be forgotten yet."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._paces: dict[RoomAddress, RoomPace] = {}
        self._swept_s = clock()

    def get(self, room: RoomAddress) -> RoomPace | None:
        """A room's pace, None where there is nothing to say of it."""
        return self._paces.get(room)

    def items(self, only: RoomAddress | None = None) -> Sequence[tuple[RoomAddress, RoomPace]]:
        """All of them, or one if there is something to say of it."""
        if only is None:
            return list(self._paces.items())
        pace = self._paces.get(only)
        return [(only, pace)] if pace else []

    @contextmanager
    def using(self, room: RoomAddress, ceiling: int) -> Iterator[RoomPace]:
        """A room's pace, which stays the same for all who use it at the same time."""
        pace = self._paces.get(room)
        if pace is None:
            pace = self._paces[room] = RoomPace(AdaptiveLimit(ceiling), address=room)
        pace.users += 1
        try:
            yield pace
        finally:
            pace.users -= 1
            pace.idle_since_s = self._clock()
            if not pace.users and pace.is_undisturbed and pace.batch.is_whole and pace.paused_until_s <= self._clock():
                self._paces.pop(room, None)
            self._sweep()

    def _sweep(self) -> None:
        now_s = self._clock()
        if now_s - self._swept_s < SWEEP_EVERY_S:
            return
        self._swept_s = now_s
        for room, pace in self.items():
            if not pace.users and max(pace.idle_since_s, pace.paused_until_s) < now_s - REMEMBERED_S:
                del self._paces[room]


class TenantThrottleDetector:
    """Tells whether throttles concern the whole tenant: several rooms, and at least half of those answered lately."""

    def __init__(self) -> None:
        self._last: OrderedDict[RoomAddress, tuple[float, bool]] = OrderedDict()
        self._throttled = 0

    def note(self, room: RoomAddress, now_s: float, *, throttled: bool) -> bool:
        """Note a room's answer; returns whether the tenant as a whole seems to be throttled."""
        self._drop(room)
        while self._last and next(iter(self._last.values()))[0] < now_s - CROWD_WINDOW_S:
            self._drop(next(iter(self._last)))
        self._last[room] = (now_s, throttled)
        self._throttled += throttled
        return throttled and self._throttled >= CROWD_ROOMS and 2 * self._throttled >= len(self._last)

    def _drop(self, room: RoomAddress) -> None:
        known = self._last.pop(room, None)
        if known is not None:
            self._throttled -= known[1]
