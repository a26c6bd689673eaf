"""A glance tells whose a command is; the rest of it is read, and found wanting, when its turn comes."""

import json
from typing import Any, cast

import pytest

from consumers.broker.delivery import RawDelivery, RoomKey
from consumers.broker.parsing import Reader
from consumers.messages.violations import BadMessage
from consumers.milestones import Milestone
from tests.builders import Tenants, a_body, a_tenant, look_headers
from tests.dispatcher_harness import DispatcherHarness
from tests.fake_broker import FakeMessage, FakeSession
from tests.room_harness import BOARD, VirtualTime


def a_reader() -> Reader:
    return Reader(Tenants(a_tenant()), VirtualTime().clocks())


def glance(body: bytes, **headers: object) -> tuple[RoomKey, RawDelivery]:
    session = FakeSession()
    message = FakeMessage(body, session, headers=headers, redelivered="x-delivery-count" in headers)
    return a_reader().glance(message, cast(Any, session))


def test_a_glance_tells_tenant_room_and_booking() -> None:
    (tenant, room), envelope = glance(a_body(room="Board@ACME.example", booking_id="B-7"))
    assert (tenant, room, envelope.booking_id) == ("acme", BOARD, "B-7")


def test_what_is_read_later_is_what_the_glance_told() -> None:
    _, envelope = glance(a_body(version=3), **{"x-roomsync-attempts": 2, "x-delivery-count": 1})
    delivery = a_reader().read(envelope)
    assert (delivery.command.version, delivery.notes.attempts, delivery.returned) == (3, 2, 1)
    assert (delivery.first_seen_at, delivery.received_s) == (envelope.first_seen_at, envelope.received_s)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(b"{}", "member_missing", id="no members"),
        pytest.param(b"[]", "not_an_object", id="a list"),
        pytest.param(b"{", "not_json", id="no JSON"),
        pytest.param(b"\xff\xfe", "not_utf8", id="no text"),
        pytest.param(b"[" * 100_000, "too_deep", id="nested without an end"),
        pytest.param(b" " * (256 * 1024 + 1), "too_large", id="too large"),
        pytest.param(json.dumps({"tenant": 1, "room": 2, "booking_id": 3}).encode(), "member_missing", id="numbers"),
    ],
)
def test_where_a_glance_tells_nothing_the_whole_check_says_why(body: bytes, code: str) -> None:
    with pytest.raises(BadMessage) as bad:
        glance(body)
    assert code in {complaint.code for complaint in bad.value.complaints}


def test_a_message_with_too_many_headers_is_none_to_carry_out() -> None:
    session = FakeSession()
    message = FakeMessage(a_body(), session, has_too_many_headers=True)
    with pytest.raises(BadMessage) as bad:
        a_reader().glance(message, cast(Any, session))
    assert bad.value.first.code == "too_many_headers"


@pytest.mark.parametrize(
    ("headers", "look"),
    [
        pytest.param(look_headers("booking", version=3), "booking", id="at this booking"),
        pytest.param(look_headers("room", version=3), "room", id="at its room"),
        pytest.param({"x-roomsync-look": "booking"}, None, id="names nothing"),
        pytest.param(look_headers("booking", version=2), None, id="names another version"),
        pytest.param(look_headers("booking", booking_id="B-2", version=3), None, id="names another booking"),
        pytest.param(look_headers("everything", version=3), None, id="at what there is not"),
    ],
)
def test_a_look_is_one_where_it_names_the_booking_and_its_version(headers: dict[str, object], look: str | None) -> None:
    _, envelope = glance(a_body(version=3), **headers)
    assert a_reader().read(envelope).look == look


def test_parsed_is_reached_when_it_is_read_and_not_before() -> None:
    told: list[Milestone] = []
    session = FakeSession()
    reader = Reader(Tenants(a_tenant()), VirtualTime().clocks(), lambda milestone, _key: told.append(milestone))
    _, envelope = reader.glance(FakeMessage(a_body(), session), cast(Any, session))
    assert told == []
    reader.read(envelope)
    assert told == [Milestone.PARSED]


async def test_a_command_that_is_none_is_parked_when_its_turn_comes_and_its_mates_are_carried_out() -> None:
    harness = DispatcherHarness()
    harness.put("B-1")
    wrong = FakeMessage(a_body(booking_id="B-2", version=0), harness.session, message_id="wrong")
    harness.lanes.put(*harness.reader.glance(wrong, cast(Any, harness.session)))
    harness.put("B-3")
    await harness.idle()
    ((parked, _),) = harness.session.all_of("failed")
    assert (parked.message_id, parked.headers["x-roomsync-error-code"]) == ("wrong", "version_out_of_range")
    assert harness.create_sizes() == [2]
    assert harness.session.kinds().count("ack") == 3


async def test_commands_of_a_tenant_that_nobody_knows_are_parked() -> None:
    harness = DispatcherHarness()
    harness.known = False
    stranger = FakeMessage(a_body(tenant="nobody", room=BOARD), harness.session)
    harness.lanes.put(*harness.reader.glance(stranger, cast(Any, harness.session)))
    await harness.until(lambda: harness.session.kinds().count("ack") == 1)
    ((parked, _),) = harness.session.all_of("failed")
    assert parked.headers["x-roomsync-error-code"] == "tenant_unknown"
