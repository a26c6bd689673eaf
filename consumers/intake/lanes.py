"""One lane per room: order, batches and the per-room limit; made on demand, gone when empty.

A batch takes all that waits for a booking and never a booking that is being worked on. While one batch runs the others
gather behind it; a second one starts beside it only when it would be full, so that requests stay few.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

import structlog

from adapters.calendar import BookingId, RoomAddress, TenantName
from adapters.ledger import Ledger, LedgerBroken, LedgerUnavailable
from consumers.bookings.room import Room
from consumers.bookings.sync import sync_room
from consumers.bookings.verdict import Later, Problem
from consumers.intake.deliveries import RETURNED_RUNS_ALONE, Delivery
from consumers.intake.ledger_trouble import LedgerTrouble
from consumers.intake.session import Session
from consumers.intake.settle import Settler

log = structlog.get_logger(__name__)

WAITING_MAX = 200
"""What a lane may keep waiting behind a batch that stands still, before it would fill its partition's window."""
STANDING_STILL_S = 5.0
UNACKED_MAX_S = 240.0
"""Nothing stays unacknowledged longer than five minutes (RabbitMQ closes channels after thirty)."""
LEDGER_AWAY_S = 60.0
"""How long a command stays away that the ledger kept waiting for so long."""

RoomOf = Callable[[TenantName, RoomAddress], Room | None]
LaneKey = tuple[TenantName, RoomAddress]


@dataclass(slots=True, eq=False)
class Batch:
    """Deliveries that are worked on together."""

    deliveries: list[Delivery]
    alone: bool
    started_s: float
    bookings: frozenset[BookingId] = field(init=False)

    def __post_init__(self) -> None:
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

    def take(self, most: int, now_s: float) -> Batch | None:
        """Take a batch out; a booking that came back too often runs alone, so that it takes nobody with it."""
        free = self.free_bookings()
        chosen = free[:most]
        alone = next((booking for booking in chosen if self._came_back(booking)), None)
        if alone is not None:
            chosen = [alone]
        deliveries = [delivery for booking in chosen for delivery in self.waiting.pop(booking) if not delivery.is_lost]
        return Batch(deliveries, alone is not None, now_s) if deliveries else None

    def _came_back(self, booking: BookingId) -> bool:
        return any(delivery.returned >= RETURNED_RUNS_ALONE for delivery in self.waiting[booking])

    def take_waiting(self, which: Callable[[Delivery], bool]) -> list[Delivery]:
        """Take out waiting deliveries one by one, whatever their booking."""
        taken = [delivery for deliveries in self.waiting.values() for delivery in deliveries if which(delivery)]
        gone = {id(delivery) for delivery in taken}
        for booking in list(self.waiting):
            kept = [delivery for delivery in self.waiting[booking] if id(delivery) not in gone]
            if kept:
                self.waiting[booking] = kept
            else:
                del self.waiting[booking]
        return taken


class Lanes:
    """All lanes of the process."""

    def __init__(self, room_of: RoomOf, settler: Settler, *, clock: Callable[[], float]) -> None:
        self._room_of = room_of
        self._settler = settler
        self._clock = clock
        self._lanes: dict[LaneKey, Lane] = {}
        self._asides: set[asyncio.Task[None]] = set()
        self._stalled: set[Batch] = set()
        self._stopping = False
        self.ledger = LedgerTrouble(clock)

    def put(self, delivery: Delivery) -> None:
        """Queue a delivery behind its room."""
        key = (delivery.command.tenant, delivery.command.room)
        lane = self._lanes.setdefault(key, Lane())
        if lane.waiting_count >= WAITING_MAX and self._stands_still(lane):
            problem = Problem.coded("room_behind")
            self._aside(self._settler.settle([delivery], Later(wait_s=0.0, problem=problem, counts_attempt=False)))
            return
        lane.waiting.setdefault(delivery.command.booking_id, []).append(delivery)
        self._start(key, lane)

    def _stands_still(self, lane: Lane) -> bool:
        now_s = self._clock()
        return any(batch and now_s - batch.started_s > STANDING_STILL_S for batch in lane.running.values())

    def _start(self, key: LaneKey, lane: Lane) -> None:
        room = None if self._stopping else self._room_of(*key)
        if room is None:
            self._put_back(key, lane)
            return
        while self._may_start(lane, room):
            task = asyncio.create_task(self._run(key, lane, room))
            lane.running[task] = None
            task.add_done_callback(lambda done: self._ended(key, lane, done))

    @staticmethod
    def _may_start(lane: Lane, room: Room) -> bool:
        """One batch at once; more only beside a batch that was through before, and only if they will be full."""
        not_begun = sum(batch is None for batch in lane.running.values())
        left = len(lane.free_bookings()) - not_begun * room.policy.batch_max
        if not lane.running:
            return left > 0
        return lane.is_warm and left >= room.policy.batch_max and len(lane.running) < room.tenant.mailbox_concurrency

    def _put_back(self, key: LaneKey, lane: Lane) -> None:
        """The worker stops, or the tenant is gone from the configuration: nothing is begun any more."""
        deliveries = lane.take_waiting(lambda _: True)
        if not self._stopping:
            problem = Problem.coded("tenant_unknown")
            self._aside(self._settler.settle(deliveries, Later(wait_s=60.0, problem=problem, counts_attempt=True)))
        else:
            self._aside(self._settler.release(deliveries))
        if not lane.running:
            self._lanes.pop(key, None)

    async def _run(self, key: LaneKey, lane: Lane, room: Room) -> None:
        if self.ledger.why is not None:
            await self.ledger.over(room.ledger, room.clocks.sleep)
            room = self._anew(room)
        if self._stopping:
            return
        # Taken here and not when the task was made: what arrived in between comes along.
        batch = lane.take(room.policy.batch_max, self._clock())
        task = asyncio.current_task()
        if batch is None or task is None:
            return
        lane.running[task] = batch
        await self._settler.work(batch.deliveries, self._sync(room, batch))

    async def _sync(self, room: Room, batch: Batch) -> None:
        while open_ := batch.open_deliveries():
            begun_s = self._clock()
            try:
                await sync_room(room, open_, alone=batch.alone)
            except (LedgerUnavailable, LedgerBroken) as trouble:
                self.ledger.met(trouble)
                await self._stall(room, batch)
                if self._stopping:
                    return
                room = self._anew(room)
            else:
                self.ledger.passed(begun_s=begun_s)
                return

    def _anew(self, room: Room) -> Room:
        """The room as it is reached after a long wait: what it was reached by may be closed by then."""
        return self._room_of(room.tenant.name, room.address) or room

    async def _stall(self, room: Room, batch: Batch) -> None:
        self._stalled.add(batch)
        try:
            await self.ledger.over(room.ledger, room.clocks.sleep)
        finally:
            self._stalled.discard(batch)

    def _ended(self, key: LaneKey, lane: Lane, task: asyncio.Task[None]) -> None:
        del lane.running[task]
        lane.is_warm = True
        if lane.waiting:
            self._start(key, lane)
        elif not lane.running:
            self._lanes.pop(key, None)

    def _aside(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._asides.add(task)
        task.add_done_callback(self._asides.discard)

    def forget(self, session: Session) -> None:
        """Drop what waits and belongs to a lost session: the broker delivers it again."""
        for key, lane in list(self._lanes.items()):
            lane.take_waiting(lambda delivery: delivery.session is session)
            if not lane.waiting and not lane.running:
                self._lanes.pop(key, None)

    async def send_away_old(self) -> None:
        """Send away what has waited too long behind a lane that stands still, or for the ledger: that needs none."""
        limit_s = self._clock() - UNACKED_MAX_S
        old = [
            delivery
            for lane in self._lanes.values()
            for delivery in lane.take_waiting(lambda delivery: delivery.received_s < limit_s)
        ]
        for batch in self._stalled:
            if any(delivery.received_s < limit_s for delivery in batch.deliveries):
                old += batch.take_open()
        later = Later(wait_s=0.0, problem=Problem.coded("room_behind"), counts_attempt=False)
        if self.ledger.why is not None:
            problem = Problem.coded("ledger_unavailable")
            later = Later(wait_s=LEDGER_AWAY_S, problem=problem, counts_attempt=False)
        await self._settler.settle(old, later)

    async def look_at_ledger(self, ledger: Ledger) -> None:
        """See whether the ledger's trouble is over where no lane is there to find out."""
        if not self._lanes:
            await self.ledger.look(ledger)

    async def stop(self, within_s: float) -> None:
        """Begin nothing more, give back what waits, let running batches finish for `within_s`, give back the rest."""
        self._stopping = True
        self.ledger.give_up()
        for key, lane in list(self._lanes.items()):
            self._put_back(key, lane)
        running = [task for lane in self._lanes.values() for task in lane.running]
        left = [batch for lane in self._lanes.values() for batch in lane.running.values() if batch]
        if running:
            await asyncio.wait(running, timeout=within_s)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, *self._asides, return_exceptions=True)
        await self._settler.release(_open(left))

    def snapshot(self) -> dict[LaneKey, tuple[int, int]]:
        """For each lane: deliveries waiting, and deliveries being worked on."""
        return {
            key: (lane.waiting_count, sum(len(_open([batch])) for batch in lane.running.values() if batch))
            for key, lane in self._lanes.items()
        }


def _open(batches: Iterable[Batch]) -> list[Delivery]:
    return [delivery for batch in batches for delivery in batch.deliveries if not delivery.is_settled]
