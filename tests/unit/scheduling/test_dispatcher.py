"""Batches, order and the per-room limit: the real settler and the real sync; broker and Exchange in memory."""

import asyncio
from datetime import timedelta
from typing import Any, cast

from adapters.calendar import RoomAddress
from adapters.errors import Throttled, Transient
from adapters.ledger import LedgerUnavailable
from consumers.scheduling.room_queue import FLOOD_S
from tests.broker import FakeMessage
from tests.builders import a_body
from tests.hall import Hall
from tests.rooms import BOARD, a_gate
from tests.waiting import turns


async def test_what_arrives_together_is_one_request_and_the_lane_is_gone_afterwards() -> None:
    hall = Hall()
    for number in range(5):
        hall.put(f"B-{number}")
    await hall.idle()
    assert hall.create_sizes() == [5]
    assert hall.session.kinds().count("ack") == 5


async def test_a_backlog_goes_in_batches() -> None:
    hall = Hall()
    for number in range(50):
        hall.put(f"B-{number}")
    await hall.idle()
    assert hall.create_sizes() == [20, 20, 10]
    assert [call.kind for call in hall.calendar.requests].count("scan") == 1


async def test_a_room_never_sees_more_requests_at_once_than_its_limit() -> None:
    hall = Hall(mailbox_concurrency=2)
    hall.gate = a_gate(hall.ledger, hall.time, mailbox_concurrency=2)
    for number in range(300):
        hall.put(f"B-{number}")
    hall.time.passed_s += FLOOD_S
    await hall.until(lambda: bool(hall.create_sizes()))
    hall.calendar.pause()
    await turns(50)
    assert hall.calendar.in_flight[BOARD] == 2
    hall.calendar.resume()
    await hall.idle()
    assert hall.calendar.peak_by_room[BOARD] == 2


async def test_a_booking_is_never_in_two_batches_at_once() -> None:
    hall = Hall()
    hall.put("B-0", 1)
    await hall.idle()
    hall.calendar.pause()
    hall.put("B-0", 2)
    await asyncio.sleep(0)
    for version in range(3, 60):
        hall.put("B-0", version)
    hall.calendar.resume()
    await hall.idle()
    assert [event.mark.version for event in hall.calendar.events[BOARD] if event.mark] == [59]


async def test_a_booking_that_came_back_three_times_runs_alone() -> None:
    hall = Hall()
    hall.put("B-0")
    hall.put("B-poison", returned=3)
    hall.put("B-1")
    await hall.idle()
    assert hall.create_sizes() == [1, 2]


async def test_a_throttled_room_does_not_hold_another() -> None:
    hall = Hall()
    other = "lobby@acme.example"
    hall.calendar.fail_next(Throttled(30.0), room=RoomAddress(BOARD), kind="create")
    hall.put("B-0")
    hall.put("B-1", room=other)
    await hall.idle()
    assert len(hall.calendar.events[RoomAddress(other)]) == 1
    assert len(hall.calendar.events[BOARD]) == 1


async def test_what_waited_four_minutes_is_sent_away() -> None:
    hall = Hall()
    hall.calendar.pause()
    hall.put("B-0")
    await turns(20)
    hall.put("B-1")
    hall.time.passed_s += 241
    await hall.lanes.send_away_old()
    ((message, _, _),) = hall.session.all_of("deferred")
    assert message.headers["x-roomsync-error-code"] == "room_behind"
    hall.calendar.resume()
    await hall.idle()


async def test_a_ledger_that_does_not_answer_holds_everything_and_loses_nothing() -> None:
    hall = Hall()
    hall.ledger.troubles.extend([LedgerUnavailable("locked"), LedgerUnavailable("locked")])
    hall.put("B-0")
    await hall.idle()
    assert hall.session.kinds() == ["result", "ack"]
    assert hall.lanes.ledger.why is None


async def test_stopping_gives_back_what_waits_and_finishes_what_runs() -> None:
    hall = Hall()
    hall.calendar.pause()
    hall.put("B-0")
    await turns(20)
    hall.put("B-1")
    stopping = asyncio.create_task(hall.lanes.stop(5.0))
    await asyncio.sleep(0)
    hall.calendar.resume()
    await stopping
    assert ("ack", "B-0.1") in hall.session.journal
    assert ("requeue", "B-1.1") in hall.session.journal


async def test_stopping_gives_back_what_does_not_finish_in_time() -> None:
    hall = Hall()
    hall.calendar.pause()
    hall.put("B-0")
    await turns(20)
    await hall.lanes.stop(0.01)
    assert hall.session.kinds() == ["requeue"]


async def test_deliveries_of_a_lost_session_are_forgotten() -> None:
    hall = Hall()
    hall.calendar.pause()
    hall.put("B-0")
    await turns(20)
    hall.put("B-1")
    hall.session.lost.set()
    hall.lanes.forget(cast("Any", hall.session))
    hall.calendar.resume()
    await hall.idle()
    assert [event.mark.booking_id for event in hall.calendar.events[BOARD] if event.mark] == ["B-0"]
    assert hall.session.kinds() == []


async def test_commands_of_a_tenant_that_was_taken_out_wait() -> None:
    hall = Hall()
    hall.known = False
    hall.put("B-0")
    await turns(5)
    ((message, _, tier_s),) = hall.session.all_of("deferred")
    assert message.headers["x-roomsync-error-code"] == "tenant_misconfigured"
    assert (message.headers["x-roomsync-attempts"], tier_s) == (0, 60)


async def test_commands_of_a_tenant_that_cannot_be_used_are_told_once_and_never_given_up() -> None:
    hall = Hall()
    hall.known = False
    long_ago = (hall.time.now() - timedelta(days=9)).isoformat()
    message = FakeMessage(a_body(), hall.session, headers={"x-roomsync-first-seen-at": long_ago})
    hall.lanes.put(*hall.reader.glance(message, cast("Any", hall.session)))
    await turns(5)
    assert hall.session.kinds() == ["result", "deferred", "ack"]
    (result,) = hall.session.all_of("result")
    assert (result.outcome, result.error.code, result.error.scope) == ("delayed", "tenant_misconfigured", "tenant")


async def test_a_command_sent_away_keeps_its_older_mates_with_it() -> None:
    hall = Hall()
    hall.calendar.fail_next(Transient(), times=3, kind="create")
    hall.put("B-0", 1)
    hall.put("B-0", 2)
    await hall.idle()
    assert hall.session.kinds().count("deferred") == 2
