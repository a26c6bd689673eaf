"""When a tenant may be asked: the doubt after a first 401, probes shared by all replicas, and what closes a breaker."""

import asyncio
from dataclasses import dataclass, field

import pytest

from adapters.calendar import Done, Gone, ItemRef, Outcome, TenantName
from adapters.errors import Misconfigured, Refused, Throttled, Transient, Unknown
from adapters.ledger import BreakerRow, LedgerUnavailable
from consumers.bookings.breaker import Breaker, Errand, probe_wait_s
from tests.fake_ledger import FakeLedger
from tests.rooms import VirtualTime

ACME = TenantName("acme")
REJECTED, BLOCKED = Misconfigured(), Misconfigured("ews_blocked", detail="Blocked")
WORKED: list[Outcome] = [Done(ref=ItemRef(item_id="AAMk"))]


@dataclass
class Replicas:
    """Workers that share a ledger."""

    time: VirtualTime = field(default_factory=VirtualTime)

    def __post_init__(self) -> None:
        self.ledger = FakeLedger(clock=self.time.now)

    def one(self, fingerprint: str = "a1") -> Breaker:
        """One more worker."""
        return Breaker(
            tenant=ACME,
            ledger=self.ledger.beside(),
            clock=self.time.monotonic,
            fingerprint=lambda: fingerprint,
        )

    async def row(self) -> BreakerRow | None:
        return await self.ledger.breaker(ACME)

    def let_pass(self, seconds: float) -> None:
        self.time.passed_s += seconds


@pytest.fixture
def replicas() -> Replicas:
    return Replicas()


async def ask(breaker: Breaker, *outcomes: Outcome) -> list[Outcome]:
    """Send one request that is answered so."""
    errand = await breaker.enter()
    told = await breaker.report(errand, outcomes)
    breaker.leave(errand)
    return told


async def blocked(breaker: Breaker) -> None:
    await ask(breaker, BLOCKED)
    assert breaker.error is not None


async def rejected(replicas: Replicas, breaker: Breaker) -> None:
    await ask(breaker, REJECTED)
    replicas.let_pass(2)
    await ask(breaker, REJECTED)
    assert breaker.error is not None


async def test_a_tenant_that_works_is_asked_freely(replicas: Replicas) -> None:
    breaker = replicas.one()
    assert [await breaker.enter() for _ in range(3)] == [Errand.ORDINARY] * 3
    assert await replicas.row() is None


async def test_a_first_rejection_counts_as_a_throttle_and_opens_nothing(replicas: Replicas) -> None:
    breaker = replicas.one()
    [told] = await ask(breaker, REJECTED)
    assert isinstance(told, Throttled)
    assert (told.retry_after_s, told.scope) == (2.0, "tenant")
    assert await replicas.row() is None


async def test_a_tenant_in_doubt_waits_and_then_one_request_is_sent(replicas: Replicas) -> None:
    breaker = replicas.one()
    await ask(breaker, REJECTED)
    with pytest.raises(Throttled):
        await breaker.enter()
    replicas.let_pass(2)
    assert await breaker.enter() is Errand.TRIAL
    with pytest.raises(Throttled) as waits:
        await breaker.enter()
    assert waits.value.retry_after_s


async def test_a_trial_that_works_ends_the_doubt(replicas: Replicas) -> None:
    breaker = replicas.one()
    await ask(breaker, REJECTED)
    replicas.let_pass(2)
    await ask(breaker, *WORKED)
    assert await breaker.enter() is Errand.ORDINARY
    assert await replicas.row() is None


async def test_a_second_rejection_opens_the_breaker_and_says_why(replicas: Replicas) -> None:
    breaker = replicas.one()
    await ask(breaker, REJECTED)
    replicas.let_pass(2)
    assert await ask(breaker, Misconfigured(detail="HTTP 401"))
    with pytest.raises(Misconfigured) as stopped:
        await breaker.enter()
    assert (stopped.value.code, stopped.value.detail) == ("credentials_rejected", "HTTP 401")


@pytest.mark.parametrize("outcome", [Unknown(), Transient("unreachable"), Throttled(3.0)], ids=lambda one: one.code)
async def test_a_trial_that_tells_nothing_is_followed_by_another(replicas: Replicas, outcome: Outcome) -> None:
    breaker = replicas.one()
    await ask(breaker, REJECTED)
    replicas.let_pass(2)
    await ask(breaker, outcome)
    with pytest.raises(Throttled):
        await breaker.enter()
    replicas.let_pass(2)
    assert await breaker.enter() is Errand.TRIAL


async def test_what_was_under_way_when_the_doubt_began_neither_opens_nor_ends_it(replicas: Replicas) -> None:
    breaker = replicas.one()
    others = [await breaker.enter() for _ in range(2)]
    await ask(breaker, REJECTED)
    [told] = await breaker.report(others[0], [REJECTED])
    await breaker.report(others[1], WORKED)
    assert isinstance(told, Throttled)
    assert breaker.is_doubted
    assert await replicas.row() is None


async def test_anything_but_a_rejection_opens_it_at_once(replicas: Replicas) -> None:
    breaker = replicas.one()
    assert await ask(breaker, BLOCKED) == [BLOCKED]
    with pytest.raises(Misconfigured, match=r"\[Blocked\]"):
        await breaker.enter()


async def test_a_worker_that_starts_respects_an_open_breaker(replicas: Replicas) -> None:
    await blocked(replicas.one())
    with pytest.raises(Misconfigured) as stopped:
        await replicas.one().enter()
    assert stopped.value.code == "ews_blocked"


async def test_another_worker_s_breaker_is_respected_after_ten_seconds_or_a_first_rejection(
    replicas: Replicas,
) -> None:
    one, two, three = replicas.one(), replicas.one(), replicas.one()
    assert [await each.enter() for each in (two, three)] == [Errand.ORDINARY] * 2
    await rejected(replicas, one)
    assert isinstance((await two.report(Errand.ORDINARY, [REJECTED]))[0], Throttled)
    with pytest.raises(Misconfigured):
        await two.enter()
    replicas.let_pass(8)
    with pytest.raises(Misconfigured):
        await three.enter()


async def test_all_workers_together_send_one_probe_a_minute(replicas: Replicas) -> None:
    workers = [replicas.one() for _ in range(3)]
    await blocked(workers[0])
    probes = 0
    for _ in range(60):
        replicas.let_pass(10)
        for worker in workers:
            try:
                errand = await worker.enter()
            except Misconfigured:
                continue
            assert errand is Errand.PROBE
            probes += 1
            await worker.report(errand, [BLOCKED])
            worker.leave(errand)
    assert probes == 10


async def test_after_three_rejected_logins_there_is_one_probe_in_a_quarter_of_an_hour(replicas: Replicas) -> None:
    workers = [replicas.one() for _ in range(2)]
    await rejected(replicas, workers[0])
    since_s, probed_at_s = replicas.time.passed_s, []
    for _ in range(400):
        replicas.let_pass(5)
        for worker in workers:
            try:
                await ask(worker, REJECTED)
            except Misconfigured:
                continue
            probed_at_s.append(replicas.time.passed_s - since_s)
    assert probed_at_s == [60, 120, 1020, 1920]


@pytest.mark.parametrize(
    ("code", "probes", "wait_s"),
    [
        pytest.param("credentials_rejected", 2, 60, id="rejected twice"),
        pytest.param("credentials_rejected", 3, 900, id="rejected three times"),
        pytest.param("ews_blocked", 99, 60, id="nothing that locks an account"),
    ],
)
def test_only_rejected_logins_slow_the_probes_down(code: str, probes: int, wait_s: float) -> None:
    assert probe_wait_s(code, probes) == wait_s


@pytest.mark.parametrize(
    ("outcome", "closes"),
    [
        pytest.param(Done(), True, id="done"),
        pytest.param(Gone(), True, id="gone"),
        pytest.param(Refused("room_not_found"), True, id="refused for a room"),
        pytest.param(Throttled(5.0), False, id="throttled, perhaps by a front end"),
        pytest.param(Transient("unreachable"), False, id="unreachable"),
        pytest.param(Unknown(), False, id="unknown"),
        pytest.param(BLOCKED, False, id="still blocked"),
    ],
)
async def test_a_probe_closes_it_by_what_only_a_tenant_that_works_can_answer(
    replicas: Replicas, outcome: Outcome, closes: bool
) -> None:
    breaker = replicas.one()
    await blocked(breaker)
    replicas.let_pass(60)
    await ask(breaker, outcome)
    assert (await replicas.row() is None) == closes
    assert (breaker.error is None) == closes


async def test_a_straggler_s_success_does_not_close_it(replicas: Replicas) -> None:
    breaker = replicas.one()
    straggler = await breaker.enter()
    await blocked(breaker)
    await breaker.report(straggler, WORKED)
    assert await replicas.row() is not None


async def test_while_a_probe_is_on_its_way_the_others_wait_in_hand(replicas: Replicas) -> None:
    breaker = replicas.one()
    await blocked(breaker)
    replicas.let_pass(60)
    probe = await breaker.enter()
    with pytest.raises(Throttled):
        await breaker.enter()
    await breaker.report(probe, WORKED)
    breaker.leave(probe)
    assert await breaker.enter() is Errand.ORDINARY


async def test_of_those_who_find_a_probe_due_at_once_none_is_sent_away(replicas: Replicas) -> None:
    breaker = replicas.one()
    await blocked(breaker)
    replicas.let_pass(60)
    found = await asyncio.gather(*(breaker.enter() for _ in range(5)), return_exceptions=True)
    assert [type(one) for one in found].count(Throttled) == 4
    assert Errand.PROBE in found


async def test_closing_is_noticed_by_the_other_workers(replicas: Replicas) -> None:
    one, two = replicas.one(), replicas.one()
    await blocked(one)
    with pytest.raises(Misconfigured):
        await two.enter()
    replicas.let_pass(60)
    await ask(one, *WORKED)
    assert await two.enter() is Errand.ORDINARY


async def test_another_secret_is_tried_at_once_and_once_for_all_workers(replicas: Replicas) -> None:
    await rejected(replicas, replicas.one())
    renewed = [replicas.one("b2"), replicas.one("b2")]
    assert await ask(renewed[0], REJECTED) == [REJECTED]
    for worker in (*renewed, replicas.one("a1")):
        with pytest.raises(Misconfigured):
            await worker.enter()


async def test_a_secret_that_changes_under_a_running_worker_is_tried_at_once(replicas: Replicas) -> None:
    breaker = replicas.one()
    await rejected(replicas, breaker)
    breaker.fingerprint = lambda: "b2"
    await ask(breaker, *WORKED)
    assert await replicas.row() is None


async def test_a_hastened_probe_is_noticed_within_ten_seconds(replicas: Replicas) -> None:
    breaker = replicas.one()
    await rejected(replicas, breaker)
    assert await replicas.ledger.hasten_probe(ACME)
    replicas.let_pass(10)
    assert await breaker.enter() is Errand.PROBE


async def test_what_is_told_of_an_open_breaker_stays_true_while_it_is_probed_or_the_ledger_is_away(
    replicas: Replicas,
) -> None:
    breaker = replicas.one()
    await blocked(breaker)
    replicas.let_pass(60)
    probe = await breaker.enter()
    assert (breaker.open_for_s, breaker.wait_s) == (60, 60)
    breaker.leave(probe)
    assert isinstance(breaker.ledger, FakeLedger)
    breaker.ledger.troubles.append(LedgerUnavailable("locked"))
    replicas.let_pass(10)
    with pytest.raises(LedgerUnavailable):
        await breaker.enter()
    assert (breaker.open_for_s, breaker.wait_s) == (70, 60)


async def test_commands_stay_away_a_minute_and_later_five(replicas: Replicas) -> None:
    breaker = replicas.one()
    await blocked(breaker)
    replicas.let_pass(599)
    assert breaker.wait_s == 60
    replicas.let_pass(1)
    assert breaker.wait_s == 300


async def test_nothing_is_asked_while_nobody_knows_whether_it_is_open(replicas: Replicas) -> None:
    breaker = replicas.one()
    assert isinstance(breaker.ledger, FakeLedger)
    breaker.ledger.troubles.append(LedgerUnavailable("locked"))
    with pytest.raises(LedgerUnavailable):
        await breaker.enter()
    assert await breaker.enter() is Errand.ORDINARY


async def test_outcomes_are_told_even_if_the_ledger_cannot_take_the_breaker(replicas: Replicas) -> None:
    breaker = replicas.one()
    assert isinstance(breaker.ledger, FakeLedger)
    errand = await breaker.enter()
    breaker.ledger.troubles.append(LedgerUnavailable("locked"))
    assert await breaker.report(errand, [BLOCKED]) == [BLOCKED]
    assert await ask(breaker, BLOCKED) == [BLOCKED], "asked once more, and then it is open"
    with pytest.raises(Misconfigured):
        await breaker.enter()


async def test_a_breaker_that_a_newer_roomsync_opened_is_respected(replicas: Replicas) -> None:
    await replicas.ledger.open_breaker(ACME, code="moonphase", detail=None, fingerprint="a1", next_probe_in_s=60)
    with pytest.raises(Misconfigured, match="moonphase"):
        await replicas.one().enter()
