"""Probes shared by all replicas, what closes a breaker, and what is told of an open one."""

import asyncio

import pytest

from adapters.calendar import Done, Gone, Outcome
from adapters.errors import Misconfigured, Refused, Throttled, Transient, Unknown
from adapters.ledger import LedgerUnavailable
from consumers.throttling.circuit_breaker import RequestKind, probe_wait_s
from tests.fake_ledger import FakeLedger
from tests.unit.sync.replicas import ACME, BLOCKED, REJECTED, WORKED, Replicas, ask, blocked, rejected


@pytest.fixture
def replicas() -> Replicas:
    return Replicas()


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
            assert errand is RequestKind.PROBE
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
    assert await breaker.enter() is RequestKind.ORDINARY


async def test_of_those_who_find_a_probe_due_at_once_none_is_sent_away(replicas: Replicas) -> None:
    breaker = replicas.one()
    await blocked(breaker)
    replicas.let_pass(60)
    found = await asyncio.gather(*(breaker.enter() for _ in range(5)), return_exceptions=True)
    assert [type(one) for one in found].count(Throttled) == 4
    assert RequestKind.PROBE in found


async def test_closing_is_noticed_by_the_other_workers(replicas: Replicas) -> None:
    one, two = replicas.one(), replicas.one()
    await blocked(one)
    with pytest.raises(Misconfigured):
        await two.enter()
    replicas.let_pass(60)
    await ask(one, *WORKED)
    assert await two.enter() is RequestKind.ORDINARY


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
    assert await breaker.enter() is RequestKind.PROBE


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
    assert await breaker.enter() is RequestKind.ORDINARY


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
