"""Odd answers: doubted first, a tenant's trouble where several rooms meet them, a room's own where others work."""

import pytest

from adapters.calendar import Outcome, RoomAddress
from adapters.errors import Doubt, Misconfigured, Throttled, Transient, Unknown
from consumers.throttling.circuit_breaker import CircuitBreaker, RequestKind
from tests.unit.sync.replicas import BLOCKED, WORKED, Replicas

A, B, C = (RoomAddress(f"{name}@acme.example") for name in "abc")
NOT_THERE = Misconfigured("endpoint_wrong", detail="HTTP 404")


@pytest.fixture
def replicas() -> Replicas:
    return Replicas()


async def asked(breaker: CircuitBreaker, room: RoomAddress, *outcomes: Outcome) -> Outcome:
    """One request to this room, answered so; returns the first outcome as it counts."""
    errand = await breaker.enter(room)
    told = await breaker.report(errand, outcomes, room)
    breaker.leave(errand)
    return told[0]


@pytest.mark.parametrize(
    "code",
    ["endpoint_wrong", "access_blocked", "login_scheme_not_offered", "untrusted_certificate", "impersonation_denied"],
)
async def test_a_first_odd_answer_of_any_kind_costs_two_seconds_and_opens_nothing(
    replicas: Replicas, code: str
) -> None:
    breaker = replicas.one()
    told = await asked(breaker, A, Misconfigured(code))
    assert isinstance(told, Throttled)
    assert (told.retry_after_s, told.scope, await replicas.row()) == (2.0, "tenant", None)
    replicas.let_pass(2)
    await asked(breaker, A, *WORKED)
    assert await breaker.enter(B) is RequestKind.ORDINARY


async def test_a_room_that_is_odd_now_and_then_holds_up_nobody_while_others_work(replicas: Replicas) -> None:
    breaker = replicas.one()
    for _ in range(20):
        await asked(breaker, B, *WORKED)
        told = await asked(breaker, A, NOT_THERE)
        assert isinstance(told, Throttled)
        assert (told.scope, breaker.is_suspected) == ("room", False)
        await asked(breaker, A, *WORKED)


async def test_two_odd_answers_with_nothing_that_worked_between_are_doubted(replicas: Replicas) -> None:
    breaker = replicas.one()
    await asked(breaker, C, *WORKED)
    await asked(breaker, A, NOT_THERE)
    assert not breaker.is_suspected
    await asked(breaker, B, NOT_THERE)
    assert breaker.is_suspected


async def test_a_rejected_login_is_doubted_whoever_else_worked(replicas: Replicas) -> None:
    breaker = replicas.one()
    await asked(breaker, B, *WORKED)
    await asked(breaker, A, Misconfigured("credentials_rejected"))
    assert breaker.is_suspected


async def test_what_exchange_says_in_words_opens_it_at_once(replicas: Replicas) -> None:
    assert await asked(replicas.one(), A, BLOCKED) == BLOCKED
    assert await replicas.row() is not None


async def test_what_two_rooms_meet_stops_the_tenant(replicas: Replicas) -> None:
    breaker = replicas.one()
    await asked(breaker, A, NOT_THERE)
    replicas.let_pass(2)
    assert await asked(breaker, B, NOT_THERE) == NOT_THERE
    assert await asked(breaker, C, NOT_THERE) == NOT_THERE, "a room that was not asked yet may look once"
    for room in (A, B, C, RoomAddress("d@acme.example")):
        with pytest.raises(Misconfigured):
            await breaker.enter(room)


async def test_a_breaker_that_one_room_opened_lets_another_room_look_at_once(replicas: Replicas) -> None:
    breaker = replicas.one()
    await asked(breaker, A, NOT_THERE)
    replicas.let_pass(2)
    assert await asked(breaker, A, NOT_THERE) == NOT_THERE
    with pytest.raises(Misconfigured):
        await breaker.enter(A)
    assert await breaker.enter(B) is RequestKind.PROBE
    await breaker.report(RequestKind.PROBE, WORKED, B)
    assert await replicas.row() is None


async def test_another_worker_s_room_looks_at_once_too(replicas: Replicas) -> None:
    one, two = replicas.one(), replicas.one()
    await asked(one, A, NOT_THERE)
    replicas.let_pass(2)
    await asked(one, A, NOT_THERE)
    with pytest.raises(Misconfigured):
        await two.enter(A)
    assert await two.enter(B) is RequestKind.PROBE
    with pytest.raises(Misconfigured):
        await one.enter(C)


async def test_a_room_whose_answers_alone_are_odd_has_its_own_trouble(replicas: Replicas) -> None:
    breaker = replicas.one()
    await asked(breaker, A, NOT_THERE)
    replicas.let_pass(2)
    await asked(breaker, B, *WORKED)
    for _ in range(3):
        told = await asked(breaker, A, NOT_THERE)
        assert isinstance(told, Transient)
        assert (told.code, told.detail, told.scope) == ("endpoint_wrong", "HTTP 404", "room")
        assert await breaker.enter(B) is RequestKind.ORDINARY
    assert await replicas.row() is None


async def test_a_room_that_works_again_is_doubted_anew(replicas: Replicas) -> None:
    breaker = replicas.one()
    await asked(breaker, A, NOT_THERE)
    replicas.let_pass(2)
    await asked(breaker, B, *WORKED)
    await asked(breaker, A, *WORKED)
    assert isinstance(await asked(breaker, A, NOT_THERE), Throttled)


async def test_a_room_on_its_own_keeps_asking_once_a_minute(replicas: Replicas) -> None:
    breaker = replicas.one()
    await asked(breaker, A, NOT_THERE)
    replicas.let_pass(2)
    await asked(breaker, A, NOT_THERE)
    replicas.let_pass(60)
    assert await asked(breaker, A, NOT_THERE) == NOT_THERE
    assert await breaker.enter(B) is RequestKind.PROBE, "which the first room's probe did not use up"


async def test_rejected_credentials_are_never_a_room_s_own(replicas: Replicas) -> None:
    breaker = replicas.one()
    await asked(breaker, A, Misconfigured())
    replicas.let_pass(2)
    await asked(breaker, A, Misconfigured())
    for room in (A, B):
        with pytest.raises(Misconfigured):
            await breaker.enter(room)


@pytest.mark.parametrize("kind", [Transient, Unknown])
async def test_an_answer_that_says_nothing_is_doubted_at_the_second_time(
    replicas: Replicas, kind: type[Transient] | type[Unknown]
) -> None:
    breaker = replicas.one()
    odd = kind(detail="HTTP 421", doubt=Doubt(code="endpoint_wrong", at_once=False))
    assert await asked(breaker, A, odd) == odd
    assert not breaker.is_suspected
    assert await asked(breaker, A, odd) == odd
    assert breaker.is_suspected
    replicas.let_pass(2)
    assert await asked(breaker, A, odd) == odd
    row = await replicas.row()
    assert row is not None
    assert (row.code, row.detail) == ("endpoint_wrong", "HTTP 421")


async def test_an_answer_without_end_makes_the_tenant_doubtful_at_once(replicas: Replicas) -> None:
    breaker = replicas.one()
    await asked(breaker, A, Unknown(doubt=Doubt(code="endpoint_wrong")))
    assert breaker.is_suspected
