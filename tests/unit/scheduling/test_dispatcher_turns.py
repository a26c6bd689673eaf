"""A tenant's lanes take turns: few batches at once, and what arrives while a room waits for its turn comes along."""

import asyncio

from adapters.calendar import RoomAddress
from adapters.errors import Throttled
from consumers.broker.delivery import UNACKED_MAX_S
from consumers.scheduling.fair_scheduler import EACH_SLOT, FEW
from tests.dispatcher_harness import DispatcherHarness
from tests.room_harness import BOARD
from tests.waiting import turns

SLOTS = 2


def a_hall() -> DispatcherHarness:
    harness = DispatcherHarness()
    harness.gate.resize(mailbox_concurrency=4, tenant_concurrency=SLOTS)
    return harness


def a_full_hall() -> DispatcherHarness:
    """Every place is taken, and Exchange does not answer."""
    harness = a_hall()
    harness.calendar.pause()
    for number in range(EACH_SLOT * SLOTS):
        harness.put("B-1", room=f"r{number}@acme.example")
    return harness


def in_work(harness: DispatcherHarness) -> int:
    return sum(1 for _, running in harness.lanes.snapshot().values() if running)


async def test_no_more_batches_begin_than_two_for_each_request_at_once() -> None:
    harness = a_hall()
    harness.calendar.pause()
    for number in range(20):
        harness.put("B-1", room=f"r{number}@acme.example")
    await turns()
    assert in_work(harness) == EACH_SLOT * SLOTS
    harness.calendar.resume()
    await harness.idle()
    assert harness.session.kinds().count("ack") == 20


async def test_what_arrives_while_a_room_waits_for_its_turn_goes_with_it() -> None:
    harness = a_full_hall()
    for number in range(FEW.most):
        harness.put(f"B-{number}", room=BOARD)
        await turns()
    harness.calendar.resume()
    await harness.idle()
    assert [
        len(call.operations) for call in harness.calendar.requests if call.kind == "create" and call.room == BOARD
    ] == [FEW.most]


async def test_a_room_with_much_to_do_goes_behind_those_that_wait() -> None:
    harness = a_hall()
    harness.calendar.pause()
    for number in range(400):
        harness.put(f"B-{number}", room=BOARD)
    for number in range(EACH_SLOT * SLOTS + 2):
        harness.put("B-1", room=f"r{number}@acme.example")
    await turns()
    harness.calendar.resume()
    await harness.idle()
    rooms = [call.room for call in harness.calendar.requests if call.kind == "create"]
    last_of_others = max(place for place, room in enumerate(rooms) if room != BOARD)
    assert rooms[last_of_others:].count(BOARD) > rooms[:last_of_others].count(BOARD)


async def test_a_room_whose_session_is_lost_keeps_no_turn() -> None:
    harness = a_full_hall()
    harness.put("B-1", room=BOARD)
    await turns()
    harness.lose_session()
    harness.put("B-1", room=f"after{BOARD}")
    harness.put("B-1", room=BOARD)
    harness.calendar.resume()
    await harness.idle()
    rooms = [call.room for call in harness.calendar.requests if call.kind == "create"]
    assert rooms.index(RoomAddress(f"after{BOARD}")) < rooms.index(RoomAddress(BOARD))


async def test_a_room_whose_commands_were_sent_away_while_it_waited_is_gone() -> None:
    harness = a_full_hall()
    await turns()
    harness.put("B-1", room=BOARD)
    harness.time.passed_s += UNACKED_MAX_S + 1
    await harness.lanes.send_away_old()
    assert RoomAddress(BOARD) not in {room for _, room in harness.lanes.snapshot()}
    harness.calendar.resume()
    await harness.idle()


async def test_a_room_that_is_held_gives_its_place_to_others() -> None:
    harness = a_hall()
    held = [f"held{number}@acme.example" for number in range(EACH_SLOT * SLOTS)]
    for room in held:
        harness.calendar.fail_next(Throttled(20.0), room=RoomAddress(room), kind="create")
    harness.time.stop()
    for room in held:
        harness.put("B-1", room=room)
    await turns()
    harness.put("B-1", room=BOARD)
    await harness.until(lambda: harness.session.kinds().count("ack") == 1)
    assert in_work(harness) == len(held)
    harness.time.go()
    await harness.idle()


async def test_a_batch_that_is_held_goes_back_at_once_when_the_worker_stops() -> None:
    harness = a_hall()
    harness.calendar.fail_next(Throttled(20.0), room=RoomAddress(BOARD), kind="create")
    harness.time.stop()
    harness.put("B-1")
    await harness.until(lambda: bool(harness.calendar.requests))
    await turns()
    async with asyncio.timeout(10):
        await harness.lanes.stop(within_s=600)
    assert harness.session.kinds() == ["requeue"]
