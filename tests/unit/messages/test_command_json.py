"""Whatever bytes arrive, they are a command or a clean complaint."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.messages.codes import MESSAGE_CODES
from consumers.messages.command import BookingCommand, parse_command
from consumers.messages.violations import BadMessage
from tests.builders import Tenants, a_body, a_command, a_tenant, an_event

TENANTS = Tenants(a_tenant())


def outcome_of(body: bytes) -> BookingCommand | BadMessage:
    try:
        outcome: BookingCommand | BadMessage = parse_command(body, TENANTS)
    except BadMessage as refused:
        outcome = refused
    if isinstance(outcome, BadMessage):
        assert outcome.complaints
        assert {complaint.code for complaint in outcome.complaints} <= MESSAGE_CODES.keys()
    return outcome


def codes_of(body: bytes) -> list[tuple[str, str | None]]:
    outcome = outcome_of(body)
    assert isinstance(outcome, BadMessage)
    return [(complaint.code, complaint.member) for complaint in outcome.complaints]


def a_body_with(text: str) -> bytes:
    """A valid body with more members, as text, at its beginning."""
    return b"{" + text.encode() + b", " + a_body()[1:]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(b"", "not_json", id="nothing"),
        pytest.param(b"\xff\xfe", "not_utf8", id="no UTF-8"),
        pytest.param(a_body().decode().encode("utf-16"), "not_utf8", id="UTF-16"),
        pytest.param(b"{'a': 1}", "not_json", id="single quotes"),
        pytest.param(a_body() + b"{}", "not_json", id="two objects"),
        pytest.param(b"[]", "not_an_object", id="an array"),
        pytest.param(b"null", "not_an_object", id="null"),
        pytest.param(b" " * (256 * 1024) + a_body(), "too_large", id="over 256 KiB"),
        pytest.param(b"[" * 100_000, "too_deep", id="deep arrays"),
        pytest.param(b'{"a":' * 40_000, "too_deep", id="deep objects"),
        pytest.param(a_body_with('"x": NaN'), "not_json", id="NaN"),
        pytest.param(a_body_with('"x": -Infinity'), "not_json", id="infinity"),
    ],
)
def test_a_body_that_is_no_json_object_is_refused_as_a_whole(body: bytes, code: str) -> None:
    assert codes_of(body) == [(code, None)]


def test_a_byte_order_mark_before_a_body_is_named() -> None:
    outcome = outcome_of(b"\xef\xbb\xbf" + a_body())
    assert isinstance(outcome, BadMessage)
    assert (outcome.first.code, "byte order mark" in outcome.first.message) == ("not_json", True)


def test_a_body_of_256_kib_is_read() -> None:
    body = a_body()
    assert isinstance(outcome_of(b" " * (256 * 1024 - len(body)) + body), BookingCommand)


def test_an_integer_of_ten_thousand_digits_is_out_of_range() -> None:
    huge = "9" * 10_000
    body = a_body(version=0).replace(b'"version": 0', f'"version": -{huge}, "other": {huge}'.encode())
    assert codes_of(body) == [("version_out_of_range", "/version")]


@pytest.mark.parametrize(
    ("text", "member"),
    [
        pytest.param('"version": 1', "/version", id="even with the same value"),
        pytest.param('"tenant": null', "/tenant", id="once as null"),
        pytest.param('"command": "create"', "/command", id="the command"),
        pytest.param('"issued_at": "x"', "/issued_at", id="a time"),
        pytest.param('"x": 1, "x": 2', None, id="an unknown member"),
        pytest.param('"x": [{"y": 1, "y": 2}]', None, id="deep in an unknown member"),
        pytest.param('"previous_room": 1, "previous_room": 2', None, id="an ignored member"),
    ],
)
def test_no_member_may_come_twice(text: str, member: str | None) -> None:
    assert codes_of(a_body_with(text)) == [("member_twice", member)]


def test_a_member_of_the_event_may_not_come_twice_either() -> None:
    body = a_body().replace(b'"subject":', b'"subject": "Other", "subject":')
    assert codes_of(body) == [("member_twice", "/event/subject")]


def test_a_member_that_came_twice_is_not_repeated() -> None:
    outcome = outcome_of(a_body_with('"booking_id": "B-7"'))
    assert isinstance(outcome, BadMessage)
    assert (outcome.known.booking_id, outcome.known.tenant) == (None, "acme")


def test_an_object_of_many_twins_is_refused_in_no_time() -> None:
    assert codes_of(a_body_with(", ".join(['"x": 1'] * 20_000))) == [("member_twice", None)]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_command_or_a_complaint(body: bytes) -> None:
    outcome_of(body)


@given(st.sampled_from(sorted(a_command(command="move"))), JSON)
def test_any_value_for_a_member_gives_a_command_or_a_complaint(name: str, value: object) -> None:
    outcome_of(json.dumps(a_command(command="move") | {name: value}).encode())


EVENT_MEMBERS = [*an_event(), "all_day", "body", "location", "categories", "organizer", "attendees", "show_as"]


@given(st.sampled_from(EVENT_MEMBERS), JSON)
def test_any_value_for_a_member_of_the_event_gives_a_command_or_a_complaint(name: str, value: object) -> None:
    outcome_of(json.dumps(a_command() | {"event": an_event() | {name: value}}).encode())


@given(st.binary(max_size=6), st.integers(0, 400))
def test_any_damage_to_a_valid_body_gives_a_command_or_a_complaint(damage: bytes, at: int) -> None:
    body = a_body()
    outcome_of(body[:at] + damage + body[at + len(damage) :])
