"""Lanes as the worker runs them: the real settler and the real sync; broker and Exchange in memory."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, cast

from adapters.calendar import RoomAddress, TenantName
from adapters.ledger import Ledger
from consumers.broker.parsing import Reader
from consumers.policy import SyncPolicy
from consumers.scheduling.dispatcher import Dispatcher
from consumers.settlement.settle import Settler
from consumers.sync.room import Room
from tests.builders import Tenants, a_body, a_tenant, an_event
from tests.fake_broker import FakeMessage, FakeObserver, FakeSession
from tests.fake_ledger import FakeLedger
from tests.fakes import FakeCalendar
from tests.room_harness import BOARD, VirtualTime, a_gate


class DispatcherHarness:
    """Lanes with everything behind them. `other_ledger`: another one than a `FakeLedger` of the harness's own."""

    def __init__(self, *, other_ledger: Ledger | None = None, **tenant: object) -> None:
        self.time = VirtualTime()
        self.session = FakeSession()
        self.calendar = FakeCalendar()
        self.ledger = FakeLedger(clock=self.time.now)
        self.used_ledger = other_ledger or self.ledger
        self.tenant = a_tenant(**tenant)  # type: ignore[arg-type]  # a builder takes any
        self.gate = a_gate(self.used_ledger, self.time)
        self.settler = Settler(policy=SyncPolicy(), clocks=self.time.clocks(), observer=FakeObserver())
        self.reader = Reader(Tenants(a_tenant()), self.time.clocks())
        self.lanes = Dispatcher(self.room, self.reader, self.settler, clock=self.time.monotonic)
        self.known = True

    def room(self, tenant: TenantName, address: RoomAddress) -> Room | None:
        if not self.known:
            return None
        return Room(
            tenant=self.tenant,
            address=address,
            calendar=self.calendar,
            gate=self.gate,
            ledger=self.used_ledger,
            policy=SyncPolicy(),
            clocks=self.time.clocks(),
        )

    def put(
        self, booking: str, version: int = 1, returned: int = 0, room: str = BOARD, headers: Mapping[str, Any] = {}
    ) -> FakeMessage:
        headers = {"x-delivery-count": returned, **headers} if returned else headers
        event = an_event(subject=f"version {version}")
        body = a_body(booking_id=booking, version=version, room=room, event=event)
        message = FakeMessage(
            body, self.session, headers=headers, message_id=f"{booking}.{version}", redelivered=returned > 0
        )
        self.lanes.put(*self.reader.glance(message, cast(Any, self.session)))
        return message

    def lose_session(self) -> None:
        """The broker goes, and is back at once."""
        lost, self.session = self.session, FakeSession()
        lost.lost.set()
        self.lanes.forget(cast(Any, lost))

    async def until(self, condition: Callable[[], bool]) -> None:
        for _ in range(10_000):
            if condition():
                return
            await asyncio.sleep(0)
        raise AssertionError("it never came to that")

    async def idle(self) -> None:
        await self.until(lambda: not self.lanes.snapshot())

    def create_sizes(self) -> list[int]:
        return [len(call.operations) for call in self.calendar.requests if call.kind == "create"]
