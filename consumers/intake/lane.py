"""What waits and what runs for one room: a batch takes whole bookings, and never one that is being worked on."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from adapters.calendar import BookingId
from consumers.intake.deliveries import RETURNED_RUNS_ALONE, Delivery
from consumers.intake.windows import Window


@dataclass(slots=True, eq=False)
class Batch:
    """Deliveries that are worked on together."""

    deliveries: list[Delivery]
    alone: bool
    started_s: float
    bookings: frozenset[BookingId] = field(init=False)
    taken_count: int = field(init=False)

    def __post_init__(self) -> None:
        self.taken_count = len(self.deliveries)
        self.bookings = frozenset(delivery.command.booking_id for delivery in self.deliveries)

    def open_deliveries(self) -> list[Delivery]:
        """Those that wait for their verdict and will not be delivered again."""
        return [delivery for delivery in self.deliveries if not delivery.is_settled and not delivery.is_lost]

    def take_open(self) -> list[Delivery]:
        """Take out what is open: somebody else settles it."""
        taken = self.open_deliveries()
        # In place: who watches over the batch's work holds the same list.
        self.deliveries[:] = [delivery for delivery in self.deliveries if delivery not in taken]
        return taken


@dataclass(slots=True, eq=False)
class Lane:
    """What waits and what runs for one room."""

    window: Window
    waiting: dict[BookingId, list[Delivery]] = field(default_factory=dict)
    running: dict[asyncio.Task[None], Batch | None] = field(default_factory=dict)
    is_warm: bool = False
    """A batch has been through: the room is scanned, and a second batch beside it would not scan it as well."""

    @property
    def busy(self) -> set[BookingId]:
        """The bookings that are being worked on."""
        return {booking for batch in self.running.values() if batch for booking in batch.bookings}

    @property
    def waiting_count(self) -> int:
        """Deliveries that wait."""
        return sum(len(deliveries) for deliveries in self.waiting.values())

    def free_bookings(self) -> list[BookingId]:
        """The bookings that could be worked on now, the longest waiting first."""
        busy = self.busy
        return [booking for booking in self.waiting if booking not in busy]

    def put(self, delivery: Delivery) -> None:
        """Queue a delivery."""
        self.waiting.setdefault(delivery.command.booking_id, []).append(delivery)
        self.window.waiting_count += 1

    def may_begin(self, size: int, *, at_once: int) -> bool:
        """One batch at once; more, up to `at_once`, only beside one that was through, and only if they will be full."""
        if len(self.running) >= at_once:
            return False
        not_begun = sum(batch is None for batch in self.running.values())
        left = len(self.free_bookings()) - not_begun * size
        if not self.running:
            return left > 0
        return self.is_warm and left >= size

    def take(self, most: int, now_s: float) -> Batch | None:
        """Take a batch out; a booking that came back too often runs alone, so that it takes nobody with it."""
        free = self.free_bookings()
        chosen = free[:most]
        alone = next((booking for booking in chosen if self._came_back(booking)), None)
        if alone is not None:
            chosen = [alone]
        taken = [delivery for booking in chosen for delivery in self.waiting.pop(booking)]
        self.window.waiting_count -= len(taken)
        deliveries = [delivery for delivery in taken if not delivery.is_lost]
        return Batch(deliveries, alone is not None, now_s) if deliveries else None

    def _came_back(self, booking: BookingId) -> bool:
        return any(delivery.returned >= RETURNED_RUNS_ALONE for delivery in self.waiting[booking])

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

    def take_tail(self, keep: int) -> list[Delivery]:
        """Take out all but the bookings that have waited longest, of which about `keep` deliveries stay."""
        kept = 0
        tail: set[int] = set()
        for deliveries in self.waiting.values():
            # A booking's deliveries stay together: its older versions share the fate of the newest.
            if kept >= keep:
                tail.update(map(id, deliveries))
            kept += len(deliveries)
        return self.take_waiting(lambda delivery: id(delivery) in tail)

    def take_waiting(self, which: Callable[[Delivery], bool]) -> list[Delivery]:
        """Take out waiting deliveries one by one, whatever their booking."""
        taken = [delivery for deliveries in self.waiting.values() for delivery in deliveries if which(delivery)]
        self.window.waiting_count -= len(taken)
        gone = {id(delivery) for delivery in taken}
        for booking in list(self.waiting):
            kept = [delivery for delivery in self.waiting[booking] if id(delivery) not in gone]
            if kept:
                self.waiting[booking] = kept
            else:
                del self.waiting[booking]
        return taken
