"""Everything there is in a history: publisher, broker, workers, ledger, Exchange, people, and what can befall them."""

import math
import sys
import traceback
from collections import defaultdict, deque
from collections.abc import MutableMapping
from typing import Any

import structlog

from adapters.calendar import BookingId, RoomAddress, TenantName
from adapters.ledger import BookingKey
from consumers.messages.command import parse_command
from consumers.policy import SyncPolicy
from tests.fake_ledger import Store
from tests.fakes import KeptEvent
from tests.properties.broker import Broker, HeldSession, Stored
from tests.properties.exchange import BOUND_S, FAR_S, Exchange, Fate, SteppedCalendar, Violation
from tests.properties.hands import touch
from tests.properties.ledgers import LedgerTrouble, SteppedLedger, copied
from tests.properties.steps import Process, Steps
from tests.properties.stories import ROOMS, TENANTS, Told
from tests.properties.workers import AT_ONCE_MAX, Worker, WorldClock, start_worker

Place = tuple[RoomAddress, BookingId]
TENANT = TenantName("acme")
STEPS_MAX = 5_000
REPLAYS_MAX = 5
_NO_DEFECTS = (None, "NotPublished")
"""Why a delivery may stay unsettled: the broker did not take something."""


class HistoryHarness:
    """One history. Actions are methods; `history` is what happened, line by line."""

    def __init__(self, *, batch_max: int) -> None:
        self.batch_max = batch_max
        self.clock = WorldClock()
        self.steps = Steps()
        self.history: list[str] = []
        self.exchange = Exchange(self.steps, self.clock.monotonic, self.say, self.claim_left_s)
        self.broker = Broker(self.steps, self.clock.monotonic, self.say)
        self.broker.on_parked = self._note_parked
        self.store = Store()
        self.backup: Store | None = None
        self.ledger_troubles: deque[LedgerTrouble] = deque()
        self.ledger_changed = False
        """Whether the ledger was lost or an older copy restored."""
        self.open_from_s = 0.0
        """A ledger that took another one's place writes nothing before."""
        self.published: list[Told] = []
        self.chains: defaultdict[str, int] = defaultdict(int)
        """Message ids, with how often each was sent on its way."""
        self.hands: defaultdict[Place, list[tuple[str, KeptEvent]]] = defaultdict(list)
        """What people did to which event."""
        self.trashed_before: dict[Place, int] = {}
        """The highest version in Deleted Items when the ledger changed: as far as promise 3 then holds."""
        self.parked_after: dict[tuple[Place, int], int] = {}
        """How many events we had made when a removal was parked: from then on none older may be made."""
        self.defects: list[str] = []
        self.zombies: list[Worker] = []
        self._numbers = 0
        self.workers = {room: self._new_worker(room) for room in ROOMS}

    def say(self, line: str) -> None:
        self.history.append(f"{self.clock.now_s:7.1f} s  {line}")

    def listen(self, _: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """A processor for structlog: keeps the defects that the worker would only log."""
        expected = event.get("event") != "batch.failed" and event.get("why") in _NO_DEFECTS
        if event.get("event") in ("batch.failed", "delivery.unsettled") and not expected:
            self.defects.append("".join(traceback.format_exception(*sys.exc_info())))
        raise structlog.DropEvent

    # -- the publisher

    def publish(self, told: Told) -> None:
        self.published.append(told)
        message_id = f"m{len(self.published)}"
        self.say(f"PUBLISHED {told!r} as {message_id}")
        self.chains[message_id] += 1
        room = told.command.room
        self.broker.queues[room].append(Stored(body=told.body, message_id=message_id, routing_key=room))

    def _note_parked(self, stored: Stored) -> None:
        command = parse_command(stored.body, TENANTS)
        barred = stored.headers["x-roomsync-error-code"] not in ("crashed_worker", "too_old", "version_reused")
        if command.is_removal and not stored.is_look and barred:
            self.parked_after.setdefault(((command.room, command.booking_id), command.version), len(self.exchange.made))

    # -- workers

    def everybody(self) -> list[Worker]:
        return [*self.workers.values(), *self.zombies]

    def deliver(self, room: RoomAddress, count: int) -> None:
        """The room's worker gets messages, all at once."""
        worker = self.workers[room]
        self.say(f"{worker.process.name} takes {min(count, len(self.broker.queues[room]))}")
        worker.session.deliver(count)
        self.look_for_defects()

    def deliverable(self) -> list[RoomAddress]:
        """The rooms that have messages a worker may take."""
        return [room for room in ROOMS if self.broker.queues[room] and self.clock.now_s >= self.open_from_s]

    def at_work(self) -> list[RoomAddress]:
        """The rooms whose worker holds messages."""
        return [room for room in ROOMS if self.workers[room].session.unacked]

    def busy(self) -> list[Worker]:
        """The workers that can go on, zombies included."""
        return [worker for worker in self.everybody() if self.steps.of(worker.process, self.clock.now_s)]

    def step(self, worker: Worker, which: int = 0) -> None:
        """Let a worker do one of the steps it stands before; -1 is the one it came to last."""
        ready = self.steps.of(worker.process, self.clock.now_s)
        if ready:
            self.steps.let_go(ready[which % len(ready)])
            self.look_for_defects()

    def kill(self, room: RoomAddress, fate: Fate) -> None:
        """kill -9; `fate`: of what it had sent."""
        worker = self.workers[room]
        self.say(f"KILLED {worker.process.name}")
        self._end(worker, fate)
        self.broker.give_back(worker.session)
        self.workers[room] = self._new_worker(room)

    def take_over(self, room: RoomAddress, *, knows: bool) -> None:
        """Another worker gets the room, the old one not being dead. `knows`: it cannot publish any more."""
        worker = self.workers[room]
        self.say(f"TAKEN OVER {worker.process.name}, which goes on" + (" without its broker" if knows else ""))
        worker.session.is_lost = knows
        self.broker.give_back(worker.session)
        self.zombies.append(worker)
        self.workers[room] = self._new_worker(room)

    def bury(self) -> None:
        """Forget zombies that came to their end."""
        self.zombies = [each for each in self.zombies if any(s.process is each.process for s in self.steps.waiting)]

    def _end(self, worker: Worker, fate: Fate) -> None:
        worker.session.is_lost = True
        self.steps.kill(worker.process)
        self.exchange.orphan(worker.process, fate)

    def _new_worker(self, room: RoomAddress) -> Worker:
        self._numbers += 1
        process = Process(f"worker{self._numbers}/{room.partition('@')[0]}")
        session = HeldSession(self.broker, process, room)
        ledger = SteppedLedger(
            self.store, self.clock.now, self.steps, process, coming=self.ledger_troubles, say=self.say
        )
        return start_worker(
            process,
            session,
            ledger,
            SteppedCalendar(self.exchange, process, at_once_max=AT_ONCE_MAX),
            self.clock.clocks_of(self.steps, process),
            batch_max=self.batch_max,
            scan_twice=self.ledger_changed,
        )

    # -- time

    def pass_time(self, for_s: float) -> None:
        """Time passes, but an answer comes within the request's time-out, except to a process that stands still."""
        until_s = self.clock.now_s + for_s
        alive = {worker.process for worker in self.workers.values()}
        for write in self.exchange.under_way:
            lasts_s = SyncPolicy().request_timeout_s if write.process in alive else self._zombies_last_s()
            until_s = min(until_s, write.sent_s + lasts_s)
        while self.clock.now_s < until_s:
            events = [late.due_s for late in self.exchange.late] + [due_s for due_s, _ in self.broker.deferred]
            self.clock.now_s = min([until_s, *(due_s for due_s in events if due_s > self.clock.now_s)])
            self.exchange.pass_by(self.clock.now_s)
            self.broker.pass_by(self.clock.now_s)

    def _zombies_last_s(self) -> float:
        return BOUND_S if self.ledger_changed else FAR_S

    # -- the ledger

    def back_up(self) -> None:
        self.say("BACKED UP the ledger")
        self.backup = copied(self.store)

    def lose_ledger(self, fate: Fate) -> None:
        self._change_ledger(Store(), fate, "LOST the ledger")

    def restore_ledger(self, fate: Fate) -> None:
        assert self.backup is not None
        restored = copied(self.backup)
        restored.scanned.clear()
        self._change_ledger(restored, fate, "RESTORED an older copy of the ledger")

    def _change_ledger(self, store: Store, fate: Fate, what: str) -> None:
        self.say(what)
        self.exchange.may_be_far = False
        self._note_what_calendars_tell()
        for worker in self.everybody():
            self._end(worker, fate)
        for worker in self.workers.values():
            self.broker.give_back(worker.session)
        self.zombies = []
        self.store = store
        self.ledger_changed = True
        self.open_from_s = self.clock.now_s + SyncPolicy().claim_s
        self.workers = {room: self._new_worker(room) for room in ROOMS}

    def _note_what_calendars_tell(self) -> None:
        for room, trash in self.exchange.calendar.trash.items():
            for mark in (kept.mark for kept in trash if kept.mark):
                place = (room, mark.booking_id)
                self.trashed_before[place] = max(mark.version, self.trashed_before.get(place, 0))

    # -- people

    def people(self, what: str, room: RoomAddress, which: int) -> None:
        """Somebody does something in Outlook to an event of ours."""
        kept = touch(self.exchange.calendar, what, room, which)
        if kept and kept.mark:
            self.say(f"PEOPLE {what} {kept.ref.item_id} ({kept.mark.booking_id} v{kept.mark.version}) in {room}")
            self.hands[room, kept.mark.booking_id].append((what, kept))

    # -- the end

    def calm_down(self) -> None:
        """Nothing fails any more."""
        troubles = (self.exchange.write_troubles, self.exchange.read_troubles, self.broker.troubles)
        for waiting in (*troubles, self.ledger_troubles):
            waiting.clear()

    def run(self, until_s: float = math.inf, *, zombies: bool = True) -> None:
        """Let everybody work until then, or until nothing waits anywhere but in the failed queue; without `zombies`
        those stand still."""
        for _ in range(STEPS_MAX):
            self.bury()
            for room in self.deliverable():
                self.deliver(room, len(self.broker.queues[room]))
            ready = [worker for worker in self.busy() if zombies or worker not in self.zombies]
            for worker in ready:
                self.step(worker)
            if not ready and not self._wait(until_s):
                return
        raise Violation("NEVER ENDS")

    def _wait(self, until_s: float) -> bool:
        """Let time pass to whatever comes next; False when nothing does until then."""
        dues = [late.due_s for late in self.exchange.late] + [due_s for due_s, _ in self.broker.deferred]
        dues += [step.due_s for step in self.steps.waiting]
        if any(self.broker.queues.values()):
            dues.append(self.open_from_s)
        next_s = min((due_s for due_s in dues if due_s > self.clock.now_s), default=math.inf)
        if next_s == math.inf or next_s > until_s:
            return False
        before_s = self.clock.now_s
        self.pass_time(next_s - before_s)
        return self.clock.now_s > before_s

    def replay(self) -> bool:
        """An operator replays everything that was parked, if anything was."""
        parked, self.broker.failed = self.broker.failed, []
        for stored in parked:
            self.say(f"REPLAYED {stored.message_id} to {stored.routing_key}")
            stored.returned = 0
            if not (stored.is_look or stored.is_derived):
                self.chains[stored.message_id] += 1
            self.broker.queues[stored.routing_key].append(stored)
        return bool(parked)

    def replay_all(self) -> None:
        """Replay until the failed queue stays empty; where nothing fails any more, it must."""
        for _ in range(REPLAYS_MAX):
            if not self.replay():
                return
            self.run()
        raise Violation("REPLAYED IN VAIN")

    def claim_left_s(self, place: Place) -> float:
        """For how long the ledger holds a claim on a booking in a room."""
        room, booking = place
        record = self.store.records.get(BookingKey(tenant=TENANT, room=room, booking_id=booking))
        if record is None or record.row.claim is None or record.claim_ends_at is None:
            return 0.0
        return (record.claim_ends_at - self.clock.now()).total_seconds()

    def look_for_defects(self) -> None:
        if self.defects or self.steps.loop.errors:
            raise Violation("\n".join([*self.defects, *map(str, self.steps.loop.errors)]))
