"""Rooms that stand still must not fill their partition's window: what else waits in the partition would be hidden."""

import asyncio

from adapters.calendar import RoomAddress
from adapters.errors import Throttled
from consumers.scheduling.prefetch_window import CROWDED, HEAVY_BYTES, KEPT, PREFETCH, STANDING_STILL_S
from tests.hall import Hall
from tests.rooms import BOARD
from tests.waiting import turns

LOBBY = RoomAddress("lobby@acme.example")


def relieve(hall: Hall) -> None:
    hall.lanes.relief.relieve(hall.lanes.own_window)


async def standing_still(hall: Hall, *rooms: str) -> None:
    """Each of the rooms has a batch under way that does not end."""
    hall.calendar.pause()
    for room in rooms:
        hall.put("B-first", room=room)
    await turns()
    hall.time.passed_s += STANDING_STILL_S + 1


async def test_a_room_that_stands_still_keeps_two_batches_of_a_crowded_window() -> None:
    hall = Hall()
    await standing_still(hall, BOARD)
    for number in range(CROWDED):
        hall.put(f"B-{number}")
    relieve(hall)
    await turns()
    assert hall.session.kinds().count("deferred") == CROWDED - KEPT
    ((message, _, tier_s), *_) = hall.session.all_of("deferred")
    assert (message.headers["x-roomsync-error-code"], tier_s) == ("room_behind", 15)
    hall.calendar.resume()
    await hall.idle()
    assert hall.session.kinds().count("ack") == CROWDED + 1


async def test_while_the_window_has_room_nothing_is_sent_away() -> None:
    hall = Hall()
    await standing_still(hall, BOARD)
    for number in range(CROWDED - 2):
        hall.put(f"B-{number}")
    relieve(hall)
    await turns()
    assert hall.session.kinds() == []
    hall.calendar.resume()
    await hall.idle()


async def test_several_rooms_that_stand_still_share_half_the_crowded_window() -> None:
    hall = Hall()
    hall.time.stop()
    rooms = [f"r{number}@acme.example" for number in range(200)]
    for room in rooms:
        async with hall.gate.slot(RoomAddress(room)) as turn:
            await turn.report([Throttled(60.0)])
        hall.put("B-first", room=room)
    await turns()
    for number in range(CROWDED // len(rooms) + 5):
        for room in rooms:
            hall.put(f"B-{number}", room=room)
    relieve(hall)
    await turns()
    waiting = [waiting for waiting, _ in hall.lanes.snapshot().values()]
    assert max(waiting) == CROWDED // 2 // len(rooms)
    assert len(waiting) == len(rooms)
    hall.time.go()
    await hall.idle()


async def test_a_room_that_moves_keeps_what_it_has() -> None:
    hall = Hall()
    await standing_still(hall, LOBBY)
    for number in range(10):
        hall.put(f"L-{number}", room=LOBBY)
    for number in range(CROWDED):
        hall.put(f"B-{number}")
    relieve(hall)
    await turns()
    assert hall.session.kinds().count("deferred") == 0
    hall.calendar.resume()
    await hall.idle()


async def test_a_room_that_was_told_to_wait_makes_room_at_once() -> None:
    hall = Hall()
    hall.put("B-first")
    await hall.idle()
    async with hall.gate.slot(BOARD) as turn:
        await turn.report([Throttled(60.0)])
    hall.calendar.pause()
    for number in range(PREFETCH):
        hall.put(f"B-{number}")
    relieve(hall)
    await turns()
    assert hall.session.kinds().count("deferred") >= PREFETCH - KEPT - 40
    assert {tier_s for _, _, tier_s in hall.session.all_of("deferred")} == {60}
    hall.calendar.resume()
    await hall.idle()


async def test_a_full_window_is_relieved_without_another_delivery() -> None:
    hall = Hall()
    await standing_still(hall, BOARD)
    for number in range(CROWDED):
        hall.put(f"B-{number}")
    async with asyncio.timeout(30):
        while not hall.session.all_of("deferred"):  # noqa: ASYNC110 - nothing reports it
            await asyncio.sleep(0.02)
    hall.calendar.resume()
    await hall.idle()


async def test_in_a_crowded_window_a_throttled_batch_goes_to_the_broker_instead_of_being_held() -> None:
    hall = Hall()
    hall.calendar.fail_next(Throttled(30.0), room=RoomAddress(LOBBY), kind="create")
    await standing_still(hall, BOARD)
    for number in range(CROWDED):
        hall.put(f"B-{number}")
    hall.put("L-0", room=LOBBY)
    await turns()
    hall.calendar.resume()
    await hall.idle()
    ((message, _, tier_s),) = hall.session.all_of("deferred")
    assert (message.headers["x-roomsync-error-code"], tier_s) == ("throttled", 15)


async def test_what_is_over_is_no_longer_counted() -> None:
    hall = Hall()
    for number in range(CROWDED):
        hall.put(f"B-{number}")
    await hall.idle()
    assert (hall.lanes.own_window.waiting_count, hall.lanes.own_window.running_count) == (0, 0)


async def test_rooms_that_only_wait_for_their_turn_keep_what_they_have() -> None:
    hall = Hall()
    hall.gate.resize(mailbox_concurrency=4, tenant_concurrency=2)
    hall.calendar.pause()
    for number in range(CROWDED):
        hall.put(f"B-{number}", room=f"r{number % 300}@acme.example")
    await turns()
    hall.time.passed_s += STANDING_STILL_S - 1
    relieve(hall)
    await turns()
    assert hall.session.kinds() == []
    hall.calendar.resume()
    await hall.idle()


async def test_when_all_that_a_tenant_may_be_asked_goes_unanswered_its_rooms_make_room() -> None:
    hall = Hall()
    hall.gate.resize(mailbox_concurrency=4, tenant_concurrency=2)
    rooms = [f"r{number}@acme.example" for number in range(300)]
    await standing_still(hall, *rooms[:2])
    for number in range(CROWDED + CROWDED // 2):
        hall.put(f"B-{number // len(rooms)}", room=rooms[number % len(rooms)])
    relieve(hall)
    await turns()
    assert hall.session.kinds().count("deferred") > 0
    hall.calendar.resume()
    await hall.idle()


async def test_a_window_that_takes_too_much_memory_is_relieved_of_what_waits_however_it_moves() -> None:
    hall = Hall()
    hall.calendar.pause()
    hall.put("B-first")
    await turns()
    window = hall.lanes.own_window
    for number in range(100):
        hall.put(f"B-{number}")
    window.waiting_bytes += HEAVY_BYTES
    relieve(hall)
    await turns()
    sent_away = hall.session.all_of("deferred")
    assert len(sent_away) == 100 - KEPT
    assert {tier_s for _, _, tier_s in sent_away} == {60}
    window.waiting_bytes -= HEAVY_BYTES
    hall.calendar.resume()
    await hall.idle()
    assert window.waiting_bytes == 0


async def test_headers_weigh_as_much_as_bodies() -> None:
    hall = Hall()
    await standing_still(hall, BOARD)
    window = hall.lanes.own_window
    before_bytes = window.waiting_bytes
    hall.put("B-1", headers={"site": "x" * 100_000})
    assert window.waiting_bytes > before_bytes + 100_000
    hall.calendar.resume()
    await hall.idle()
    assert window.waiting_bytes == 0
