"""What the broker was told of a delivery: told twice, RabbitMQ closes the channel (406, "unknown delivery tag").

So each delivery has one state, and nothing but `Receipt` acknowledges it or gives it back.
"""

import time
from collections.abc import Awaitable, Callable
from enum import StrEnum, auto

from aiormq.abc import AbstractChannel


class State(StrEnum):
    """What becomes of a delivery; from `OPEN` to one of the others, and never back."""

    OPEN = auto()
    ACKED = auto()
    RETURNED = auto()
    LOST = auto()
    """Its session is lost, or an answer to it may not have left: it comes again, whatever is said of it now."""


class AlreadySettled(Exception):
    """The broker was told of this delivery before, or will hand it out again: nothing more may be said of it."""


class HandedOut:
    """What the broker waits for in a session. `is_lost`: it hands all of it out again."""

    def __init__(self, is_lost: Callable[[], bool], clock: Callable[[], float] = time.monotonic) -> None:
        self._is_lost = is_lost
        self._clock = clock
        self._since_s: dict[Receipt, float] = {}

    @property
    def is_lost(self) -> bool:
        """Whether nothing of it can be settled any more."""
        return self._is_lost()

    def __len__(self) -> int:
        return len(self._since_s)

    def begin(self, receipt: "Receipt") -> None:
        """The broker waits for it from now on."""
        self._since_s[receipt] = self._clock()

    def end(self, receipt: "Receipt") -> None:
        """The broker was told."""
        self._since_s.pop(receipt, None)

    def older_than(self, age_s: float) -> "list[Receipt]":
        """Those that were handed out longer ago, the oldest first."""
        limit_s, old = self._clock() - age_s, []
        for receipt, since_s in self._since_s.items():
            if since_s > limit_s:
                break
            old.append(receipt)
        return old


class Receipt:
    """A delivery's state. Its channel raises an `AMQPError` or a `RuntimeError` once it is closed."""

    # No `__slots__`: `Received`, of which there are thousands, has them, beside those of its content.
    def __init__(self, channel: AbstractChannel, tag: int, handed_out: HandedOut) -> None:
        self._channel = channel
        self._tag = tag
        self._handed_out = handed_out
        self._state = State.OPEN
        handed_out.begin(self)

    @property
    def state(self) -> State:
        """Where it stands."""
        if self._state is State.OPEN and self._handed_out.is_lost:
            return State.LOST
        return self._state

    async def ack(self) -> None:
        """Tell the broker that it is done with; what is lost on the way comes again. Raises `AlreadySettled`."""
        await self._tell(State.ACKED, lambda: self._channel.basic_ack(self._tag, wait=False))

    async def nack(self, *, requeue: bool) -> None:
        """Give it back to its queue, or drop it. Raises `AlreadySettled`."""
        await self._tell(State.RETURNED, lambda: self._channel.basic_nack(self._tag, requeue=requeue, wait=False))

    async def _tell(self, state: State, tell: Callable[[], Awaitable[None]]) -> None:
        if self.state is not State.OPEN:
            raise AlreadySettled(f"it is {self.state} already")
        # Before the first await: somebody else might settle it meanwhile.
        self._state = state
        try:
            await tell()
        except BaseException:
            # The answer may have left or not, and a second one would close the channel.
            self._state = State.LOST
            raise
        self._handed_out.end(self)
