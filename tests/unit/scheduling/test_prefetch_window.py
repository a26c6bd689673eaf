"""Rooms that stand still must not fill their partition's window: what else waits in the partition would be hidden."""

import asyncio

from adapters.calendar import RoomAddress
from adapters.errors import Throttled
from consumers.scheduling.prefetch_window import CROWDED, HEAVY_BYTES, KEPT, PREFETCH, STANDING_STILL_S
from tests.dispatcher_harness import DispatcherHarness
from tests.room_harness import BOARD
from tests.waiting import turns

LOBBY = RoomAddress("lobby@acme.example")


def relieve(harness: DispatcherHarness) -> None:
    harness.lanes.relief.relieve(harness.lanes.own_window)


async def standing_still(harness: DispatcherHarness, *rooms: str) -> None:
    """Each of the rooms has a batch under way that does not end."""
    harness.calendar.pause()
    for room in rooms:
        harness.put("B-first", room=room)
    await turns()
    harness.time.passed_s += STANDING_STILL_S + 1


async def test_a_room_that_stands_still_keeps_two_batches_of_a_crowded_window() -> None:
    harness = DispatcherHarness()
    await standing_still(harness, BOARD)
    for number in range(CROWDED):
        harness.put(f"B-{number}")
    relieve(harness)
    await turns()
    assert harness.session.kinds().count("deferred") == CROWDED - KEPT
    ((message, _, tier_s), *_) = harness.session.all_of("deferred")
    assert (message.headers["x-roomsync-error-code"], tier_s) == ("room_behind", 15)
    harness.calendar.resume()
    await harness.idle()
    assert harness.session.kinds().count("ack") == CROWDED + 1


async def test_while_the_window_has_room_nothing_is_sent_away() -> None:
    harness = DispatcherHarness()
    await standing_still(harness, BOARD)
    for number in range(CROWDED - 2):
        harness.put(f"B-{number}")
    relieve(harness)
    await turns()
    assert harness.session.kinds() == []
    harness.calendar.resume()
    await harness.idle()


async def test_several_rooms_that_stand_still_share_half_the_crowded_window() -> None:
    harness = DispatcherHarness()
    harness.time.stop()
    rooms = [f"r{number}@acme.example" for number in range(200)]
    for room in rooms:
        async with harness.gate.slot(RoomAddress(room)) as turn:
            await turn.report([Throttled(60.0)])
        harness.put("B-first", room=room)
    await turns()
    for number in range(CROWDED // len(rooms) + 5):
        for room in rooms:
            harness.put(f"B-{number}", room=room)
    relieve(harness)
    await turns()
    waiting = [waiting for waiting, _ in harness.lanes.snapshot().values()]
    assert max(waiting) == CROWDED // 2 // len(rooms)
    assert len(waiting) == len(rooms)
    harness.time.go()
    await harness.idle()


async def test_a_room_that_moves_keeps_what_it_has() -> None:
    harness = DispatcherHarness()
    await standing_still(harness, LOBBY)
    for number in range(10):
        harness.put(f"L-{number}", room=LOBBY)
    for number in range(CROWDED):
        harness.put(f"B-{number}")
    relieve(harness)
    await turns()
    assert harness.session.kinds().count("deferred") == 0
    harness.calendar.resume()
    await harness.idle()


async def test_a_room_that_was_told_to_wait_makes_room_at_once() -> None:
    harness = DispatcherHarness()
    harness.put("B-first")
    await harness.idle()
    async with harness.gate.slot(BOARD) as turn:
        await turn.report([Throttled(60.0)])
    harness.calendar.pause()
    for number in range(PREFETCH):
        harness.put(f"B-{number}")
    relieve(harness)
    await turns()
    assert harness.session.kinds().count("deferred") >= PREFETCH - KEPT - 40
    assert {tier_s for _, _, tier_s in harness.session.all_of("deferred")} == {60}
    harness.calendar.resume()
    await harness.idle()


async def test_a_full_window_is_relieved_without_another_delivery() -> None:
    harness = DispatcherHarness()
    await standing_still(harness, BOARD)
    for number in range(CROWDED):
        harness.put(f"B-{number}")
    async with asyncio.timeout(30):
        while not harness.session.all_of("deferred"):  # noqa: ASYNC110 - nothing reports it
            await asyncio.sleep(0.02)
    harness.calendar.resume()
    await harness.idle()


async def test_in_a_crowded_window_a_throttled_batch_goes_to_the_broker_instead_of_being_held() -> None:
    harness = DispatcherHarness()
    harness.calendar.fail_next(Throttled(30.0), room=RoomAddress(LOBBY), kind="create")
    await standing_still(harness, BOARD)
    for number in range(CROWDED):
        harness.put(f"B-{number}")
    harness.put("L-0", room=LOBBY)
    await turns()
    harness.calendar.resume()
    await harness.idle()
    ((message, _, tier_s),) = harness.session.all_of("deferred")
    assert (message.headers["x-roomsync-error-code"], tier_s) == ("throttled", 15)


async def test_what_is_over_is_no_longer_counted() -> None:
    harness = DispatcherHarness()
    for number in range(CROWDED):
        harness.put(f"B-{number}")
    await harness.idle()
    assert (harness.lanes.own_window.waiting_count, harness.lanes.own_window.running_count) == (0, 0)


async def test_rooms_that_only_wait_for_their_turn_keep_what_they_have() -> None:
    harness = DispatcherHarness()
    harness.gate.resize(mailbox_concurrency=4, tenant_concurrency=2)
    harness.calendar.pause()
    for number in range(CROWDED):
        harness.put(f"B-{number}", room=f"r{number % 300}@acme.example")
    await turns()
    harness.time.passed_s += STANDING_STILL_S - 1
    relieve(harness)
    await turns()
    assert harness.session.kinds() == []
    harness.calendar.resume()
    await harness.idle()


async def test_when_all_that_a_tenant_may_be_asked_goes_unanswered_its_rooms_make_room() -> None:
    harness = DispatcherHarness()
    harness.gate.resize(mailbox_concurrency=4, tenant_concurrency=2)
    rooms = [f"r{number}@acme.example" for number in range(300)]
    await standing_still(harness, *rooms[:2])
    for number in range(CROWDED + CROWDED // 2):
        harness.put(f"B-{number // len(rooms)}", room=rooms[number % len(rooms)])
    relieve(harness)
    await turns()
    assert harness.session.kinds().count("deferred") > 0
    harness.calendar.resume()
    await harness.idle()


async def test_a_window_that_takes_too_much_memory_is_relieved_of_what_waits_however_it_moves() -> None:
    harness = DispatcherHarness()
    harness.calendar.pause()
    harness.put("B-first")
    await turns()
    window = harness.lanes.own_window
    for number in range(100):
        harness.put(f"B-{number}")
    window.waiting_bytes += HEAVY_BYTES
    relieve(harness)
    await turns()
    sent_away = harness.session.all_of("deferred")
    assert len(sent_away) == 100 - KEPT
    assert {tier_s for _, _, tier_s in sent_away} == {60}
    window.waiting_bytes -= HEAVY_BYTES
    harness.calendar.resume()
    await harness.idle()
    assert window.waiting_bytes == 0


async def test_headers_weigh_as_much_as_bodies() -> None:
    harness = DispatcherHarness()
    await standing_still(harness, BOARD)
    window = harness.lanes.own_window
    before_bytes = window.waiting_bytes
    harness.put("B-1", headers={"site": "x" * 100_000})
    assert window.waiting_bytes > before_bytes + 100_000
    harness.calendar.resume()
    await harness.idle()
    assert window.waiting_bytes == 0
