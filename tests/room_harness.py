"""A room's sync on fakes and a clock that only moves when somebody sleeps: what the unit and property tests drive."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from adapters.calendar import BookingId, RoomAddress, TenantName
from adapters.ledger import Ledger, LedgerRow
from consumers.messages.command import BookingCommand
from consumers.messages.disposition import CheckLater, Decisions, Disposition, Look
from consumers.policy import SyncPolicy
from consumers.sync.room import Clocks, Room
from consumers.sync.sync_room import sync_room
from consumers.throttling.circuit_breaker import CircuitBreaker
from consumers.throttling.tenant_limiter import TenantLimiter
from tests.builders import a_booking_command, a_tenant, an_event
from tests.fake_ledger import FakeLedger
from tests.fakes import FakeCalendar

BOARD = RoomAddress("board@acme.example")


class VirtualTime:
    """A clock whose `sleep` returns as soon as the others had their turn, the time having passed; between `stop` and
    `go` nobody wakes up."""

    def __init__(self) -> None:
        self.passed_s = 0.0
        self.slept: list[float] = []
        self._goes = asyncio.Event()
        self._goes.set()

    def stop(self) -> None:
        self._goes.clear()

    def go(self) -> None:
        self._goes.set()

    def now(self) -> datetime:
        return datetime(2026, 11, 20, 9, tzinfo=UTC) + timedelta(seconds=self.passed_s)

    def monotonic(self) -> float:
        return 1000.0 + self.passed_s

    async def sleep(self, for_s: float) -> None:
        self.slept.append(for_s)
        await self._goes.wait()
        self.passed_s += for_s
        await asyncio.sleep(0)

    def clocks(self) -> Clocks:
        return Clocks(now=self.now, monotonic=self.monotonic, sleep=self.sleep)


def a_gate(
    ledger: Ledger, time: VirtualTime, *, fingerprint: str = "a1", mailbox_concurrency: int = 4
) -> TenantLimiter:
    """A gate of the tenant `acme` with its breaker in the ledger."""
    breaker = CircuitBreaker(
        tenant=TenantName("acme"), ledger=ledger, clock=time.monotonic, fingerprint=lambda: fingerprint
    )
    return TenantLimiter(
        mailbox_concurrency=mailbox_concurrency, tenant_concurrency=32, clock=time.monotonic, breaker=breaker
    )


@dataclass(eq=False)
class FakeRequest:
    """A command in hand, without a broker."""

    command: BookingCommand
    first_seen_at: datetime
    look: Look | None = None
    dispositions: list[Disposition] = field(default_factory=list)


class RoomHarness:
    """One room with everything around it; `await harness.run(command, …)` is a batch, its dispositions are returned."""

    def __init__(self, calendar: FakeCalendar | None = None, *, address: RoomAddress = BOARD, **policy: object) -> None:
        self.time = VirtualTime()
        self.calendar = calendar or FakeCalendar()
        self.ledger = FakeLedger(clock=self.time.now)
        self.decided: list[tuple[BookingCommand, Disposition]] = []
        self.checks: list[tuple[BookingCommand, Look]] = []
        """The delayed checks that were ordered."""
        self.room = Room(
            tenant=a_tenant(),
            address=address,
            calendar=self.calendar,
            gate=a_gate(self.ledger, self.time),
            ledger=self.ledger,
            policy=replace(SyncPolicy(), **policy),  # type: ignore[arg-type]  # a builder takes any
            clocks=self.time.clocks(),
        )

    async def run(self, *commands: BookingCommand, look: Look | None = None, alone: bool = False) -> list[Disposition]:
        """Sync a batch; what was decided on each command, exactly once."""
        requests = [FakeRequest(command=command, first_seen_at=self.time.now(), look=look) for command in commands]
        async with aclosing(sync_room(self.room, requests, alone=alone)) as steps:
            async for decisions in steps:
                self._take(decisions)
        assert [len(request.dispositions) for request in requests] == [1] * len(requests)
        return [request.dispositions[0] for request in requests]

    def _take(self, decisions: Decisions) -> None:
        for requests, disposition in decisions:
            for request in requests:
                assert isinstance(request, FakeRequest)
                if isinstance(disposition, CheckLater):
                    self.checks.append((request.command, disposition.look))
                else:
                    request.dispositions.append(disposition)
                    self.decided.append((request.command, disposition))

    async def row(self, booking: str = "B-1001") -> LedgerRow | None:
        rows = await self.room.rows([BookingId(booking)])
        return rows.get(BookingId(booking))

    def let_pass(self, seconds: float) -> None:
        self.time.passed_s += seconds

    def subjects(self) -> list[str]:
        """What the room's calendar shows, sorted."""
        return sorted(kept.event.subject for kept in self.calendar.events[BOARD])

    def marks(self) -> list[int]:
        """The versions that the marks in the room's calendar tell, sorted."""
        return sorted(kept.mark.version for kept in self.calendar.events[BOARD] if kept.mark)

    def kinds(self) -> list[str]:
        """The requests that Exchange counted, first touch aside."""
        return [call.kind for call in self.calendar.requests if call.kind != "scan"]


def versioned(version: int, subject: str = "Design review", **changes: object) -> BookingCommand:
    """A create of the usual booking with a version and a subject."""
    return a_booking_command(version=version, event=an_event(subject=subject), **changes)


def a_cancel(version: int, **changes: object) -> BookingCommand:
    """A cancel of the usual booking."""
    return a_booking_command(command="cancel", version=version, **changes)
