"""Whatever Exchange answers and whoever gives up: limits stay between one and their ceilings, and come back."""

import asyncio
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.calendar import Done, Outcome, RoomAddress
from adapters.errors import Refused, Throttled, Transient, Unknown
from consumers.throttling.limits import AdaptiveLimit
from consumers.throttling.tenant_limiter import TenantLimiter
from tests.fake_ledger import FakeLedger
from tests.room_harness import VirtualTime, a_gate

ROOMS = [RoomAddress(f"r{number}@acme.example") for number in range(5)]
ceilings = st.integers(1, 16)
answers = st.sampled_from(
    [
        Done(),
        Done(),
        Done(),
        Throttled(0.0),
        Throttled(3.0),
        Throttled(2.0, whole_tenant=True),
        Unknown(retry_after_s=2.0),
        Transient("unreachable"),
        Refused("event_refused"),
    ]
)


@given(ceiling=ceilings, moves=st.lists(st.tuples(st.sampled_from(["throttle", "succeed", "resize"]), ceilings)))
def test_a_limit_stays_between_one_and_its_ceiling_and_returns_to_it(
    ceiling: int, moves: list[tuple[str, int]]
) -> None:
    limit = AdaptiveLimit(ceiling)
    for move, number in moves:
        if move == "throttle":
            limit.throttled(limit.epoch - number % 2)
        elif move == "succeed":
            limit.succeeded(limit.epoch - number % 2)
        else:
            limit.resize(number)
        assert 1 <= limit.value <= limit.ceiling
    for _ in range(limit.ceiling**2):
        limit.succeeded(limit.epoch)
    assert limit.is_whole


class Exchange:
    """Holds what it is asked until it is told an answer; remembers who was there at once, and who came too early."""

    def __init__(self, time: VirtualTime, gate: TenantLimiter) -> None:
        self.time = time
        self.gate = gate
        self.waiting: list[tuple[RoomAddress, asyncio.Future[Outcome]]] = []
        self.told_until_s: Counter[RoomAddress] = Counter()
        self.early = 0
        self.beyond: list[str] = []
        self.times: list[float | None] = []
        self.tasks: list[asyncio.Task[None]] = []

    def happens(self, step: str, number: int, outcome: Outcome | None) -> None:
        if step == "come":
            self.tasks.append(asyncio.create_task(self.visit(ROOMS[number % len(ROOMS)])))
        elif step == "answer" and outcome is not None:
            self.answer(number, outcome)
        elif step == "cancel" and self.tasks:
            self.tasks[number % len(self.tasks)].cancel()
        elif step == "wait":
            self.time.passed_s += number
        elif step == "resize":
            self.gate.resize(mailbox_concurrency=number, tenant_concurrency=2 * number)

    async def visit(self, room: RoomAddress) -> None:
        try:
            async with self.gate.slot(room) as turn:
                turn.begin()
                answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
                self._note(room)
                self.waiting.append((room, answer))
                try:
                    outcome = await answer
                    # From here on, and not while the answer was on its way, anybody can know of it.
                    self._told(room, outcome)
                    await turn.report([outcome])
                finally:
                    self.waiting = [each for each in self.waiting if each[1] is not answer]
        except Throttled as paused:
            self.times.append(paused.retry_after_s)

    def _note(self, room: RoomAddress) -> None:
        self.early += self.time.monotonic() < self.told_until_s[room]
        there = Counter(each for each, _ in self.waiting)
        if there[room] + 1 > self.gate.mailbox_concurrency or there.total() + 1 > self.gate.tenant_concurrency:
            self.beyond.append(room)

    def answer(self, which: int, outcome: Outcome) -> None:
        if self.waiting:
            _, answer = self.waiting[which % len(self.waiting)]
            if not answer.done():
                answer.set_result(outcome)

    def _told(self, room: RoomAddress, outcome: Outcome) -> None:
        told_s = getattr(outcome, "retry_after_s", None) or 0.0
        whole_tenant = isinstance(outcome, Throttled) and outcome.scope == "tenant"
        for each in ROOMS if whole_tenant else [room]:
            self.told_until_s[each] = max(self.told_until_s[each], self.time.monotonic() + told_s)  # type: ignore[assignment]  # seconds


steps = st.one_of(
    st.tuples(st.just("come"), st.integers(0, 99), st.none()),
    st.tuples(st.just("answer"), st.integers(0, 99), answers),
    st.tuples(st.just("cancel"), st.integers(0, 99), st.none()),
    st.tuples(st.just("wait"), st.integers(1, 5), st.none()),
    st.tuples(st.just("resize"), st.integers(1, 8), st.none()),
)


@settings(deadline=None)
@given(mailbox=st.integers(1, 4), tenant=st.integers(1, 8), story=st.lists(steps, max_size=80))
def test_no_story_breaks_a_ceiling_asks_too_early_or_loses_a_slot(
    mailbox: int, tenant: int, story: list[tuple[str, int, Outcome | None]]
) -> None:
    asyncio.run(play(mailbox, tenant, story))


async def play(mailbox: int, tenant: int, story: list[tuple[str, int, Outcome | None]]) -> None:
    time = VirtualTime()
    gate = a_gate(FakeLedger(clock=time.now), time)
    gate.resize(mailbox_concurrency=mailbox, tenant_concurrency=tenant)
    exchange = Exchange(time, gate)
    for step, number, outcome in story:
        exchange.happens(step, number, outcome)
        # Not always to rest: much goes wrong only when two things happen in the same turn of the loop.
        for _ in range(number % 12):
            await asyncio.sleep(0)
    while any(not task.done() for task in exchange.tasks):
        for _ in range(12):
            await asyncio.sleep(0)
        exchange.answer(0, Done())
    await asyncio.gather(*exchange.tasks, return_exceptions=True)
    assert not [task.exception() for task in exchange.tasks if not task.cancelled() and task.exception() is not None]
    assert (exchange.early, exchange.beyond, gate.in_flight) == (0, [], 0)
    assert None not in exchange.times
    assert 1 <= gate.limit <= gate.ceiling
