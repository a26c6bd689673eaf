"""Everything from a message in hand to the calendar, real but for the broker and for time: lanes, settling, sync, gate,
breaker, and EWS over HTTPS to a simulator for each tenant."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, cast

from adapters.calendar import RoomAddress, TenantName
from adapters.ledger import Ledger
from adapters.simulator import SimEvent, Simulator
from adapters.sql import open_ledger
from consumers.broker.parsing import Reader
from consumers.policy import SyncPolicy
from consumers.scheduling.dispatcher import Dispatcher
from consumers.settlement.settle import Settler
from consumers.sync.room import Room
from consumers.throttling.circuit_breaker import CircuitBreaker
from tests.builders import Tenants, a_body, an_event
from tests.fake_broker import FakeMessage, FakeObserver
from tests.fake_ledger import FakeLedger
from tests.faults.exchange_time import CommonTime
from tests.faults.queues import Queues
from tests.faults.tenant_harness import TenantHarness, a_tenant_harness

BOARD, LOBBY, ELSEWHERE = "board@acme.example", "lobby@acme.example", "hall@globex.example"
"""Two rooms of tenant `acme`, and one of `globex`."""
LIMIT_S = 30
TURNS_MAX = 400


class WorkerHarness:
    """The whole of it. `put` commands, let them be worked on until it is `quiet`, or until `all_is_done`."""

    def __init__(self, time: CommonTime, ledger: Ledger, reaches: Mapping[str, TenantHarness]) -> None:
        clocks = time.clocks()
        self.time = time
        self.ledger = ledger
        self.reaches = reaches
        self.policy = SyncPolicy()
        self.queues = Queues(clock=lambda: time.passed_s)
        self.settler = Settler(policy=self.policy, clocks=clocks, observer=FakeObserver())
        self.reader = Reader(Tenants(*(harness.tenant for harness in reaches.values())), clocks)
        self.lanes = Dispatcher(self._room, self.reader, self.settler, clock=time.monotonic)
        self._counted_before: Counter[tuple[str, str]] = Counter()

    def _room(self, tenant: TenantName, address: RoomAddress) -> Room:
        harness = self.reaches[tenant]
        return Room(
            tenant=harness.tenant,
            address=address,
            calendar=harness.calendar,
            gate=harness.gate,
            ledger=self.ledger,
            policy=self.policy,
            clocks=self.time.clocks(),
        )

    @property
    def exchange(self) -> Simulator:
        """The Exchange of `acme`."""
        return self.reaches["acme"].exchange

    @property
    def breaker(self) -> CircuitBreaker:
        """The breaker of `acme`."""
        return self.reaches["acme"].gate.breaker

    # -- commands

    def put(self, booking: str, version: int = 1, *, room: str = BOARD, **changes: object) -> str:
        """Hand in a command, a create unless told; returns its message id."""
        tenant = room.rpartition("@")[2].removesuffix(".example")
        changes = {"event": an_event(subject=_subject(booking, version))} | changes
        if changes.get("command") == "cancel":
            del changes["event"]
        body = a_body(tenant=tenant, room=room, booking_id=booking, version=version, **changes)
        message_id = f"{booking}.{version}"
        self._receive(FakeMessage(body, self.queues, routing_key=room, message_id=message_id))
        return message_id

    def _receive(self, message: FakeMessage) -> None:
        self.lanes.put(*self.reader.glance(message, cast("Any", self.queues)))

    def told(self, message_id: str) -> list[str]:
        """What became of a command, in order: where it was sent away to, its second looks, its results."""
        return self.queues.told.get(message_id, [])

    def done_after_s(self, message_id: str) -> float:
        """When its last result was published."""
        return self.queues.finished_at_s[message_id]

    # -- work

    async def quiet(self) -> None:
        """Until nothing is in hand; what was sent away stays away."""
        async with asyncio.timeout(LIMIT_S):
            while self.lanes.snapshot() or self.lanes._asides:
                if self.time.all_asleep(self._batches()):
                    await self._exchange_is_done()
                    self.time.wake_next()
                await asyncio.sleep(0.001)

    def _batches(self) -> set[asyncio.Task[None]]:
        return {task for lane in self.lanes._lanes.values() for task in lane.running}

    async def _exchange_is_done(self) -> None:
        """What Exchange does late it does within seconds, so before any of our waits is over."""
        for harness in self.reaches.values():
            await harness.exchange.settled()
            while harness.exchange.counts.in_flight:  # noqa: ASYNC110  # state that nobody announces
                await asyncio.sleep(0.005)

    async def come_back(self) -> None:
        """Let time pass until something comes back from the broker, and work on that."""
        due_s = self.queues.next_due_s()
        assert due_s is not None, "nothing is away"
        await self._exchange_is_done()
        self.time.pass_until(due_s)
        for message in self.queues.take_due():
            self._receive(message)
        await self.quiet()

    async def all_is_done(self) -> None:
        """Until nothing is in hand or away, second looks included."""
        await self.quiet()
        for _ in range(TURNS_MAX):
            if not self.queues.away:
                return
            await self.come_back()
        raise AssertionError("it never ends")

    # -- what there is to see

    def requests(self, room: str = BOARD) -> dict[str, int]:
        """Requests for a room by operation, since `count_anew`."""
        counted = self._counted() - self._counted_before
        return {operation: n for (where, operation), n in sorted(counted.items()) if where == room}

    def count_anew(self) -> None:
        """Forget the requests so far."""
        self._counted_before = self._counted()

    def _counted(self) -> Counter[tuple[str, str]]:
        counted: Counter[tuple[str, str]] = Counter()
        for harness in self.reaches.values():
            counted.update(harness.exchange.counts.by_room)
        return counted

    def events(self, room: str = BOARD) -> list[SimEvent]:
        harness = self.reaches[room.rpartition("@")[2].removesuffix(".example")]
        return harness.exchange.calendar(room)

    def calendar(self, room: str = BOARD) -> list[tuple[str, str, str]]:
        """What stands in a calendar: booking, version and subject of each event."""
        return sorted(
            (str(event.booking).partition("/")[2], str(event.version), event.subject) for event in self.events(room)
        )

    def written(self, room: str = BOARD) -> int:
        """How many events were ever put into a calendar, those that are gone again included."""
        folder = self.exchange.store.folder(room, "calendar")
        return sum(change.kind == "created" for change in folder.history)


def as_published(*bookings: tuple[str, int]) -> list[tuple[str, str, str]]:
    """What `WorkerHarness.calendar` shows of these bookings and versions once they are true."""
    return sorted((booking, str(version), _subject(booking, version)) for booking, version in bookings)


def _subject(booking: str, version: int) -> str:
    return f"{booking} as of {version}"


@asynccontextmanager
async def a_worker_harness(folder: Path, *, durable: bool = False, **changes: object) -> AsyncIterator[WorkerHarness]:
    """A harness with the tenants `acme` and `globex`; `durable`: its ledger is an SQLite file, else it is in memory.

    Args:
        changes: as for `a_tenant_harness`; they hold for `acme`.
    """
    time = CommonTime()
    async with AsyncExitStack() as ending:
        ledger: Ledger = FakeLedger(clock=time.now)
        if durable:
            ledger = await open_ledger(f"sqlite:///{folder / 'ledger.db'}", clock=time.now)
        ending.push_async_callback(ledger.close)
        reaches = {
            "acme": await ending.enter_async_context(
                a_tenant_harness("acme", folder, ledger, time, **changes)  # type: ignore[arg-type]  # a builder takes any
            ),
            "globex": await ending.enter_async_context(a_tenant_harness("globex", folder, ledger, time)),
        }
        yield WorkerHarness(time, ledger, reaches)
