"""One lane per room: order, batches and the per-room limit; made on demand, gone when empty.

A batch takes all that waits for a booking and never a booking that is being worked on. While one batch runs the others
gather behind it; a second one starts beside it only if it would be full: few requests. A tenant's lanes take turns.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from adapters.calendar import TenantName
from adapters.ledger import Ledger, LedgerBroken, LedgerUnavailable
from consumers.broker.delivery import UNACKED_MAX_S, Delivery, ParsedDelivery, RawDelivery, RoomKey
from consumers.broker.parsing import Reader
from consumers.broker.session import Session
from consumers.messages.disposition import Deferred, Problem
from consumers.milestones import Milestone, ignore
from consumers.scheduling.fair_scheduler import FairScheduler, Permit
from consumers.scheduling.ledger_outage import LedgerOutage
from consumers.scheduling.load_shedding import Away, LoadShedding, RoomOf, put_off
from consumers.scheduling.prefetch_window import CROWDED_HOLD_S, PrefetchWindow
from consumers.scheduling.pulse import Pulse
from consumers.scheduling.right_of_way import RightOfWay
from consumers.scheduling.room_queue import FLOOD_S, Batch, RoomQueue, RoomQueueTable, open_in
from consumers.settlement.background import Asides
from consumers.settlement.own_errors import Complaints
from consumers.settlement.settle import Settler
from consumers.sync.room import Room
from consumers.sync.sync_room import sync_room

AGAIN_S = 5.0
"""Before a lane begins again that met an error of ours: at once, it would meet it at once."""
LEDGER_AWAY_S = 60.0
"""How long a command stays away that the ledger kept waiting for so long."""


class Dispatcher:
    """All lanes of the process. `away`: for how long commands go away whose tenant has no rooms at the moment."""

    def __init__(
        self, room_of: RoomOf, reader: Reader, settler: Settler, *, clock: Callable[[], float], away: Away = put_off
    ) -> None:
        self._room_of = room_of
        self._away = away
        self._reader = reader
        self._settler = settler
        self._clock = clock
        self._lanes = RoomQueueTable()
        self._places: dict[TenantName, FairScheduler] = {}
        self._pulse = Pulse(self._beat)
        self._right_of_way = RightOfWay()
        self._stalled: set[Batch] = set()
        self._stopping = False
        self._complaints = Complaints(clock)
        self._asides = Asides(self._complaints)
        self.own_window = PrefetchWindow()
        """Of what comes from no partition."""
        self.relief = LoadShedding(self._lanes, room_of, self._send_away)
        self.ledger = LedgerOutage(clock)

    def put(self, key: RoomKey, envelope: RawDelivery, window: PrefetchWindow | None = None) -> None:
        """Queue a command behind its room; `window`: of the partition it came from, if it came from one."""
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = RoomQueue(window or self.own_window)
        lane.put(envelope)
        self._start(key, lane)
        self.relief.watch(lane.window)

    def _start(self, key: RoomKey, lane: RoomQueue) -> None:
        """Begin what may begin. What arrived is in its lane already, so an error of ours costs it time, no more."""
        try:
            self._begin(key, lane)
        except Exception as error:  # noqa: BLE001 - raised, it would end whoever brought or ended something here
            self._not_begun(key, lane, error)

    def _not_begun(self, key: RoomKey, lane: RoomQueue, error: BaseException) -> None:
        self._complaints.tell("lane.not_begun", error, again_in_s=AGAIN_S)
        self._start_later(key, lane, AGAIN_S)

    def _begin(self, key: RoomKey, lane: RoomQueue) -> None:
        tenant, address = key
        places = self._places.get(tenant)
        if not self._stopping and places is not None and places.is_lined_up(address):
            return
        if not self._stopping and lane.gathers(self._clock()):
            if lane.inflow.is_flood(self._clock()):
                # Nothing that arrives or ends reminds of it, where Exchange takes its time with the batch that runs.
                self._start_later(key, lane, FLOOD_S)
            return  # most deliveries of a flood
        room = None if self._stopping else self._room_of(*key)
        if room is None:
            self._put_back(key, lane)
            return
        places = places or self._places_of(room)
        while True:
            row = places.row(lane.waiting_count)
            size = row.batch_size(room.gate.batch_size(room.address, room.policy.batch_max))
            if not lane.may_begin(size, at_once=room.gate.room_limit(address), now_s=self._clock()):
                return
            if not row.is_free:
                places.line_up(address, lane.waiting_count)
                return
            place = row.take(size, lane.waiting_count)
            task = asyncio.create_task(self._run(key, lane, room, place))
            lane.running[task] = None
            task.add_done_callback(partial(self._ended, key, lane, place))

    def _start_later(self, key: RoomKey, lane: RoomQueue, after_s: float) -> None:
        if lane.is_looked_at:
            return

        def look() -> None:
            lane.is_looked_at = False
            if self._lanes.get(key) is lane and not self._stopping:
                self._start(key, lane)
                self._drop_if_empty(key, lane)

        lane.is_looked_at = True
        asyncio.get_running_loop().call_later(after_s, look)

    def _places_of(self, room: Room) -> FairScheduler:
        tenant, gate = room.tenant.name, room.gate
        places = self._places[tenant] = FairScheduler(
            lambda: self._next(tenant), lambda: gate.limit, self._pulse, self._right_of_way, self._clock
        )
        return places

    def _beat(self) -> bool:
        for tenant in self._places:
            self._next(tenant)
        return bool(self._lanes)

    def _next(self, tenant: TenantName) -> None:
        """Let those begin who are next in line for the places that are free."""
        for address in self._places[tenant].turns():
            lane = self._lanes.get((tenant, address))
            if lane is not None:
                self._start((tenant, address), lane)

    def _put_back(self, key: RoomKey, lane: RoomQueue) -> None:
        """The worker stops, or the tenant's settings cannot be used or are gone: nothing is begun any more."""
        waiting = lane.take_waiting(lambda _: True)
        if self._stopping:
            self._asides.begin(self._settler.release(waiting))
        else:
            # What is certain to be nobody's is parked when it is read.
            self._send_away(waiting, self._away(key[0]))
        self._drop_if_empty(key, lane)

    def _drop_if_empty(self, key: RoomKey, lane: RoomQueue) -> None:
        if lane.waiting:
            return
        tenant, address = key
        if tenant in self._places:
            # Left in line, it would keep what comes later from beginning.
            self._places[tenant].leave_line(address)
        if not lane.running:
            self._lanes.remove(key)

    def _send_away(self, waiting: Sequence[RawDelivery], later: Deferred) -> None:
        self._asides.begin(self._settler.settle(self._opened(waiting), later))

    def _opened(self, waiting: Sequence[RawDelivery]) -> list[ParsedDelivery]:
        """Read them; what is no command is parked beside."""
        deliveries, unreadable = self._reader.read_all(waiting)
        for envelope, error in unreadable:
            self._asides.begin(self._settler.unread(envelope.message, envelope.session, error, envelope))
        return deliveries

    async def _run(self, key: RoomKey, lane: RoomQueue, room: Room, place: Permit) -> None:
        if self.ledger.why is not None:
            await self.ledger.over(room.ledger, room.clocks.sleep)
            room = self._anew(room)
        await place.give_way()
        if self._stopping:
            return
        # Taken here and not when the task was made: what arrived in between comes along.
        taken, alone = lane.take(place.most)
        batch = Batch(self._opened(taken), alone, len(taken))
        if not batch.deliveries or (task := asyncio.current_task()) is None:
            return
        lane.begun(task, batch)
        if room.reached is not ignore:  # each key costs a microsecond
            for delivery in batch.deliveries:
                room.reached(Milestone.TAKEN, delivery.command.key)
        if lane.window.is_crowded:
            # Others wait behind the window: what would be held in it for long goes to the broker instead.
            hold_s = min(room.policy.hold_s, CROWDED_HOLD_S)
            room = replace(room, policy=replace(room.policy, hold_s=hold_s))
        await self._settler.work(batch.deliveries, self._sync(room, batch, place))

    async def _sync(self, room: Room, batch: Batch, place: Permit) -> None:
        while open_ := batch.open_deliveries():
            begun_s = self._clock()
            try:
                await self._settler.carry_out_all(sync_room(place.within(room), open_, alone=batch.alone))
            except (LedgerUnavailable, LedgerBroken) as trouble:
                self.ledger.met(trouble)
                await self._stall(room, batch)
                if self._stopping:
                    return
                room = self._anew(room)
            else:
                if self.ledger.why is not None:
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

    def _ended(self, key: RoomKey, lane: RoomQueue, place: Permit, task: asyncio.Task[None]) -> None:
        lane.ended(task)
        place.leave()
        tenant, address = key
        places = self._places[tenant]
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._not_begun(key, lane, error)
        elif lane.waiting:
            if places.somebody_waits and not self._stopping:
                # Behind those who wait already.
                places.line_up(address, lane.waiting_count)
            else:
                self._start(key, lane)
        else:
            self._drop_if_empty(key, lane)
        self._next(tenant)

    def forget(self, session: Session) -> None:
        """Drop what waits and belongs to a lost session: the broker delivers it again."""
        for key, lane in list(self._lanes.items()):
            lane.take_waiting(lambda envelope: envelope.session is session)
            self._drop_if_empty(key, lane)

    async def send_away_old(self) -> None:
        """Send away what has waited too long behind a lane that stands still, or for the ledger: that needs none."""
        limit_s = self._clock() - UNACKED_MAX_S
        waiting: list[RawDelivery] = []
        for key, lane in list(self._lanes.items()):
            waiting += lane.take_waiting(lambda envelope: envelope.received_s < limit_s)
            self._drop_if_empty(key, lane)
        old = self._opened(waiting)
        for batch in self._stalled:
            if any(delivery.received_s < limit_s for delivery in batch.deliveries):
                old += batch.take_open()
        code, wait_s = ("room_behind", 0.0) if self.ledger.why is None else ("ledger_unavailable", LEDGER_AWAY_S)
        await self._settler.settle(old, Deferred(wait_s=wait_s, problem=Problem.coded(code), counts_attempt=False))

    async def look_at_ledger(self, ledger: Ledger) -> None:
        """See whether the ledger's trouble is over where no lane is there to find out."""
        if not self._lanes:
            await self.ledger.look(ledger)

    async def stop(self, within_s: float) -> None:
        """Begin nothing more, give back what waits, let running batches finish for `within_s`, give back the rest."""
        self._stopping = True
        self.relief.end()
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
        await self._settler.release(open_in(left))
        await self._settler.stop()

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits and nothing is being worked on; costs nothing, however many lanes there are."""
        return not self._lanes

    def snapshot(self, room: str | None = None) -> dict[RoomKey, tuple[int, int]]:
        """For each lane, or for those of a room: commands waiting, and commands being worked on."""
        lanes = self._lanes.items() if room is None else self._lanes.of_room(room)
        return {key: (lane.waiting_count, len(lane.in_work())) for key, lane in lanes}

    def in_hand(self) -> Iterator[Delivery]:
        """Every command that waits or is being worked on."""
        for lane in self._lanes.values():
            for envelopes in lane.waiting.values():
                yield from envelopes
            yield from lane.in_work()
