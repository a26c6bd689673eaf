"""What a gate learns from answers: what a throttle changes, for whom, and what brings it back."""

from contextlib import AsyncExitStack

import pytest

from adapters.calendar import Done, RoomAddress
from adapters.errors import Throttled, Transient, Unknown
from consumers.throttling.tenant_limiter import Request
from tests.room_harness import BOARD, VirtualTime
from tests.unit.sync.visitors import Visitors, a_limited_gate, ask, throttled

LOBBY = RoomAddress("lobby@acme.example")


@pytest.fixture
def time() -> VirtualTime:
    return VirtualTime()


async def test_after_a_throttle_one_request_alone_tells_whether_it_is_over(time: VirtualTime) -> None:
    gate = a_limited_gate(time)
    await throttled(gate, time, BOARD)
    visitors = Visitors(gate)
    await visitors.come(BOARD, 6)
    assert (len(visitors.inside), gate.room_limits()) == (1, {BOARD: 1})
    await visitors.go(BOARD)
    assert (gate.in_flight, gate.room_limits()) == (2, {BOARD: 2})
    await visitors.all_go()
    assert visitors.peak[BOARD] < 4


async def test_a_probe_that_tells_nothing_is_followed_by_another_one(time: VirtualTime) -> None:
    gate = a_limited_gate(time)
    await throttled(gate, time, BOARD)
    await ask(gate, BOARD, Transient("unreachable"))
    assert gate.room_limit(BOARD) == 1


async def test_a_room_returns_to_its_ceiling(time: VirtualTime) -> None:
    gate = a_limited_gate(time)
    await throttled(gate, time, BOARD, 3)
    for _ in range(1 + 2 + 3):
        await ask(gate, BOARD, Done())
    assert (gate.room_limits(), gate.room_limit(BOARD)) == ({}, 4)


async def test_a_pause_that_began_since_the_slot_was_given_holds_the_request_back(time: VirtualTime) -> None:
    gate = a_limited_gate(time)
    async with gate.slot(BOARD) as first, gate.slot(BOARD) as second:
        await first.report([Throttled(20.0)])
        with pytest.raises(Throttled):
            second.begin()


@pytest.mark.parametrize("told_s", [None, 0.0], ids=["no time", "0 ms"])
async def test_a_throttle_without_a_time_pauses_the_whole_room_for_our_own(
    time: VirtualTime, told_s: float | None
) -> None:
    gate = a_limited_gate(time)
    waits_s = []
    for _ in range(5):
        [outcome] = await ask(gate, BOARD, Throttled(told_s))
        assert isinstance(outcome, Throttled)
        waits_s.append(outcome.retry_after_s)
        with pytest.raises(Throttled):
            await ask(gate, BOARD)
        time.passed_s += gate.paused_for_s(BOARD)
    assert waits_s == pytest.approx([0.5, 1.0, 2.0, 4.0, 4.0])


async def test_an_unknown_outcome_that_names_a_time_pauses_the_room(time: VirtualTime) -> None:
    gate = a_limited_gate(time)
    await ask(gate, BOARD, Unknown(retry_after_s=7.0))
    assert gate.paused_rooms() == pytest.approx({BOARD: 7.0})


async def test_one_busy_item_among_others_pauses_the_room(time: VirtualTime) -> None:
    gate = a_limited_gate(time)
    await ask(gate, BOARD, Done(), Throttled(7.0), Done())
    assert gate.paused_rooms() == pytest.approx({BOARD: 7.0})


async def test_a_few_throttled_rooms_leave_the_tenants_limit_alone(time: VirtualTime) -> None:
    gate = a_limited_gate(time)
    for number in range(95):
        await ask(gate, RoomAddress(f"r{number}@acme.example"), Done())
    for number in range(5):
        await ask(gate, RoomAddress(f"s{number}@acme.example"), Throttled(20.0))
    assert (gate.limit, len(gate.room_limits())) == (32, 5)


async def test_when_most_rooms_are_throttled_the_tenant_is_asked_less(time: VirtualTime) -> None:
    gate = a_limited_gate(time)
    async with AsyncExitStack() as stack:
        turns: list[Request] = [
            await stack.enter_async_context(gate.slot(RoomAddress(f"r{n}@acme.example"))) for n in range(20)
        ]
        for turn in turns:
            await turn.report([Throttled(5.0)])
    assert gate.limit == 16


async def test_a_throttle_of_the_account_lets_one_request_of_the_tenant_try(time: VirtualTime) -> None:
    gate = a_limited_gate(time)
    await ask(gate, BOARD, Throttled(5.0, whole_tenant=True))
    time.passed_s += 5
    visitors = Visitors(gate)
    await visitors.come(BOARD, 2)
    await visitors.come(LOBBY, 2)
    assert (visitors.peak_total, gate.limit) == (1, 1)
    await visitors.go(BOARD)
    assert gate.limit == 16
    await visitors.all_go()


async def test_seconds_that_rooms_were_told_to_wait_add_up_once(time: VirtualTime) -> None:
    gate = a_limited_gate(time)
    async with gate.slot(BOARD) as first, gate.slot(BOARD) as second:
        await first.report([Throttled(20.0)])
        await second.report([Throttled(20.0)])
    await ask(gate, LOBBY, Throttled(10.0))
    assert gate.throttled_s == pytest.approx(30.0)


async def test_a_slow_answer_makes_the_next_batches_smaller_and_raises_no_limit(time: VirtualTime) -> None:
    gate = a_limited_gate(time)
    async with gate.slot(BOARD) as turn:
        time.passed_s += gate.slow_after_s + 1
        await turn.report([Done()] * 20)
    assert gate.batch_size(BOARD, 20) == 10
    await ask(gate, BOARD, Done())
    assert gate.batch_size(BOARD, 20) == 12


async def test_a_busy_answer_makes_the_next_batches_smaller(time: VirtualTime) -> None:
    gate = a_limited_gate(time)
    await ask(gate, BOARD, *[Throttled(1.0)] * 20)
    assert gate.batch_size(BOARD, 20) == 10


async def test_a_room_without_trouble_is_not_remembered_and_one_with_some_for_a_while(time: VirtualTime) -> None:
    gate = a_limited_gate(time)
    for number in range(100):
        await ask(gate, RoomAddress(f"r{number}@acme.example"), Done())
    await throttled(gate, time, BOARD)
    assert [room for room, _ in gate._rooms.items()] == [BOARD]
    time.passed_s += 3600
    await ask(gate, LOBBY, Done())
    assert gate._rooms.items() == []
