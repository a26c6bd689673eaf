"""When a tenant may be asked: the doubt after a first 401, and whom an open breaker stops."""

import pytest

from adapters.calendar import Outcome
from adapters.errors import Misconfigured, Throttled, Transient, Unknown
from consumers.throttling.circuit_breaker import RequestKind
from tests.unit.sync.replicas import BLOCKED, REJECTED, WORKED, Replicas, ask, blocked, rejected


@pytest.fixture
def replicas() -> Replicas:
    return Replicas()


async def test_a_tenant_that_works_is_asked_freely(replicas: Replicas) -> None:
    breaker = replicas.one()
    assert [await breaker.enter() for _ in range(3)] == [RequestKind.ORDINARY] * 3
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
    assert await breaker.enter() is RequestKind.TRIAL
    with pytest.raises(Throttled) as waits:
        await breaker.enter()
    assert waits.value.retry_after_s


async def test_a_trial_that_works_ends_the_doubt(replicas: Replicas) -> None:
    breaker = replicas.one()
    await ask(breaker, REJECTED)
    replicas.let_pass(2)
    await ask(breaker, *WORKED)
    assert await breaker.enter() is RequestKind.ORDINARY
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
    assert await breaker.enter() is RequestKind.TRIAL


async def test_what_was_under_way_when_the_doubt_began_neither_opens_nor_ends_it(replicas: Replicas) -> None:
    breaker = replicas.one()
    others = [await breaker.enter() for _ in range(2)]
    await ask(breaker, REJECTED)
    [told] = await breaker.report(others[0], [REJECTED])
    await breaker.report(others[1], WORKED)
    assert isinstance(told, Throttled)
    assert breaker.is_suspected
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
    assert [await each.enter() for each in (two, three)] == [RequestKind.ORDINARY] * 2
    await rejected(replicas, one)
    assert isinstance((await two.report(RequestKind.ORDINARY, [REJECTED]))[0], Throttled)
    with pytest.raises(Misconfigured):
        await two.enter()
    replicas.let_pass(8)
    with pytest.raises(Misconfigured):
        await three.enter()
