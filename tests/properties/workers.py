"""A worker process of one room's partition: the real intake, lanes and bookings on a broker, ledger and Exchange in
memory. A process that was taken over goes on for a while: a zombie."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

from adapters.calendar import RoomAddress, TenantName
from consumers.broker.parsing import Reader
from consumers.broker.queue_names import QueueNames
from consumers.broker.session import Session
from consumers.partitions import Partitions
from consumers.policy import SyncPolicy
from consumers.scheduling.dispatcher import Dispatcher
from consumers.settlement.observer import Observers
from consumers.settlement.settle import Settler
from consumers.sync.room import Clocks, Room
from consumers.throttling.circuit_breaker import CircuitBreaker
from consumers.throttling.tenant_limiter import TenantLimiter
from tests.builders import Tenants, a_tenant
from tests.properties.broker import HeldSession
from tests.properties.exchange import SteppedCalendar
from tests.properties.ledgers import SteppedLedger
from tests.properties.steps import Process, Steps, at_once

AT_ONCE_MAX = 2


@dataclass(slots=True)
class WorldClock:
    """Time that passes only when the history says so."""

    now_s: float = 0.0

    def now(self) -> datetime:
        return datetime(2026, 11, 20, 9, tzinfo=UTC) + timedelta(seconds=self.now_s)

    def monotonic(self) -> float:
        return self.now_s

    def clocks_of(self, steps: Steps, process: Process) -> Clocks:
        async def sleep(for_s: float) -> None:
            await steps.before(process, f"wake up after {for_s:.1f} s", due_s=self.now_s + for_s)

        return Clocks(now=self.now, monotonic=self.monotonic, sleep=sleep)


@dataclass(slots=True, eq=False, kw_only=True)
class Worker:
    """A process with the session it consumes by."""

    process: Process
    session: HeldSession


def start_worker(
    process: Process,
    session: HeldSession,
    ledger: SteppedLedger,
    calendar: SteppedCalendar,
    clocks: Clocks,
    *,
    batch_max: int,
    scan_twice: bool,
) -> Worker:
    """Wire a worker up as the real one is, and let it consume."""
    policy = SyncPolicy(batch_max=batch_max)
    tenant = a_tenant(mailbox_concurrency=AT_ONCE_MAX)
    gate = TenantLimiter(
        mailbox_concurrency=tenant.mailbox_concurrency,
        tenant_concurrency=tenant.tenant_concurrency,
        clock=clocks.monotonic,
        breaker=CircuitBreaker(tenant=tenant.name, ledger=ledger, clock=clocks.monotonic, fingerprint=lambda: "a1"),
    )
    settler = Settler(policy=policy, clocks=clocks, observer=Observers())

    def room_of(_: TenantName, address: RoomAddress) -> Room:
        return Room(
            tenant=tenant,
            address=address,
            calendar=calendar,
            gate=gate,
            ledger=ledger,
            policy=policy,
            clocks=clocks,
            scan_twice=scan_twice,
        )

    reader = Reader(Tenants(tenant), clocks)
    lanes = Dispatcher(room_of, reader, settler, clock=clocks.monotonic)
    partitions = Partitions(names=QueueNames(), count=1, reader=reader, lanes=lanes, settler=settler, clocks=clocks)
    at_once(partitions.consume(cast(Session, session)))
    return Worker(process=process, session=session)
