"""One lane per room: order, batches and the per-room limit; made on demand, gone when empty.

A batch takes all that waits for a booking and never a booking that is being worked on. While one batch runs the others
gather behind it; a second one starts beside it only when it would be full, so that requests stay few. A tenant's lanes
take turns.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import replace

import structlog

from adapters.calendar import RoomAddress, TenantName
from adapters.ledger import Ledger, LedgerBroken, LedgerUnavailable
from consumers.bookings.milestones import Milestone, nobody
from consumers.bookings.room import Room
from consumers.bookings.sync import sync_room
from consumers.bookings.verdict import Later, Problem
from consumers.intake.deliveries import Delivery
from consumers.intake.lane import Batch, Lane
from consumers.intake.ledger_trouble import LedgerTrouble
from consumers.intake.places import Places
from consumers.intake.pulse import Pulse
from consumers.intake.session import Session
from consumers.intake.settle import Settler
from consumers.intake.windows import CROWDED_HOLD_S, RELIEVE_EVERY_S, STANDING_STILL_S, Window

log = structlog.get_logger(__name__)

UNACKED_MAX_S = 240.0
"""Nothing stays unacknowledged longer than five minutes (RabbitMQ closes channels after thirty)."""
LEDGER_AWAY_S = 60.0
"""How long a command stays away that the ledger kept waiting for so long."""

RoomOf = Callable[[TenantName, RoomAddress], Room | None]
LaneKey = tuple[TenantName, RoomAddress]


class Lanes:
    """All lanes of the process."""

    def __init__(self, room_of: RoomOf, settler: Settler, *, clock: Callable[[], float]) -> None:
        self._room_of = room_of
        self._settler = settler
        self._clock = clock
        self._lanes: dict[LaneKey, Lane] = {}
        self._windows: defaultdict[int, Window] = defaultdict(Window)
        self._places: dict[TenantName, Places] = {}
        self._pulse = Pulse(self._beat)
        self._asides: set[asyncio.Task[None]] = set()
        self._stalled: set[Batch] = set()
        self._stopping = False
        self.ledger = LedgerTrouble(clock)

    def put(self, delivery: Delivery, partition: int = 0) -> None:
        """Queue a delivery behind its room."""
        key = (delivery.command.tenant, delivery.command.room)
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(self._windows[partition])
        lane.put(delivery)
        self._start(key, lane)
        self._watch(lane.window)

    def _watch(self, window: Window) -> None:
        """Look after a crowded window until it is not: once it is full nothing arrives that would remind us."""
        if window.is_crowded and not window.is_watched and not self._stopping:
            window.is_watched = True
            asyncio.get_running_loop().call_later(RELIEVE_EVERY_S, self._look_at, window)

    def _look_at(self, window: Window) -> None:
        window.is_watched = False
        if not self._stopping:
            self.relieve(window)
            self._watch(window)

    def relieve(self, window: Window) -> None:
        """Send away the tails of lanes that stand still in a crowded window, since other rooms wait behind it."""
        if not window.is_crowded:
            return
        still = [
            (key, lane) for key, lane in self._lanes.items() if lane.window is window and self._is_still(key, lane)
        ]
        for (tenant, room), lane in still:
            tail = lane.take_tail(window.share(len(still)))
            if tail:
                reach = self._room_of(tenant, room)
                wait_s = reach.gate.paused_for_s(room) if reach else 0.0
                later = Later(wait_s=wait_s, problem=Problem.coded("room_behind"), counts_attempt=False)
                self._aside(self._settler.settle(tail, later))

    def _is_still(self, key: LaneKey, lane: Lane) -> bool:
        # Not one that only waits for its turn, however long: it moves when those before it do.
        room = self._room_of(*key) if lane.waiting else None
        return room is not None and (
            room.gate.paused_for_s(room.address) > STANDING_STILL_S
            or room.gate.silent_for_s(room.address) > STANDING_STILL_S
        )

    def _start(self, key: LaneKey, lane: Lane) -> None:
        tenant, address = key
        places = self._places.get(tenant)
        if places is None:
            places = self._places[tenant] = Places(lambda: self._next(tenant), self._pulse)
        if not self._stopping and (address in places.line or (lane.running and not lane.is_warm)):
            return  # most deliveries of a flood
        room = None if self._stopping else self._room_of(*key)
        if room is None:
            places.line.pop(address, None)
            self._put_back(key, lane)
            return
        while lane.may_begin(_batch_size(room), at_once=room.gate.room_limit(address)):
            if not places.is_free(room.gate.limit):
                places.line.setdefault(address)
                return
            places.taken += 1
            task = asyncio.create_task(self._run(key, lane, room, places))
            lane.running[task] = None
            task.add_done_callback(lambda done: self._ended(key, lane, done))

    def _beat(self) -> bool:
        for tenant in self._places:
            self._next(tenant)
        return bool(self._lanes)

    def _next(self, tenant: TenantName) -> None:
        """Let those begin who are next in line for the places that are free."""
        places = self._places[tenant]
        for address in list(places.line):
            lane = self._lanes.get((tenant, address))
            del places.line[address]
            if lane is not None:
                self._start((tenant, address), lane)
            if address in places.line:
                break

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

    async def _run(self, key: LaneKey, lane: Lane, room: Room, places: Places) -> None:
        if self.ledger.why is not None:
            await self.ledger.over(room.ledger, room.clocks.sleep)
            room = self._anew(room)
        if self._stopping:
            return
        # Taken here and not when the task was made: what arrived in between comes along.
        batch = lane.take(_batch_size(room), self._clock())
        task = asyncio.current_task()
        if batch is None or task is None:
            return
        lane.begun(task, batch)
        if room.reached is not nobody:  # each key costs a microsecond
            for delivery in batch.deliveries:
                room.reached(Milestone.TAKEN, delivery.command.key)
        if lane.window.is_crowded:
            # Others wait behind the window: what would be held in it for long goes to the broker instead.
            hold_s = min(room.policy.hold_s, CROWDED_HOLD_S)
            room = replace(room, policy=replace(room.policy, hold_s=hold_s))
        await self._settler.work(batch.deliveries, self._sync(room, batch, places))

    async def _sync(self, room: Room, batch: Batch, places: Places) -> None:
        while open_ := batch.open_deliveries():
            begun_s = self._clock()
            clocks = replace(room.clocks, sleep=places.outside(room.clocks.sleep))
            try:
                await sync_room(replace(room, clocks=clocks), open_, alone=batch.alone)
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
        lane.ended(task)
        tenant, address = key
        places = self._places[tenant]
        places.leave()
        if lane.waiting:
            if places.line and not self._stopping:
                # Behind those who wait already.
                places.line.setdefault(address)
            else:
                self._start(key, lane)
        elif not lane.running:
            self._lanes.pop(key, None)
        self._next(tenant)

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
        for places in self._places.values():
            for task in places.asleep:
                # It would only wait until it is cancelled: nothing of it is under way.
                task.cancel()
        if running:
            await asyncio.wait(running, timeout=within_s)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, *self._asides, return_exceptions=True)
        await self._settler.release(_open(left))

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits and nothing is being worked on; costs nothing, however many lanes there are."""
        return not self._lanes

    def snapshot(self) -> dict[LaneKey, tuple[int, int]]:
        """For each lane: deliveries waiting, and deliveries being worked on."""
        return {
            key: (lane.waiting_count, sum(len(_open([batch])) for batch in lane.running.values() if batch))
            for key, lane in self._lanes.items()
        }

    def in_hand(self) -> Iterator[Delivery]:
        """Every delivery that waits or is being worked on."""
        for lane in self._lanes.values():
            for deliveries in lane.waiting.values():
                yield from deliveries
            yield from _open(batch for batch in lane.running.values() if batch)


def _batch_size(room: Room) -> int:
    return room.gate.batch_size(room.address, room.policy.batch_max)


def _open(batches: Iterable[Batch]) -> list[Delivery]:
    return [delivery for batch in batches for delivery in batch.deliveries if not delivery.is_settled]
