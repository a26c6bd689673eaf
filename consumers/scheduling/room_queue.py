"""What waits and what runs for one room: a batch takes whole bookings, and never one that is being worked on."""

import asyncio
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from adapters.calendar import BookingId
from consumers.broker.delivery import RETURNED_RUNS_ALONE, ParsedDelivery, RawDelivery, RoomKey
from consumers.scheduling.prefetch_window import PrefetchWindow

FLOOD = 25
FLOOD_S = 0.05
"""So many messages within so short a time are what has gathered at the broker, or what a program publishes at once."""


@dataclass(slots=True, eq=False)
class Inflow:
    """Tells whether a flood arrives. Times are monotonic."""

    count: int = 0
    since_s: float = -math.inf
    flood_until_s: float = -math.inf

    def arrived(self, at_s: float) -> None:
        """A message was there."""
        if at_s - self.since_s > FLOOD_S:
            self.count, self.since_s = 0, at_s
        self.count += 1
        if self.count >= FLOOD:
            self.flood_until_s = at_s + FLOOD_S

    def is_flood(self, now_s: float) -> bool:
        """Whether there is more to come at once, as far as can be told."""
        return now_s < self.flood_until_s


@dataclass(slots=True, eq=False)
class Batch:
    """Commands that are worked on together; `taken_count` messages of the lane went into it."""

    deliveries: list[ParsedDelivery]
    alone: bool
    taken_count: int
    bookings: frozenset[BookingId] = field(init=False)

    def __post_init__(self) -> None:
        self.bookings = frozenset(delivery.command.booking_id for delivery in self.deliveries)

    def open_deliveries(self) -> list[ParsedDelivery]:
        """Those that wait for their verdict and will not be delivered again."""
        return [delivery for delivery in self.deliveries if delivery.is_open]

    def take_open(self) -> list[ParsedDelivery]:
        """Take out what is open: somebody else settles it."""
        taken = self.open_deliveries()
        # In place: who watches over the batch's work holds the same list.
        self.deliveries[:] = [delivery for delivery in self.deliveries if delivery not in taken]
        return taken


def open_in(batches: Iterable[Batch]) -> list[ParsedDelivery]:
    """What is open in several batches."""
    return [delivery for batch in batches for delivery in batch.open_deliveries()]


@dataclass(slots=True, eq=False)
class RoomQueue:
    """What waits and what runs for one room."""

    window: PrefetchWindow
    waiting: dict[BookingId, list[RawDelivery]] = field(default_factory=dict)
    running: dict[asyncio.Task[None], Batch | None] = field(default_factory=dict)
    waiting_count: int = 0
    """Envelopes that wait."""
    inflow: Inflow = field(default_factory=Inflow)
    is_looked_at: bool = False
    """Somebody begins what may begin once no flood arrives any more."""
    is_warm: bool = False
    """A batch has been through: the room is scanned, and a second batch beside it would not scan it as well."""

    @property
    def busy(self) -> set[BookingId]:
        """The bookings that are being worked on."""
        return {booking for batch in self.running.values() if batch for booking in batch.bookings}

    def in_work(self) -> list[ParsedDelivery]:
        """What is being worked on and has no verdict yet."""
        return open_in(batch for batch in self.running.values() if batch)

    def free_bookings(self, most: int) -> list[BookingId]:
        """The bookings that could be worked on now, the longest waiting first; not more of them than asked for."""
        busy = self.busy
        return list(islice((booking for booking in self.waiting if booking not in busy), most))

    def put(self, envelope: RawDelivery) -> None:
        """Queue a command."""
        self.waiting.setdefault(envelope.booking_id, []).append(envelope)
        self.waiting_count += 1
        self.window.arrived(envelope)
        self.inflow.arrived(envelope.received_s)

    def gathers(self, now_s: float) -> bool:
        """Whether nothing begins beside what runs: the first batch scans the room, or a flood arrives.

        A flood shall be in hand soon, since other rooms' commands stand behind it; work would take its time.
        """
        return bool(self.running) and (not self.is_warm or self.inflow.is_flood(now_s))

    def may_begin(self, size: int, *, at_once: int, now_s: float) -> bool:
        """One batch at once; more, up to `at_once`, only while nothing gathers, and only if they will be full."""
        if len(self.running) >= at_once or self.gathers(now_s):
            return False
        not_begun = sum(batch is None for batch in self.running.values())
        wanted = not_begun * size + (size if self.running else 1)
        return len(self.free_bookings(wanted)) == wanted

    def take(self, most: int) -> tuple[list[RawDelivery], bool]:
        """Take bookings out, and whether they run alone: one that came back too often takes nobody with it."""
        chosen = self.free_bookings(most)
        alone = next((booking for booking in chosen if self._came_back(booking)), None)
        if alone is not None:
            chosen = [alone]
        taken = [envelope for booking in chosen for envelope in self.waiting.pop(booking)]
        self._left(taken)
        return [envelope for envelope in taken if envelope.is_open], alone is not None

    def _came_back(self, booking: BookingId) -> bool:
        return any(envelope.returned >= RETURNED_RUNS_ALONE for envelope in self.waiting[booking])

    def _left(self, taken: Sequence[RawDelivery]) -> None:
        self.waiting_count -= len(taken)
        self.window.left(taken)

    def begun(self, task: asyncio.Task[None], batch: Batch) -> None:
        """A task works on a batch."""
        self.running[task] = batch
        self.window.running_count += batch.taken_count

    def ended(self, task: asyncio.Task[None]) -> None:
        """A task is over."""
        batch = self.running.pop(task)
        if batch is not None:
            self.window.running_count -= batch.taken_count
        self.is_warm = True

    def take_tail(self, keep: int) -> list[RawDelivery]:
        """Take out all but the bookings that have waited longest, of which about `keep` messages stay."""
        kept = 0
        tail: set[int] = set()
        for envelopes in self.waiting.values():
            # A booking's messages stay together: its older versions share the fate of the newest.
            if kept >= keep:
                tail.update(map(id, envelopes))
            kept += len(envelopes)
        return self.take_waiting(lambda envelope: id(envelope) in tail)

    def take_waiting(self, which: Callable[[RawDelivery], bool]) -> list[RawDelivery]:
        """Take out waiting messages one by one, whatever their booking."""
        taken = [envelope for envelopes in self.waiting.values() for envelope in envelopes if which(envelope)]
        if not taken:
            return taken
        gone = {id(envelope) for envelope in taken}
        for booking in list(self.waiting):
            kept = [envelope for envelope in self.waiting[booking] if id(envelope) not in gone]
            if kept:
                self.waiting[booking] = kept
            else:
                del self.waiting[booking]
        self._left(taken)
        return taken


class RoomQueueTable(dict[RoomKey, RoomQueue]):
    """Filled by `table[key] = lane`, emptied by `remove` alone. Asking for one room costs nothing of the others."""

    def __init__(self) -> None:
        super().__init__()
        self._of_room: defaultdict[str, dict[RoomKey, RoomQueue]] = defaultdict(dict)

    def __setitem__(self, key: RoomKey, lane: RoomQueue) -> None:
        super().__setitem__(key, lane)
        self._of_room[key[1]][key] = lane

    def remove(self, key: RoomKey) -> None:
        """Take a lane out, if it is there."""
        if super().pop(key, None) is None:
            return
        queues = self._of_room[key[1]]
        del queues[key]
        if not queues:
            del self._of_room[key[1]]

    def of_room(self, room: str) -> Iterable[tuple[RoomKey, RoomQueue]]:
        """Its lanes: one for each tenant that has a room of that address."""
        return self._of_room.get(room, {}).items()
