"""Who may ask a tenant's Exchange right now: adaptive limits, pauses that Exchange named, and the tenant's breaker.

A gate belongs to one tenant and one process; single active consumer makes sure that a room's requests pass one gate.
"""

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from adapters.calendar import Done, Gone, Outcome, RoomAddress
from adapters.errors import CalendarError, Refused, Throttled, Unknown
from consumers.policy import SLOT_WITHIN_S, SLOW_SHARE, SyncPolicy
from consumers.throttling.circuit_breaker import CircuitBreaker, RequestKind
from consumers.throttling.limits import (
    BUSY_BATCH,
    AdaptiveLimit,
    Jitter,
    RateState,
    RoomPace,
    Rooms,
    TenantThrottleDetector,
)
from consumers.throttling.slots import Slots

Result = TypeVar("Result")


@dataclass(slots=True, kw_only=True)
class Request:
    """The right to send one request to a room. What comes back must be reported while it lasts."""

    gate: "TenantLimiter"
    pace: RoomPace
    errand: RequestKind
    sent_s: float = 0.0
    room_epoch: int = 0
    tenant_epoch: int = 0

    def begin(self) -> None:
        """The request is sent now. Raises `Throttled`: Exchange asked for patience since the slot was given."""
        self.gate.check_pauses(self.pace)
        self.sent_s = self.gate.clock()
        self.room_epoch, self.tenant_epoch = self.pace.limit.epoch, self.gate.tenant.limit.epoch

    async def report(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Let the gate learn from the outcomes of a write; returns them as they count.

        A throttle without a time comes back with ours; a first odd answer counts as a throttle.
        """
        return await self.gate.breaker.report(
            self.errand, self.gate.learn(self, outcomes, is_write=True), self.pace.address
        )

    async def read(self, reading: Awaitable[Result]) -> Result:
        """Await a read, and let the gate learn from its success or its error. Raises `CalendarError`."""
        try:
            result = await reading
        except CalendarError as error:
            [outcome] = await self._report_read(error)
            raise (outcome if isinstance(outcome, CalendarError) else error) from None
        await self._report_read(Done())
        return result

    async def _report_read(self, outcome: Outcome) -> list[Outcome]:
        return await self.gate.breaker.report(
            self.errand, self.gate.learn(self, [outcome], is_write=False), self.pace.address
        )


@dataclass(slots=True, kw_only=True)
class TenantLimiter:
    """One tenant's gate. `mailbox_concurrency` and `tenant_concurrency` are requests at once, at the most.

    `slow_after_s`: the batches after an answer that took longer are smaller.
    """

    mailbox_concurrency: int
    tenant_concurrency: int
    clock: Callable[[], float]
    breaker: CircuitBreaker
    slow_after_s: float = SyncPolicy().request_timeout_s * SLOW_SHARE
    slot_within_s: float = SLOT_WITHIN_S
    jitter: Jitter = random.uniform
    throttled_s: float = 0.0
    """For how long rooms were told to wait, added up; a pause of the whole tenant counts once."""
    tenant: RateState = field(init=False)
    _rooms: Rooms = field(init=False)
    _slots: Slots = field(init=False)
    _crowd: TenantThrottleDetector = field(default_factory=TenantThrottleDetector)

    def __post_init__(self) -> None:
        self.tenant = RateState(AdaptiveLimit(self.tenant_concurrency))
        self._slots = Slots(self.tenant)
        self._rooms = Rooms(self.clock)

    @property
    def in_flight(self) -> int:
        """Requests under way, and those about to be sent."""
        return self.tenant.in_flight

    @property
    def limit(self) -> int:
        """Requests at once that the tenant is trusted with just now."""
        return self.tenant.allowed

    @property
    def ceiling(self) -> int:
        """The most that `limit` can be."""
        return self.tenant_concurrency

    def room_limits(self, only: RoomAddress | None = None) -> dict[RoomAddress, int]:
        """Requests at once for the rooms (or the `only` one) that are below their ceiling just now."""
        return {room: pace.allowed for room, pace in self._rooms.items(only) if not pace.is_undisturbed}

    def room_limit(self, room: RoomAddress) -> int:
        """Requests at once for a room just now."""
        pace = self._rooms.get(room)
        return pace.allowed if pace else self.mailbox_concurrency

    def batch_size(self, room: RoomAddress, most: int) -> int:
        """Operations that the room bears in one request just now, of `most`."""
        pace = self._rooms.get(room)
        return pace.batch.within(most) if pace else most

    def paused_rooms(self, only: RoomAddress | None = None) -> dict[RoomAddress, float]:
        """The rooms (or the `only` one) that Exchange asked to leave alone, with the seconds that remain."""
        now_s, rooms = self.clock(), self._rooms.items(only)
        return {room: pace.paused_for_s(now_s) for room, pace in rooms if pace.paused_until_s > now_s}

    def paused_for_s(self, room: RoomAddress) -> float:
        """How long nothing is going to be sent to a room, as far as is known."""
        now_s, pace = self.clock(), self._rooms.get(room)
        return max(self.tenant.paused_for_s(now_s), pace.paused_for_s(now_s) if pace else 0.0)

    def silent_for_s(self, room: RoomAddress) -> float:
        """How long a room, or the whole tenant with all that it may be asked at once, has left requests unanswered."""
        now_s, pace = self.clock(), self._rooms.get(room)
        of_tenant_s = 0.0 if self.tenant.is_free else self.tenant.silent_for_s(now_s)
        return max(of_tenant_s, pace.silent_for_s(now_s) if pace else 0.0)

    def resize(self, *, mailbox_concurrency: int, tenant_concurrency: int) -> None:
        """Take other ceilings, also while requests are under way, which count against them."""
        self.mailbox_concurrency, self.tenant_concurrency = mailbox_concurrency, tenant_concurrency
        self.tenant.limit.resize(tenant_concurrency)
        rooms = [pace for _, pace in self._rooms.items()]
        for pace in rooms:
            pace.limit.resize(mailbox_concurrency)
        self._slots.look_again(*rooms)

    @asynccontextmanager
    async def slot(self, room: RoomAddress) -> AsyncIterator[Request]:
        """Hold the right to one request to the room. Who has to wait for a time is told so, and holds nothing.

        Raises:
            Throttled: the room or the tenant is paused, or in doubt; `retry_after_s` is what remains.
            Misconfigured: the breaker is open and this is not the probe.
            LedgerUnavailable: nobody knows whether the breaker is open.
        """
        with self._rooms.using(room, self.mailbox_concurrency) as pace:
            self.check_pauses(pace)
            await self._take(pace)
            self._hear(pace, begins=True)
            try:
                # It may have been waited for while a pause began: `begin` looks again.
                errand = await self.breaker.enter(room)
                try:
                    turn = Request(gate=self, pace=pace, errand=errand)
                    turn.begin()
                    yield turn
                finally:
                    self.breaker.leave(errand)
            finally:
                self._hear(pace, begins=False)
                self._slots.give_back(pace)

    async def _take(self, pace: RoomPace) -> None:
        try:
            await self._slots.take(pace, within_s=self.slot_within_s)
        except TimeoutError:
            # Exchange hangs, and the commands must not stay in hand for as long as it likes.
            raise Throttled(self.slot_within_s, whole_tenant=True, detail="no request could be sent") from None

    def _hear(self, pace: RoomPace, *, begins: bool) -> None:
        now_s = self.clock()
        for each in (pace, self.tenant):
            if not begins or each.in_flight == 1:
                each.heard_s = now_s

    def check_pauses(self, pace: RoomPace) -> None:
        """Raises `Throttled` while Exchange is to be left alone."""
        now_s = self.clock()
        if now_s < pace.paused_until_s:
            raise Throttled(pace.paused_until_s - now_s)
        if now_s < self.tenant.paused_until_s:
            raise Throttled(self.tenant.paused_until_s - now_s, whole_tenant=True)

    def learn(self, turn: Request, outcomes: Sequence[Outcome], *, is_write: bool) -> list[Outcome]:
        """Move limits and pauses by what came back; returns the outcomes, each throttle with the time that holds."""
        is_slow = self.clock() - turn.sent_s > self.slow_after_s
        asked = [one for one in outcomes if _asks_for_patience(one)]
        if is_write and (asked or is_slow):
            turn.pace.batch.shrink(len(outcomes), least=1 if is_slow else BUSY_BATCH)
        if asked:
            self._throttled(turn, asked)
            return [self._timed(turn.pace, one) for one in outcomes]
        if not is_slow and any(isinstance(one, Done | Gone | Refused) for one in outcomes):
            self._succeeded(turn, is_write=is_write)
        return list(outcomes)

    def _succeeded(self, turn: Request, *, is_write: bool) -> None:
        pace = turn.pace
        if is_write:
            pace.batch.grow()
        pace.succeeded(turn.room_epoch)
        self.tenant.succeeded(turn.tenant_epoch)
        self._crowd.note(pace.address, self.clock(), throttled=False)
        self._slots.look_again(pace)

    def _throttled(self, turn: Request, asked: Sequence[Outcome]) -> None:
        now_s, pace = self.clock(), turn.pace
        told_s = max(one.retry_after_s or 0.0 for one in asked if isinstance(one, Throttled | Unknown))
        if any(isinstance(one, Throttled) and one.scope == "tenant" for one in asked):
            self.throttled_s += self.tenant.throttled(turn.tenant_epoch, told_s, now_s, self.jitter)
            return
        self.throttled_s += pace.throttled(turn.room_epoch, told_s, now_s, self.jitter)
        if self._crowd.note(pace.address, now_s, throttled=True):
            # Each room waits as it was told; all of them together ask less.
            self.tenant.limit.throttled(turn.tenant_epoch)

    def _timed(self, pace: RoomPace, outcome: Outcome) -> Outcome:
        if not isinstance(outcome, Throttled) or outcome.retry_after_s:
            return outcome
        paused = self.tenant if outcome.scope == "tenant" else pace
        left_s = paused.paused_for_s(self.clock())
        return Throttled(left_s, whole_tenant=outcome.scope == "tenant", detail=outcome.detail)


def _asks_for_patience(outcome: Outcome) -> bool:
    return isinstance(outcome, Throttled) or (isinstance(outcome, Unknown) and bool(outcome.retry_after_s))
