"""Who may send a request to a room: slots, pauses that Exchange named, and nobody who waits holds a slot."""

import asyncio

import pytest

from adapters.calendar import Outcome, RoomAddress
from adapters.errors import CalendarError, Misconfigured, Throttled
from consumers.throttling.tenant_limiter import TenantLimiter
from tests.fake_ledger import FakeLedger
from tests.room_harness import BOARD, VirtualTime, a_gate

LOBBY = RoomAddress("lobby@acme.example")


@pytest.fixture
def time() -> VirtualTime:
    return VirtualTime()


@pytest.fixture
def gate(time: VirtualTime) -> TenantLimiter:
    return a_gate(FakeLedger(clock=time.now), time, mailbox_concurrency=1)


async def ask(gate: TenantLimiter, room: RoomAddress, *outcomes: Outcome) -> list[Outcome]:
    async with gate.slot(room) as turn:
        return await turn.report(outcomes)


async def failing(error: CalendarError) -> str:
    raise error


async def test_a_throttled_room_is_left_alone_and_another_is_not(gate: TenantLimiter, time: VirtualTime) -> None:
    await ask(gate, BOARD, Throttled(30.0))
    with pytest.raises(Throttled) as paused:
        await ask(gate, BOARD)
    assert (paused.value.retry_after_s, paused.value.scope) == (30.0, "room")
    assert gate.paused_rooms() == {BOARD: 30.0}
    await ask(gate, LOBBY)
    time.passed_s += 30
    await ask(gate, BOARD)


async def test_a_throttle_of_the_account_holds_all_rooms_of_the_tenant(gate: TenantLimiter, time: VirtualTime) -> None:
    await ask(gate, BOARD, Throttled(30.0, whole_tenant=True))
    with pytest.raises(Throttled) as paused:
        await ask(gate, LOBBY)
    assert (paused.value.retry_after_s, paused.value.scope) == (30.0, "tenant")
    time.passed_s += 30
    await ask(gate, LOBBY)


async def test_a_read_tells_what_it_found(gate: TenantLimiter) -> None:
    async with gate.slot(BOARD) as turn:
        assert await turn.read(asyncio.sleep(0, "found")) == "found"


async def test_a_read_that_is_rejected_for_the_first_time_is_throttled(gate: TenantLimiter) -> None:
    async with gate.slot(BOARD) as turn:
        with pytest.raises(Throttled):
            await turn.read(failing(Misconfigured()))


async def test_a_read_that_fails_raises_its_error(gate: TenantLimiter) -> None:
    async with gate.slot(BOARD) as turn:
        with pytest.raises(Misconfigured) as stopped:
            await turn.read(failing(Misconfigured("ews_blocked")))
    assert stopped.value.code == "ews_blocked"


async def test_who_has_to_wait_holds_no_slot(gate: TenantLimiter, time: VirtualTime) -> None:
    await ask(gate, BOARD, Misconfigured("ews_blocked"))
    for _ in range(3):
        with pytest.raises(Misconfigured):
            await ask(gate, BOARD)
    time.passed_s += 60
    await asyncio.wait_for(ask(gate, BOARD), 1)


async def test_a_trial_that_is_cancelled_lets_the_next_one_through(gate: TenantLimiter, time: VirtualTime) -> None:
    await ask(gate, BOARD, Misconfigured())
    time.passed_s += 2

    async def hang() -> None:
        async with gate.slot(BOARD):
            await asyncio.Event().wait()

    trial = asyncio.create_task(hang())
    await asyncio.sleep(0)
    with pytest.raises(Throttled):
        await ask(gate, LOBBY)
    trial.cancel()
    await asyncio.gather(trial, return_exceptions=True)
    time.passed_s += 2
    await ask(gate, LOBBY)
