"""How many batches of a tenant are in work at once, and whose lanes wait for their turn.

Without it each of ten thousand rooms would take its batch at once, most of one command, and keep it while it waits for
one of the tenant's few requests; commands that come meanwhile would cost a request of their own. And a flood of one
tenant would keep the event loop so busy that another tenant's single command waits for it at every step.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from adapters.calendar import RoomAddress
from consumers.intake.pulse import Pulse

EACH_SLOT = 2
"""Batches for each request that the tenant may have under way: one is read, planned and settled beside it."""
FEW = 4
"""So many batches may always be in work; more only while the event loop has time for them, which is while Exchange
is slow: a few full batches keep a core busy with answers that come in 100 ms."""

Sleep = Callable[[float], Awaitable[None]]


@dataclass(slots=True, eq=False)
class Places:
    """The places of one tenant. `next_one` is called when one has become free."""

    next_one: Callable[[], None]
    pulse: Pulse
    taken: int = 0
    line: dict[RoomAddress, None] = field(default_factory=dict)
    """Rooms in the order of their turns."""
    asleep: set[asyncio.Task[None]] = field(default_factory=set)
    """Batches that only wait for a time to pass: Exchange asked for patience. They hold no place meanwhile."""

    def is_free(self, slots: int) -> bool:
        """Whether one more batch may begin, when the tenant may have so many requests under way."""
        most = EACH_SLOT * slots
        return self.taken < min(FEW, most) or (self.taken < most and self.taken < FEW + self.pulse.spare)

    def leave(self) -> None:
        """A batch is over."""
        self.taken -= 1

    def outside(self, sleep: Sleep) -> Sleep:
        """The same sleep, with the place given to somebody else."""

        async def asleep(for_s: float) -> None:
            async with self._away():
                await sleep(for_s)

        return asleep

    @asynccontextmanager
    async def _away(self) -> AsyncIterator[None]:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a batch is a task
        self.asleep.add(task)
        self.taken -= 1
        self.next_one()
        try:
            yield
        finally:
            # Back at once, even where all are taken: what was begun is ended.
            self.taken += 1
            self.asleep.discard(task)
