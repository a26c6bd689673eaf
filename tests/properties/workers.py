"""A worker process of one room's partition: the real intake, lanes and bookings on a broker, ledger and Exchange in
memory. A process that was taken over goes on for a while: a zombie."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

from adapters.calendar import RoomAddress, TenantName
from consumers.bookings.breaker import Breaker
from consumers.bookings.gate import Gate
from consumers.bookings.policy import SyncPolicy
from consumers.bookings.room import Clocks, Room
from consumers.intake.lanes import Lanes
from consumers.intake.names import Names
from consumers.intake.observer import Observers
from consumers.intake.partitions import Partitions
from consumers.intake.reading import Reader
from consumers.intake.session import Session
from consumers.intake.settle import Settler
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
    gate = Gate(
        mailbox_concurrency=tenant.mailbox_concurrency,
        tenant_concurrency=tenant.tenant_concurrency,
        clock=clocks.monotonic,
        breaker=Breaker(tenant=tenant.name, ledger=ledger, clock=clocks.monotonic, fingerprint=lambda: "a1"),
    )
    settler = Settler(policy=policy, clocks=clocks, observer=Observers())

    def room_of(_: TenantName, address: RoomAddress) -> Room:
        return Room(
            tenant=tenant,
            address=address,
            calendar=calendar,
            gate=gate,
            ledger=ledger,
            desk=settler,
            policy=policy,
            clocks=clocks,
            scan_twice=scan_twice,
        )

    reader = Reader(Tenants(tenant), clocks)
    lanes = Lanes(room_of, reader, settler, clock=clocks.monotonic)
    partitions = Partitions(names=Names(), count=1, reader=reader, lanes=lanes, settler=settler, clocks=clocks)
    at_once(partitions.consume(cast(Session, session)))
    return Worker(process=process, session=session)
