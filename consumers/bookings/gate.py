"""Who may ask a tenant's Exchange right now: limits, pauses that Exchange named, and the tenant's breaker.

A gate belongs to one tenant and one process; single active consumer makes sure that a room's requests pass one gate.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from adapters.calendar import Done, Outcome, RoomAddress
from adapters.errors import CalendarError, Throttled, Unknown
from consumers.bookings.breaker import Breaker, Errand

Result = TypeVar("Result")
Monotonic = Callable[[], float]


@dataclass(slots=True)
class _Room:
    slots: asyncio.Semaphore
    paused_until_s: float = 0.0
    users: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """The right to send one request to a room. What comes back must be reported while it lasts."""

    gate: "Gate"
    room: RoomAddress
    errand: Errand

    async def report(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Let the gate learn from the outcomes; returns them as they count (a first 401 counts as a throttle)."""
        for outcome in outcomes:
            if isinstance(outcome, Throttled | Unknown) and outcome.retry_after_s:
                self.gate.pause(self.room, outcome.retry_after_s, whole_tenant=outcome.scope == "tenant")
        return await self.gate.breaker.report(self.errand, outcomes)

    async def read(self, reading: Awaitable[Result]) -> Result:
        """Await a read, and let the gate learn from its success or its error. Raises `CalendarError`."""
        try:
            result = await reading
        except CalendarError as error:
            [outcome] = await self.report([error])
            raise (outcome if isinstance(outcome, CalendarError) else error) from None
        await self.report([Done()])
        return result


@dataclass(slots=True, kw_only=True)
class Gate:
    """One tenant's gate. `mailbox_concurrency` and `tenant_concurrency` are requests at once."""

    mailbox_concurrency: int
    tenant_concurrency: int
    clock: Monotonic
    breaker: Breaker
    _rooms: dict[RoomAddress, _Room] = field(default_factory=dict)
    _tenant: asyncio.Semaphore = field(init=False)
    _paused_until_s: float = 0.0

    def __post_init__(self) -> None:
        self._tenant = asyncio.Semaphore(self.tenant_concurrency)

    @asynccontextmanager
    async def slot(self, room: RoomAddress) -> AsyncIterator[Turn]:
        """Hold the right to one request to the room. Who has to wait is told so, and holds nothing meanwhile.

        Raises:
            Throttled: the room or the tenant is paused, or in doubt; `retry_after_s` is what remains.
            Misconfigured: the breaker is open and this is not the probe.
            LedgerUnavailable: nobody knows whether the breaker is open.
        """
        entry = self._entry(room)
        entry.users += 1
        try:
            async with entry.slots, self._tenant:
                self._check_pauses(entry)
                errand = await self.breaker.enter()
                try:
                    yield Turn(gate=self, room=room, errand=errand)
                finally:
                    self.breaker.leave(errand)
        finally:
            entry.users -= 1
            if entry.users == 0 and entry.paused_until_s <= self.clock():
                self._rooms.pop(room, None)

    def pause(self, room: RoomAddress, for_s: float, *, whole_tenant: bool) -> None:
        """Let no request to the room (or the tenant) through for this long: Exchange asked for it."""
        until_s = self.clock() + for_s
        if whole_tenant:
            self._paused_until_s = max(self._paused_until_s, until_s)
        else:
            entry = self._entry(room)
            entry.paused_until_s = max(entry.paused_until_s, until_s)

    def _entry(self, room: RoomAddress) -> _Room:
        return self._rooms.setdefault(room, _Room(asyncio.Semaphore(self.mailbox_concurrency)))

    def _check_pauses(self, entry: _Room) -> None:
        now_s = self.clock()
        if now_s < entry.paused_until_s:
            raise Throttled(entry.paused_until_s - now_s)
        if now_s < self._paused_until_s:
            raise Throttled(self._paused_until_s - now_s, whole_tenant=True)

    def paused_rooms(self) -> dict[RoomAddress, float]:
        """The rooms that Exchange asked to leave alone, with the seconds that remain."""
        now_s = self.clock()
        return {
            room: entry.paused_until_s - now_s for room, entry in self._rooms.items() if entry.paused_until_s > now_s
        }
