"""Batches, order and the per-room limit: the real settler and the real sync; broker and Exchange in memory."""

import asyncio
from datetime import timedelta
from typing import Any, cast

from adapters.calendar import RoomAddress
from adapters.errors import Throttled, Transient
from adapters.ledger import LedgerUnavailable
from consumers.scheduling.room_queue import FLOOD_S
from tests.builders import a_body
from tests.dispatcher_harness import DispatcherHarness
from tests.fake_broker import FakeMessage
from tests.room_harness import BOARD, a_gate
from tests.waiting import turns


async def test_what_arrives_together_is_one_request_and_the_lane_is_gone_afterwards() -> None:
    harness = DispatcherHarness()
    for number in range(5):
        harness.put(f"B-{number}")
    await harness.idle()
    assert harness.create_sizes() == [5]
    assert harness.session.kinds().count("ack") == 5


async def test_a_backlog_goes_in_batches() -> None:
    harness = DispatcherHarness()
    for number in range(50):
        harness.put(f"B-{number}")
    await harness.idle()
    assert harness.create_sizes() == [20, 20, 10]
    assert [call.kind for call in harness.calendar.requests].count("scan") == 1


async def test_a_room_never_sees_more_requests_at_once_than_its_limit() -> None:
    harness = DispatcherHarness(mailbox_concurrency=2)
    harness.gate = a_gate(harness.ledger, harness.time, mailbox_concurrency=2)
    for number in range(300):
        harness.put(f"B-{number}")
    harness.time.passed_s += FLOOD_S
    await harness.until(lambda: bool(harness.create_sizes()))
    harness.calendar.pause()
    await turns(50)
    assert harness.calendar.in_flight[BOARD] == 2
    harness.calendar.resume()
    await harness.idle()
    assert harness.calendar.peak_by_room[BOARD] == 2


async def test_a_booking_is_never_in_two_batches_at_once() -> None:
    harness = DispatcherHarness()
    harness.put("B-0", 1)
    await harness.idle()
    harness.calendar.pause()
    harness.put("B-0", 2)
    await asyncio.sleep(0)
    for version in range(3, 60):
        harness.put("B-0", version)
    harness.calendar.resume()
    await harness.idle()
    assert [event.mark.version for event in harness.calendar.events[BOARD] if event.mark] == [59]


async def test_a_booking_that_came_back_three_times_runs_alone() -> None:
    harness = DispatcherHarness()
    harness.put("B-0")
    harness.put("B-poison", returned=3)
    harness.put("B-1")
    await harness.idle()
    assert harness.create_sizes() == [1, 2]


async def test_a_throttled_room_does_not_hold_another() -> None:
    harness = DispatcherHarness()
    other = "lobby@acme.example"
    harness.calendar.fail_next(Throttled(30.0), room=RoomAddress(BOARD), kind="create")
    harness.put("B-0")
    harness.put("B-1", room=other)
    await harness.idle()
    assert len(harness.calendar.events[RoomAddress(other)]) == 1
    assert len(harness.calendar.events[BOARD]) == 1


async def test_what_waited_four_minutes_is_sent_away() -> None:
    harness = DispatcherHarness()
    harness.calendar.pause()
    harness.put("B-0")
    await turns(20)
    harness.put("B-1")
    harness.time.passed_s += 241
    await harness.lanes.send_away_old()
    ((message, _, _),) = harness.session.all_of("deferred")
    assert message.headers["x-roomsync-error-code"] == "room_behind"
    harness.calendar.resume()
    await harness.idle()


async def test_a_ledger_that_does_not_answer_holds_everything_and_loses_nothing() -> None:
    harness = DispatcherHarness()
    harness.ledger.troubles.extend([LedgerUnavailable("locked"), LedgerUnavailable("locked")])
    harness.put("B-0")
    await harness.idle()
    assert harness.session.kinds() == ["result", "ack"]
    assert harness.lanes.ledger.why is None


async def test_stopping_gives_back_what_waits_and_finishes_what_runs() -> None:
    harness = DispatcherHarness()
    harness.calendar.pause()
    harness.put("B-0")
    await turns(20)
    harness.put("B-1")
    stopping = asyncio.create_task(harness.lanes.stop(5.0))
    await asyncio.sleep(0)
    harness.calendar.resume()
    await stopping
    assert ("ack", "B-0.1") in harness.session.journal
    assert ("requeue", "B-1.1") in harness.session.journal


async def test_stopping_gives_back_what_does_not_finish_in_time() -> None:
    harness = DispatcherHarness()
    harness.calendar.pause()
    harness.put("B-0")
    await turns(20)
    await harness.lanes.stop(0.01)
    assert harness.session.kinds() == ["requeue"]


async def test_deliveries_of_a_lost_session_are_forgotten() -> None:
    harness = DispatcherHarness()
    harness.calendar.pause()
    harness.put("B-0")
    await turns(20)
    harness.put("B-1")
    harness.session.lost.set()
    harness.lanes.forget(cast("Any", harness.session))
    harness.calendar.resume()
    await harness.idle()
    assert [event.mark.booking_id for event in harness.calendar.events[BOARD] if event.mark] == ["B-0"]
    assert harness.session.kinds() == []


async def test_commands_of_a_tenant_that_was_taken_out_wait() -> None:
    harness = DispatcherHarness()
    harness.known = False
    harness.put("B-0")
    await turns(5)
    ((message, _, tier_s),) = harness.session.all_of("deferred")
    assert message.headers["x-roomsync-error-code"] == "tenant_misconfigured"
    assert (message.headers["x-roomsync-attempts"], tier_s) == (0, 60)


async def test_commands_of_a_tenant_that_cannot_be_used_are_told_once_and_never_given_up() -> None:
    harness = DispatcherHarness()
    harness.known = False
    long_ago = (harness.time.now() - timedelta(days=9)).isoformat()
    message = FakeMessage(a_body(), harness.session, headers={"x-roomsync-first-seen-at": long_ago})
    harness.lanes.put(*harness.reader.glance(message, cast("Any", harness.session)))
    await turns(5)
    assert harness.session.kinds() == ["result", "deferred", "ack"]
    (result,) = harness.session.all_of("result")
    assert (result.outcome, result.error.code, result.error.scope) == ("delayed", "tenant_misconfigured", "tenant")


async def test_a_command_sent_away_keeps_its_older_mates_with_it() -> None:
    harness = DispatcherHarness()
    harness.calendar.fail_next(Transient(), times=3, kind="create")
    harness.put("B-0", 1)
    harness.put("B-0", 2)
    await harness.idle()
    assert harness.session.kinds().count("deferred") == 2
