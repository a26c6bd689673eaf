"""Slots of a gate: ceilings, turns between rooms, and those who give up waiting."""

import asyncio
from collections import Counter

import pytest

from adapters.calendar import RoomAddress
from adapters.errors import Throttled
from consumers.throttling.circuit_breaker import CircuitBreaker
from consumers.throttling.tenant_limiter import TenantLimiter
from tests.fake_ledger import FakeLedger
from tests.room_harness import BOARD, VirtualTime
from tests.unit.sync.visitors import Visitors, a_limited_gate, settle

LOBBY = RoomAddress("lobby@acme.example")


@pytest.fixture
def time() -> VirtualTime:
    return VirtualTime()


async def test_neither_a_room_nor_the_tenant_gets_more_than_its_ceiling(time: VirtualTime) -> None:
    visitors = Visitors(a_limited_gate(time, mailbox=2, tenant=3))
    await visitors.come(BOARD, 10)
    await visitors.come(LOBBY, 10)
    assert (visitors.gate.in_flight, visitors.gate.limit, visitors.gate.ceiling) == (3, 3, 3)
    await visitors.all_go()
    assert len(visitors.inside) == 20
    assert (visitors.peak[BOARD], visitors.peak[LOBBY], visitors.peak_total) == (2, 2, 3)
    assert visitors.gate.in_flight == 0


async def test_rooms_take_turns_whoever_came_first(time: VirtualTime) -> None:
    visitors = Visitors(a_limited_gate(time, mailbox=4, tenant=1))
    await visitors.come(BOARD, 100)
    await visitors.come(LOBBY, 100)
    for _ in range(6):
        await visitors.go(visitors.inside[-1])
    assert Counter(visitors.inside[1:]) == {BOARD: 3, LOBBY: 3}
    await visitors.all_go()


async def test_ceilings_hold_while_they_change_under_way(time: VirtualTime) -> None:
    visitors = Visitors(a_limited_gate(time, mailbox=4, tenant=8))
    await visitors.come(BOARD, 8)
    visitors.gate.resize(mailbox_concurrency=2, tenant_concurrency=2)
    await visitors.go(BOARD)
    await visitors.go(BOARD)
    assert len(visitors.inside) == 4
    await visitors.go(BOARD)
    assert (len(visitors.inside), visitors.gate.in_flight) == (5, 2)
    visitors.gate.resize(mailbox_concurrency=5, tenant_concurrency=8)
    await settle()
    assert visitors.gate.in_flight == 5
    await visitors.all_go()


async def test_a_room_whose_ceiling_fell_while_it_was_in_line_gets_no_more(time: VirtualTime) -> None:
    visitors = Visitors(a_limited_gate(time, mailbox=4, tenant=3))
    await visitors.come(BOARD, 2)
    await visitors.come(LOBBY, 1)
    await visitors.come(BOARD, 1)
    visitors.gate.resize(mailbox_concurrency=1, tenant_concurrency=3)
    await visitors.go(LOBBY)
    assert (visitors.gate.in_flight, len(visitors.inside)) == (2, 3)
    await visitors.all_go()
    assert len(visitors.inside) == 4


async def test_who_waited_for_a_slot_is_told_when_the_room_is_paused(time: VirtualTime) -> None:
    visitors = Visitors(a_limited_gate(time, mailbox=1))
    await visitors.come(BOARD, 1, Throttled(20.0))
    await visitors.come(BOARD, 3)
    await visitors.go(BOARD)
    assert visitors.sent_home == [20.0] * 3
    assert (len(visitors.inside), visitors.gate.in_flight) == (1, 0)


async def test_who_gives_up_waiting_leaves_the_line(time: VirtualTime) -> None:
    gate = a_limited_gate(time, tenant=4, mailbox=1)
    visitors = Visitors(gate)
    await visitors.come(BOARD, 3)
    visitors.tasks[1].cancel()
    await settle()
    await visitors.go(BOARD)
    assert visitors.inside == [BOARD, BOARD]
    await visitors.all_go()
    assert gate.in_flight == 0


async def test_who_waits_too_long_for_a_slot_is_sent_away(time: VirtualTime) -> None:
    gate = a_limited_gate(time, mailbox=1)
    gate.slot_within_s = 0.05
    visitors = Visitors(gate)
    await visitors.come(BOARD, 2)
    await asyncio.wait_for(visitors.tasks[1], 30)
    pace = gate._rooms.get(BOARD)
    assert pace is not None
    assert (visitors.sent_home, len(pace.waiting)) == ([0.05], 0)
    await visitors.all_go()
    assert (len(visitors.inside), gate.in_flight) == (1, 0)


async def test_who_is_cancelled_in_the_moment_of_his_turn_hands_it_on(time: VirtualTime) -> None:
    gate = a_limited_gate(time, mailbox=1)
    visitors = Visitors(gate)
    await visitors.come(BOARD, 3)
    visitors._leave[BOARD].pop(0).set()
    pace = gate._rooms.get(BOARD)
    assert pace is not None
    for _ in range(100):
        if len(pace.waiting) == 1:
            break
        await asyncio.sleep(0)
    visitors.tasks[1].cancel()
    await settle()
    assert visitors.inside == [BOARD, BOARD]
    await visitors.all_go()
    assert gate.in_flight == 0


def test_a_gate_takes_its_limits_from_the_tenant(time: VirtualTime) -> None:
    breaker = CircuitBreaker(tenant="acme", ledger=FakeLedger(clock=time.now), clock=time.monotonic, fingerprint=str)  # type: ignore[arg-type]  # any word will do
    gate = TenantLimiter(mailbox_concurrency=3, tenant_concurrency=7, clock=time.monotonic, breaker=breaker)
    assert (gate.room_limit(BOARD), gate.limit, gate.ceiling) == (3, 7, 7)
