"""Those who ask a gate for slots: they come, go and give up as a test says."""

import asyncio
from collections import Counter

from adapters.calendar import Done, Outcome, RoomAddress
from adapters.errors import Throttled
from consumers.throttling.tenant_limiter import TenantLimiter
from tests.fake_ledger import FakeLedger
from tests.room_harness import VirtualTime, a_gate


def a_limited_gate(time: VirtualTime, *, mailbox: int = 4, tenant: int = 32) -> TenantLimiter:
    gate = a_gate(FakeLedger(clock=time.now), time, mailbox_concurrency=mailbox)
    gate.resize(mailbox_concurrency=mailbox, tenant_concurrency=tenant)
    gate.jitter = lambda low, _: low
    return gate


class Visitors:
    """Requests that begin when told and end when told; remembers who was let in, in order."""

    def __init__(self, gate: TenantLimiter) -> None:
        self.gate = gate
        self.inside: list[RoomAddress] = []
        self.peak: Counter[RoomAddress] = Counter()
        self.peak_total = 0
        self.sent_home: list[float | None] = []
        self._leave: dict[RoomAddress, list[asyncio.Event]] = {}
        self._now: Counter[RoomAddress] = Counter()
        self.tasks: list[asyncio.Task[None]] = []

    async def come(self, room: RoomAddress, times: int = 1, *outcomes: Outcome) -> None:
        self.tasks += [asyncio.create_task(self._visit(room, outcomes or (Done(),))) for _ in range(times)]
        await settle()

    async def _visit(self, room: RoomAddress, outcomes: tuple[Outcome, ...]) -> None:
        try:
            async with self.gate.slot(room) as turn:
                self.inside.append(room)
                self._now[room] += 1
                self.peak[room] = max(self.peak[room], self._now[room])
                self.peak_total = max(self.peak_total, self._now.total())
                leave = asyncio.Event()
                self._leave.setdefault(room, []).append(leave)
                try:
                    await leave.wait()
                    await turn.report(outcomes)
                finally:
                    self._now[room] -= 1
        except Throttled as paused:
            self.sent_home.append(paused.retry_after_s)

    async def go(self, room: RoomAddress) -> None:
        self._leave[room].pop(0).set()
        await settle()

    async def all_go(self) -> None:
        while any(self._leave.values()):
            for room in list(self._leave):
                while self._leave[room]:
                    await self.go(room)


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def ask(gate: TenantLimiter, room: RoomAddress, *outcomes: Outcome) -> list[Outcome]:
    async with gate.slot(room) as turn:
        return await turn.report(outcomes)


async def throttled(gate: TenantLimiter, time: VirtualTime, room: RoomAddress, times: int = 1) -> None:
    """Throttle a room so often in a row, and let the pauses pass."""
    for _ in range(times):
        await ask(gate, room, Throttled(1.0))
        time.passed_s += 1.5
