"""What is confirmed before what: the order that loses nothing."""

import json
from dataclasses import replace
from typing import Any, cast

import pytest

from adapters.errors import Throttled, Transient
from consumers.broker.delivery import ParsedDelivery
from consumers.broker.headers import RoomsyncHeaders
from consumers.messages.command import parse_command
from consumers.messages.disposition import Checked, Completed, DeadLettered, Deferred, Finished, Problem
from consumers.messages.violations import BadMessage
from consumers.policy import SyncPolicy
from consumers.settlement.settle import Settler
from tests.builders import Tenants, a_body, a_tenant, an_event, look_headers
from tests.fake_broker import FakeMessage, FakeObserver, FakeSession
from tests.room_harness import VirtualTime

SYNCED = Completed(outcome=Finished.SYNCED, item_id="AAMk1")
REFUSED = DeadLettered(problem=Problem.coded("version_reused", member="/version"))


class Counter:
    """A settler with a delivery in hand."""

    def __init__(self, *, headers: dict[str, Any] | None = None, **command: object) -> None:
        self.time = VirtualTime()
        self.session = FakeSession()
        self.observer = FakeObserver()
        self.settler = Settler(policy=SyncPolicy(), clocks=self.time.clocks(), observer=self.observer)
        self.message = FakeMessage(a_body(**command), self.session, headers=headers or {}, user_id="spaceiq")
        parsed = parse_command(self.message.body, Tenants(a_tenant()))
        notes = RoomsyncHeaders.read(self.message.headers)
        self.delivery = ParsedDelivery(
            message=cast(Any, self.message),
            session=cast(Any, self.session),
            command=parsed,
            backend="ews",
            notes=notes,
            first_seen_at=notes.first_seen_at or self.time.now(),
            received_s=self.time.monotonic(),
        )


async def test_a_result_is_confirmed_before_the_acknowledgement() -> None:
    counter = Counter()
    counter.time.passed_s += 0.187
    await counter.settler.settle([counter.delivery], SYNCED)
    assert counter.session.kinds() == ["result", "ack"]
    (result,) = counter.session.all_of("result")
    assert (result.outcome, result.item_id, result.took_ms, result.attempts) == ("synced", "AAMk1", 187, 1)
    assert result.routing_key == "acme.synced"


@pytest.mark.parametrize("verdict", [SYNCED, replace(SYNCED, outcome=Finished.SUPERSEDED), REFUSED])
async def test_a_move_leaves_its_previous_room_however_it_ended(verdict: Completed | DeadLettered) -> None:
    counter = Counter(command="move", previous_room="lobby@acme.example")
    await counter.settler.settle([counter.delivery], verdict)
    ((message, room),) = counter.session.all_of("command")
    assert room == "lobby@acme.example"
    assert json.loads(message.body)["command"] == "cancel"
    assert (message.message_id, message.headers["x-roomsync-derived"]) == ("m-1", True)
    assert counter.session.kinds().index("command") < counter.session.kinds().index("ack")


async def test_a_move_within_its_room_removes_nothing() -> None:
    counter = Counter(command="move", previous_room="Board@acme.example")
    await counter.settler.settle([counter.delivery], SYNCED)
    assert counter.session.kinds() == ["result", "ack"]


async def test_a_parked_message_keeps_its_bytes_and_says_why() -> None:
    counter = Counter()
    await counter.settler.settle([counter.delivery], REFUSED)
    assert counter.session.kinds() == ["failed", "result", "ack"]
    ((message, routing_key),) = counter.session.all_of("failed")
    assert (message.body, routing_key) == (counter.message.body, "board@acme.example")
    assert message.headers["x-roomsync-error-code"] == "version_reused"
    assert message.headers["x-roomsync-publisher"] == "spaceiq"
    assert message.headers["x-roomsync-booking-id"] == "B-1001"
    (result,) = counter.session.all_of("result")
    assert result.error.code == "version_reused"
    assert result.error.member == "/version"


async def test_the_time_in_which_its_tenant_could_do_nothing_does_not_make_a_command_give_up() -> None:
    counter = Counter()
    first_seen_at = counter.time.now()
    counter.time.passed_s += 26 * 3600
    headers = {"x-roomsync-first-seen-at": first_seen_at.isoformat(), "x-roomsync-delayed": True}
    waiting = Counter(headers=headers)
    waiting.time = counter.time
    waiting.settler = Settler(policy=SyncPolicy(), clocks=counter.time.clocks(), observer=waiting.observer)
    misconfigured = Deferred(wait_s=60, problem=Problem.coded("tenant_misconfigured"), counts_attempt=False)
    await waiting.settler.settle([waiting.delivery], misconfigured)
    ((sent_away, _, _),) = waiting.session.all_of("deferred")
    back = Counter(headers=dict(sent_away.headers))
    back.settler = waiting.settler
    counter.time.passed_s += 60
    await back.settler.settle([back.delivery], Deferred.after(Transient("unreachable"), wait_s=0))
    assert back.session.kinds() == ["deferred", "ack"]
    ((sent_away, _, _),) = back.session.all_of("deferred")
    last = Counter(headers=dict(sent_away.headers))
    last.settler = waiting.settler
    counter.time.passed_s += 25 * 3600
    await last.settler.settle([last.delivery], Deferred.after(Transient("unreachable"), wait_s=0))
    assert last.session.kinds() == ["failed", "result", "ack"]


async def test_a_transient_failure_comes_back_by_the_next_tier_with_one_more_attempt() -> None:
    counter = Counter(headers={"x-roomsync-attempts": 1, "x-death": [{"count": 1}]})
    await counter.settler.settle([counter.delivery], Deferred.after(Transient(), wait_s=0.0))
    assert counter.session.kinds() == ["deferred", "ack"]
    ((message, _, tier_s),) = counter.session.all_of("deferred")
    assert (tier_s, message.headers["x-roomsync-attempts"]) == (60, 2)
    assert "x-death" not in message.headers


async def test_throttling_counts_no_attempt() -> None:
    counter = Counter()
    await counter.settler.settle([counter.delivery], Deferred.after(Throttled(297.0), wait_s=297.0))
    ((message, _, tier_s),) = counter.session.all_of("deferred")
    assert (tier_s, message.headers["x-roomsync-attempts"]) == (60, 0)


async def test_a_command_that_cannot_be_done_within_five_minutes_is_told_delayed_once() -> None:
    counter = Counter(headers={"x-roomsync-attempts": 3})
    await counter.settler.settle([counter.delivery], Deferred.after(Transient(), wait_s=0.0))
    assert counter.session.kinds() == ["result", "deferred", "ack"]
    assert counter.session.all_of("result")[0].outcome == "delayed"
    ((message, _, _),) = counter.session.all_of("deferred")
    again = Counter(headers=dict(message.headers))
    await again.settler.settle([again.delivery], Deferred.after(Transient(), wait_s=0.0))
    assert again.session.kinds() == ["deferred", "ack"]


async def test_a_command_is_given_up_after_the_configured_time_since_it_was_first_seen() -> None:
    counter = Counter(headers={"x-roomsync-first-seen-at": "2026-11-19T08:59:00.000Z"})
    await counter.settler.settle([counter.delivery], Deferred.after(Transient(), wait_s=0.0))
    assert counter.session.kinds() == ["failed", "result", "ack"]
    assert counter.session.all_of("result")[0].error.code == "gave_up"


async def test_a_command_that_was_replayed_is_given_up_after_that_time_since_its_replay() -> None:
    headers = {"x-roomsync-first-seen-at": "2026-11-01T08:59:00Z", "x-roomsync-replayed-at": "2026-11-20T08:59:00Z"}
    counter = Counter(headers=headers)
    await counter.settler.settle([counter.delivery], Deferred.after(Transient(), wait_s=0.0))
    assert counter.session.kinds() == ["deferred", "ack"]
    ((message, _, _),) = counter.session.all_of("deferred")
    assert message.headers["x-roomsync-first-seen-at"] == "2026-11-01T08:59:00.000Z"


async def test_a_throttled_command_is_never_given_up() -> None:
    counter = Counter(headers={"x-roomsync-first-seen-at": "2026-11-01T08:59:00.000Z"})
    await counter.settler.settle([counter.delivery], Deferred.after(Throttled(61.0), wait_s=61.0))
    assert "deferred" in counter.session.kinds()


async def test_a_second_look_publishes_no_result() -> None:
    counter = Counter(headers=look_headers("booking"))
    await counter.settler.settle([counter.delivery], Checked())
    assert counter.session.kinds() == ["ack"]


async def test_what_the_broker_does_not_confirm_is_given_back() -> None:
    counter = Counter()
    counter.session.refuse.add("result")
    await counter.settler.settle([counter.delivery], SYNCED)
    assert counter.session.kinds() == ["requeue"]


async def test_nothing_is_given_back_on_a_lost_session() -> None:
    counter = Counter()
    counter.session.refuse.add("result")
    counter.session.lost.set()
    await counter.settler.settle([counter.delivery], SYNCED)
    assert counter.session.kinds() == []


async def test_a_defect_costs_its_batch_time_and_no_message() -> None:
    counter = Counter()

    async def defect() -> None:
        raise RuntimeError("a subject nobody may see")

    await counter.settler.work([counter.delivery], defect())
    ((message, _, tier_s),) = counter.session.all_of("deferred")
    assert (message.headers["x-roomsync-error-code"], tier_s) == ("internal_error", 15)


async def test_an_unreadable_message_is_parked_with_a_result_that_repeats_nothing_unchecked() -> None:
    counter = Counter()
    counter.message.body = b'{"tenant": "not a tenant!", "booking_id": "B-9"'
    with pytest.raises(BadMessage) as bad:
        parse_command(counter.message.body, Tenants(a_tenant()))
    await counter.settler.park_unreadable(cast(Any, counter.message), cast(Any, counter.session), bad.value)
    assert counter.session.kinds() == ["failed", "result", "ack"]
    ((message, _),) = counter.session.all_of("failed")
    assert message.body == counter.message.body
    assert message.headers["x-roomsync-error-code"] == "not_json"
    assert counter.session.all_of("result")[0].routing_key == "-.failed"


async def test_a_refused_move_leaves_its_previous_room_as_far_as_it_can_be_read() -> None:
    counter = Counter()
    counter.message.body = a_body(command="move", event=an_event(start="2026-12-01T09:00:00"))
    with pytest.raises(BadMessage) as bad:
        parse_command(counter.message.body, Tenants(a_tenant()))
    await counter.settler.park_unreadable(cast(Any, counter.message), cast(Any, counter.session), bad.value)
    assert counter.session.kinds() == ["failed", "command", "result", "ack"]


async def test_what_the_broker_parked_itself_gets_its_result_and_its_derived_removal() -> None:
    counter = Counter(command="move", previous_room="lobby@acme.example")
    await counter.settler.report_parked(counter.delivery)
    assert counter.session.kinds() == ["command", "result", "ack"]
    assert counter.session.all_of("result")[0].error.code == "parked_by_broker"
