"""How many batches of a tenant are in work at once, and whose lanes wait for their turn.

Without it each of ten thousand rooms would take its batch at once, most of one command, and keep it while it waits for
one of the tenant's few requests; commands that come meanwhile would cost a request of their own. And a flood of one
tenant would keep the event loop so busy that another tenant's single command waits for it at every step.
"""

import asyncio
import math
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from adapters.calendar import RoomAddress
from adapters.ledger import BookingKey
from consumers.milestones import Milestone, OnMilestone
from consumers.scheduling.pulse import BEAT_S, Pulse
from consumers.scheduling.right_of_way import RightOfWay
from consumers.sync.room import Room

EACH_SLOT = 2
"""Batches for each request that the tenant may have under way: one is read, planned and settled beside it."""
FEW_COMMANDS = 80
"""So many commands may always be in work; more only while the event loop has time for them, which is while Exchange
is slow: a few full batches keep a core busy with answers that come in 100 ms."""
SPARE_COMMANDS = 20
"""For each piece of the event loop's spare time: a full batch."""
SMALL = 3
"""A lane with so few commands does not wait behind those with many: it has places of its own. While some of those are
taken, large batches begin one by one, and have manners."""
FEW_ROOMS = 8
FEW_SMALL = 16
"""So many commands of small lanes may always be in work, and more as the event loop has time: a flood gathers instead.
"""

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How batches of large lanes behave while small ones are in work. `calm_s` and `busy_s` are from one that begins to
    the next, while the process has time and while it has none."""

    calm_s: float
    busy_s: float
    most: int | None = None
    """Bookings that a batch holds."""
    gives_way: bool = False
    """Whether its steps wait until no small batch is on its way to Exchange."""


MANY = Manners(calm_s=BEAT_S / 2, busy_s=0.1)  # half a beat: the next one may come a moment early
"""Where many rooms have large lanes requests are what is scarce: full batches, and as many as there is time for."""
FEW = Manners(calm_s=0.1, busy_s=0.2, most=5, gives_way=True)
"""Where up to `FEW_ROOMS` have: a step hardly longer than one of a small batch, and seldom, since each batch makes all
that is in work slower for a tenth of a second."""


@dataclass(slots=True, eq=False)
class PriorityClass:
    """Places of one kind, what is in work on them, and who waits for one."""

    places: "FairScheduler"
    batches_count: int = 0
    commands_count: int = 0
    began_s: float = -math.inf
    """When the last batch began."""
    line: OrderedDict[RoomAddress, None] = field(default_factory=OrderedDict)
    """Rooms in the order of their turns."""

    @property
    def is_free(self) -> bool:
        """Whether one more batch may begin."""
        return self.batches_count < self.places.most_batches and self.places.has_room(self)

    @property
    def manners(self) -> Manners | None:
        """Those of its batches; None while there is nobody to have them for."""
        if self is self.places.small or not self.places.small.batches_count:
            return None
        return FEW if len(self.line) + self.batches_count <= FEW_ROOMS else MANY

    def batch_size(self, most: int) -> int:
        """How many bookings a batch may hold just now, of `most`."""
        manners = self.manners
        return min(most, manners.most) if manners and manners.most else most

    def take(self, most: int, waiting_count: int) -> "Permit":
        """Begin a batch of up to `most` bookings of so many commands that wait."""
        self.began_s = self.places.clock()
        place = Permit(self, most, min(most, waiting_count))
        place.enter()
        if self is self.places.small:
            place.hurry()
        return place


@dataclass(slots=True, eq=False)
class Permit:
    """A batch's place in work."""

    row: PriorityClass
    most: int
    """Bookings that the batch may hold."""
    commands: int
    """About as many it has."""
    is_in_a_hurry: bool = False
    """On its way to Exchange, before others."""

    def enter(self) -> None:
        """It is in work."""
        self.row.batches_count += 1
        self.row.commands_count += self.commands

    def leave(self) -> None:
        """It is not."""
        self.row.batches_count -= 1
        self.row.commands_count -= self.commands
        self._has_passed()

    def hurry(self) -> None:
        """Until its request is sent, others give way."""
        self.is_in_a_hurry = True
        self.row.places.right_of_way.begin()

    def _has_passed(self) -> None:
        if self.is_in_a_hurry:
            self.is_in_a_hurry = False
            self.row.places.right_of_way.end()

    async def give_way(self) -> None:
        """Let those pass who are in a hurry, if a batch on this place does that just now."""
        manners = self.row.manners
        if manners and manners.gives_way:
            await self.row.places.right_of_way.give()

    def within(self, room: Room) -> Room:
        """The same room, for the batch on this place: it sleeps outside, gives way, and is watched while in a hurry."""
        clocks = replace(room.clocks, sleep=self._outside(room.clocks.sleep))
        reached = self._watched(room.reached) if self.is_in_a_hurry else room.reached
        return replace(room, clocks=clocks, give_way=self.give_way, reached=reached)

    def _watched(self, reached: OnMilestone) -> OnMilestone:
        def watched(milestone: Milestone, key: BookingKey) -> None:
            if milestone is Milestone.CLAIMED:
                # The request leaves in the same turn of the event loop, or hardly later.
                self._has_passed()
            reached(milestone, key)

        return watched

    def _outside(self, sleep: Sleep) -> Sleep:
        async def asleep(for_s: float) -> None:
            async with self._away():
                await sleep(for_s)

        return asleep

    @asynccontextmanager
    async def _away(self) -> AsyncIterator[None]:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a batch is a task
        places = self.row.places
        places.asleep.add(task)
        self.leave()
        places.next_one()
        try:
            yield
        finally:
            # Back at once, even where all are taken: what was begun is ended.
            self.enter()
            places.asleep.discard(task)


@dataclass(slots=True, eq=False)
class FairScheduler:
    """The places of one tenant.

    Args:
        next_one: called when one has become free.
        slots: requests that the tenant may have under way just now.
    """

    next_one: Callable[[], None]
    slots: Callable[[], int]
    pulse: Pulse
    right_of_way: RightOfWay
    clock: Callable[[], float]
    asleep: set[asyncio.Task[None]] = field(default_factory=set)
    """Batches that only wait for a time to pass: Exchange asked for patience. They hold no place meanwhile."""
    small: PriorityClass = field(init=False)
    large: PriorityClass = field(init=False)

    def __post_init__(self) -> None:
        self.small, self.large = PriorityClass(self), PriorityClass(self)

    @property
    def most_batches(self) -> int:
        """How many batches of a row may be in work just now."""
        return EACH_SLOT * self.slots()

    def has_room(self, row: PriorityClass) -> bool:
        """Whether more commands of a row may be in work just now, however many the next batch has."""
        manners = row.manners
        if manners:
            pause_s = manners.calm_s if self.pulse.is_calm else manners.busy_s
            return self.clock() - row.began_s >= pause_s
        few, each = (FEW_SMALL, SMALL) if row is self.small else (FEW_COMMANDS, SPARE_COMMANDS)
        if row.commands_count < few:
            return True
        spare = self.pulse.spare  # asked here only: it is measured while somebody asks
        return row.commands_count < few + each * spare and not (row is self.small and self.pulse.is_full)

    def row(self, waiting_count: int) -> PriorityClass:
        """The row of a lane with so many commands."""
        return self.small if waiting_count <= SMALL else self.large

    def is_lined_up(self, room: RoomAddress) -> bool:
        """Whether the room waits for its turn."""
        return room in self.small.line or room in self.large.line

    @property
    def somebody_waits(self) -> bool:
        """Whether any room does."""
        return bool(self.small.line or self.large.line)

    def line_up(self, room: RoomAddress, waiting_count: int) -> None:
        """Wait for a turn, behind those who do already."""
        self.row(waiting_count).line.setdefault(room)

    def leave_line(self, room: RoomAddress) -> None:
        """Wait no more."""
        self.small.line.pop(room, None)
        self.large.line.pop(room, None)

    def turns(self) -> Iterator[RoomAddress]:
        """The rooms whose turn it is, while there are places for them."""
        for row in (self.small, self.large):
            while row.line and row.is_free:
                yield row.line.popitem(last=False)[0]
