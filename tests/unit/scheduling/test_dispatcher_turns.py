"""A tenant's lanes take turns: few batches at once, and what arrives while a room waits for its turn comes along."""

import asyncio

from adapters.calendar import RoomAddress
from adapters.errors import Throttled
from consumers.broker.delivery import UNACKED_MAX_S
from consumers.scheduling.fair_scheduler import EACH_SLOT, FEW
from tests.hall import Hall
from tests.rooms import BOARD
from tests.waiting import turns

SLOTS = 2


def a_hall() -> Hall:
    hall = Hall()
    hall.gate.resize(mailbox_concurrency=4, tenant_concurrency=SLOTS)
    return hall


def a_full_hall() -> Hall:
    """Every place is taken, and Exchange does not answer."""
    hall = a_hall()
    hall.calendar.pause()
    for number in range(EACH_SLOT * SLOTS):
        hall.put("B-1", room=f"r{number}@acme.example")
    return hall


def in_work(hall: Hall) -> int:
    return sum(1 for _, running in hall.lanes.snapshot().values() if running)


async def test_no_more_batches_begin_than_two_for_each_request_at_once() -> None:
    hall = a_hall()
    hall.calendar.pause()
    for number in range(20):
        hall.put("B-1", room=f"r{number}@acme.example")
    await turns()
    assert in_work(hall) == EACH_SLOT * SLOTS
    hall.calendar.resume()
    await hall.idle()
    assert hall.session.kinds().count("ack") == 20


async def test_what_arrives_while_a_room_waits_for_its_turn_goes_with_it() -> None:
    hall = a_full_hall()
    for number in range(FEW.most):
        hall.put(f"B-{number}", room=BOARD)
        await turns()
    hall.calendar.resume()
    await hall.idle()
    assert [
        len(call.operations) for call in hall.calendar.requests if call.kind == "create" and call.room == BOARD
    ] == [FEW.most]


async def test_a_room_with_much_to_do_goes_behind_those_that_wait() -> None:
    hall = a_hall()
    hall.calendar.pause()
    for number in range(400):
        hall.put(f"B-{number}", room=BOARD)
    for number in range(EACH_SLOT * SLOTS + 2):
        hall.put("B-1", room=f"r{number}@acme.example")
    await turns()
    hall.calendar.resume()
    await hall.idle()
    rooms = [call.room for call in hall.calendar.requests if call.kind == "create"]
    last_of_others = max(place for place, room in enumerate(rooms) if room != BOARD)
    assert rooms[last_of_others:].count(BOARD) > rooms[:last_of_others].count(BOARD)


async def test_a_room_whose_session_is_lost_keeps_no_turn() -> None:
    hall = a_full_hall()
    hall.put("B-1", room=BOARD)
    await turns()
    hall.lose_session()
    hall.put("B-1", room=f"after{BOARD}")
    hall.put("B-1", room=BOARD)
    hall.calendar.resume()
    await hall.idle()
    rooms = [call.room for call in hall.calendar.requests if call.kind == "create"]
    assert rooms.index(RoomAddress(f"after{BOARD}")) < rooms.index(RoomAddress(BOARD))


async def test_a_room_whose_commands_were_sent_away_while_it_waited_is_gone() -> None:
    hall = a_full_hall()
    await turns()
    hall.put("B-1", room=BOARD)
    hall.time.passed_s += UNACKED_MAX_S + 1
    await hall.lanes.send_away_old()
    assert RoomAddress(BOARD) not in {room for _, room in hall.lanes.snapshot()}
    hall.calendar.resume()
    await hall.idle()


async def test_a_room_that_is_held_gives_its_place_to_others() -> None:
    hall = a_hall()
    held = [f"held{number}@acme.example" for number in range(EACH_SLOT * SLOTS)]
    for room in held:
        hall.calendar.fail_next(Throttled(20.0), room=RoomAddress(room), kind="create")
    hall.time.stop()
    for room in held:
        hall.put("B-1", room=room)
    await turns()
    hall.put("B-1", room=BOARD)
    await hall.until(lambda: hall.session.kinds().count("ack") == 1)
    assert in_work(hall) == len(held)
    hall.time.go()
    await hall.idle()


async def test_a_batch_that_is_held_goes_back_at_once_when_the_worker_stops() -> None:
    hall = a_hall()
    hall.calendar.fail_next(Throttled(20.0), room=RoomAddress(BOARD), kind="create")
    hall.time.stop()
    hall.put("B-1")
    await hall.until(lambda: bool(hall.calendar.requests))
    await turns()
    async with asyncio.timeout(10):
        await hall.lanes.stop(within_s=600)
    assert hall.session.kinds() == ["requeue"]
