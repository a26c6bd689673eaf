"""What Exchange allows at once and per time window, and which mailbox may not be asked before when.

A service account that impersonates spends the target mailbox's budget, one for each mailbox; without impersonation it
spends its own. Source: "EWS throttling in Exchange", "Impersonation and EWS in Exchange".
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

_CROSSING_S = 0.05
"""A request on another connection may have been on its way when the answer that named a time was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """At most so many requests to a mailbox in each window."""

    requests: int
    window_s: float


@dataclass(frozen=True, slots=True)
class Busy:
    """A refusal by the limits; `back_off_ms` is 0 when the number of connections was the cause, as Exchange has it."""

    connections: bool
    back_off_ms: int


@dataclass(frozen=True, slots=True)
class _NamedTime:
    until: float
    named_at: float
    connection: int
    enforce: bool


@dataclass(slots=True)
class Limits:
    """Per mailbox: requests at once, requests in a window, and the times that answers have named."""

    mailbox_concurrency: int = 27
    budget: Budget | None = None
    find_page: int = 1000
    """The most entries that one FindItem gives, whatever it asks for (EWSFindCountLimit)."""
    clock: Callable[[], float] = time.monotonic
    """Seconds; another one lets named times and windows pass as a test wants."""
    _running: Counter[str] = field(default_factory=Counter)
    _windows: dict[str, tuple[float, int]] = field(default_factory=dict)
    _named: dict[str, _NamedTime] = field(default_factory=dict)

    def name_time(self, room: str, back_off_ms: int, *, connection: int = 0, enforce: bool = False) -> None:
        """Remember that an answer told this connection's client to leave a mailbox alone for so long."""
        now = self.clock()
        self._named[room] = _NamedTime(now + back_off_ms / 1000, now, connection, enforce)

    def forget_times(self) -> None:
        """Let every mailbox be asked again at once."""
        self._named.clear()

    def named_until(self) -> dict[str, float]:
        """Give the time of `clock` that was last named for each mailbox."""
        return {room: named.until for room, named in self._named.items()}

    def is_early(self, room: str, connection: int) -> bool:
        """Whether a request that arrives now comes before the time that was named for its mailbox."""
        named = self._named.get(room)
        now = self.clock()
        if named is None or now >= named.until:
            return False
        return connection == named.connection or now - named.named_at > _CROSSING_S

    def enforced_ms(self, room: str) -> int:
        """Give how long yet a mailbox refuses, 0 when it does not."""
        named = self._named.get(room)
        if named is None or not named.enforce:
            return 0
        return max(0, int((named.until - self.clock()) * 1000))

    def enter(self, context: str) -> Busy | None:
        """Let a request of this budget in (`leave` follows) or say why not."""
        if self._running[context] >= self.mailbox_concurrency:
            return Busy(connections=True, back_off_ms=0)
        left_ms = self._spend(context)
        if left_ms:
            return Busy(connections=False, back_off_ms=left_ms)
        self._running[context] += 1
        return None

    def leave(self, context: str) -> None:
        """End a request that was let in."""
        self._running[context] -= 1
        if not self._running[context]:
            del self._running[context]

    def _spend(self, context: str) -> int:
        """Take one request off the budget; give the milliseconds to wait when nothing is left of it."""
        if self.budget is None:
            return 0
        now = self.clock()
        since, spent = self._windows.get(context, (now, 0))
        if now - since >= self.budget.window_s:
            since, spent = now, 0
        if spent >= self.budget.requests:
            return max(1, int((since + self.budget.window_s - now) * 1000))
        self._windows[context] = (since, spent + 1)
        return 0
