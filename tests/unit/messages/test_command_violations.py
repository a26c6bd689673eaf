"""What is wrong with a command, and what of it may still be repeated."""

import json
from collections import Counter
from datetime import UTC, datetime

import pytest

from consumers.messages.codes import MESSAGE_CODES
from consumers.messages.command import parse_command, removal_of
from consumers.messages.violations import BadMessage, KnownMembers, Violation
from consumers.tenants import Unusable
from tests.builders import Tenants, a_body, a_command, a_tenant, an_event

TENANTS = Tenants(a_tenant())


def complaints_about(**changes: object) -> list[tuple[str, str | None]]:
    return [(complaint.code, complaint.member) for complaint in refusal_of(**changes).complaints]


def refusal_of(**changes: object) -> BadMessage:
    with pytest.raises(BadMessage) as refused:
        parse_command(a_body(**changes), TENANTS)
    assert {complaint.code for complaint in refused.value.complaints} <= MESSAGE_CODES.keys()
    return refused.value


def test_a_null_in_a_required_place_is_a_missing_member() -> None:
    body = json.dumps(a_command() | {"version": None}).encode()
    with pytest.raises(BadMessage) as refused:
        parse_command(body, TENANTS)
    assert [(c.code, c.member) for c in refused.value.complaints] == [("member_missing", "/version")]


@pytest.mark.parametrize(
    ("changes", "code", "member"),
    [
        pytest.param({"schema_version": 2}, "schema_version_unsupported", "/schema_version", id="another version"),
        pytest.param({"schema_version": True}, "wrong_type", "/schema_version", id="true is not 1"),
        pytest.param({"schema_version": 1.0}, "wrong_type", "/schema_version", id="1.0 is no integer"),
        pytest.param({"command": "delete"}, "unknown_command", "/command", id="unknown command"),
        pytest.param({"command": ["create"]}, "unknown_command", "/command", id="a list is no command"),
        pytest.param({"command": None}, "member_missing", "/command", id="no command"),
        pytest.param({"tenant": "acme\n"}, "tenant_invalid", "/tenant", id="a line end after the tenant"),
        pytest.param({"tenant": "a.b"}, "tenant_invalid", "/tenant", id="a dot would split the routing key"),
        pytest.param({"tenant": "Acme"}, "tenant_unknown", "/tenant", id="tenants differ by case"),
        pytest.param({"booking_id": ""}, "booking_id_invalid", "/booking_id", id="empty booking"),
        pytest.param({"booking_id": "B 1"}, "booking_id_invalid", "/booking_id", id="a space in a booking"),
        pytest.param({"booking_id": "B" * 201}, "booking_id_invalid", "/booking_id", id="a long booking"),
        pytest.param({"booking_id": 7}, "wrong_type", "/booking_id", id="a number is no booking"),
        pytest.param({"version": 0}, "version_out_of_range", "/version", id="version zero"),
        pytest.param({"version": 2**53}, "version_out_of_range", "/version", id="more than a double holds"),
        pytest.param({"version": "3"}, "wrong_type", "/version", id="a string is no integer"),
        pytest.param({"version": 3.0}, "wrong_type", "/version", id="3.0 is no integer"),
        pytest.param({"version": True}, "wrong_type", "/version", id="true is no integer"),
        pytest.param({"room": "board"}, "room_invalid", "/room", id="no address"),
        pytest.param({"room": "bört@acme.example"}, "room_invalid", "/room", id="not ASCII"),
        pytest.param({"room": "a@acme.example\r\n"}, "room_invalid", "/room", id="line end after the room"),
        pytest.param({"room": "a" * 242 + "@acme.example"}, "room_invalid", "/room", id="a long room"),
        pytest.param({"room": "a@other.example"}, "room_not_in_domain", "/room", id="another domain"),
        pytest.param({"room": "a@sub.acme.example"}, "room_not_in_domain", "/room", id="a domain below"),
        pytest.param({"issued_at": "yesterday"}, "time_invalid", "/issued_at", id="issued at no time"),
        pytest.param({"event": None}, "event_missing", "/event", id="no event"),
        pytest.param({"event": []}, "wrong_type", "/event", id="a list is no event"),
        pytest.param({"command": "move", "previous_room": None}, "previous_room_missing", "/previous_room", id="move"),
        pytest.param(
            {"command": "move", "previous_room": "a@b.example"}, "room_not_in_domain", "/previous_room", id="from afar"
        ),
    ],
)
def test_a_wrong_member_is_named_with_a_code_of_its_own(changes: dict[str, object], code: str, member: str) -> None:
    assert complaints_about(**changes) == [(code, member)]


@pytest.mark.parametrize(
    ("changes", "code", "member"),
    [
        pytest.param({"subject": None}, "member_missing", "/event/subject", id="no subject"),
        pytest.param({"subject": 5}, "wrong_type", "/event/subject", id="a number is no subject"),
        pytest.param({"subject": "\ud800"}, "not_unicode", "/event/subject", id="half a surrogate pair"),
        pytest.param({"all_day": 1}, "wrong_type", "/event/all_day", id="1 is not true"),
        pytest.param({"time_zone": "CET+1"}, "time_zone_unknown", "/event/time_zone", id="no zone"),
        pytest.param(
            {"time_zone": "europe/brussels"}, "time_zone_unknown", "/event/time_zone", id="zone in lower case"
        ),
        pytest.param({"time_zone": "../../etc/passwd"}, "time_zone_unknown", "/event/time_zone", id="zone as a path"),
        pytest.param({"time_zone": "Romance Standard Time"}, "time_zone_unknown", "/event/time_zone", id="of Windows"),
        pytest.param({"body": {"content_type": "rtf"}}, "body_invalid", "/event/body/content_type", id="rtf"),
        pytest.param({"body": "hello"}, "wrong_type", "/event/body", id="a string is no body"),
        pytest.param({"categories": ["a", None]}, "wrong_type", "/event/categories/1", id="null in a list is no text"),
        pytest.param({"organizer": {"name": "Ada"}}, "member_missing", "/event/organizer/email", id="nameless address"),
        pytest.param({"organizer": {"email": "Ada"}}, "organizer_invalid", "/event/organizer/email", id="no address"),
        pytest.param({"attendees": [{"email": "@"}]}, "attendee_invalid", "/event/attendees/0/email", id="attendee"),
        pytest.param(
            {"attendees": [{"email": "a@b", "type": "resource"}]},
            "attendee_invalid",
            "/event/attendees/0/type",
            id="a resource attends",
        ),
        pytest.param({"sensitivity": "secret"}, "sensitivity_unknown", "/event/sensitivity", id="sensitivity"),
        pytest.param({"show_as": "away"}, "show_as_unknown", "/event/show_as", id="show as"),
        pytest.param({"recurrence": {"every": "day"}}, "recurrence_unsupported", "/event/recurrence", id="recurrence"),
        pytest.param({"recurrence": False}, "recurrence_unsupported", "/event/recurrence", id="no recurrence either"),
        pytest.param({"end": "2026-12-01T09:00:00+01:00"}, "end_before_start", "/event/end", id="an empty event"),
        pytest.param(
            {"end": "2026-12-01T09:30:00+02:00"}, "end_before_start", "/event/end", id="earlier by its offset"
        ),
        pytest.param({"end": "2026-12-01T10:00:00"}, "naive_time", "/event/end", id="a time without offset"),
    ],
)
def test_a_wrong_member_of_the_event_is_named_with_a_code_of_its_own(
    changes: dict[str, object], code: str, member: str
) -> None:
    assert complaints_about(event=an_event(**changes)) == [(code, member)]


def test_every_complaint_is_collected_at_once() -> None:
    found = complaints_about(
        version="3", room="a@other.example", booking_id=None, event=an_event(show_as="away", time_zone="Nowhere")
    )
    assert Counter(code for code, _ in found) == Counter(
        ["member_missing", "wrong_type", "time_zone_unknown", "show_as_unknown", "room_not_in_domain"]
    )


def test_of_a_list_only_the_first_wrong_element_is_complained_of() -> None:
    refused = refusal_of(event=an_event(categories=[1] * 5000, attendees=[0] * 5000))
    assert [complaint.member for complaint in refused.complaints] == ["/event/categories/0", "/event/attendees/0"]


@pytest.mark.parametrize(
    ("event", "code"),
    [
        pytest.param({"attendees": [{"email": "a@b"}] * 1001}, "too_many_attendees", id="attendees"),
        pytest.param({"categories": ["A"] * 201}, "too_many_categories", id="categories"),
    ],
)
def test_a_list_has_an_end(event: dict[str, object], code: str) -> None:
    (complaint,) = refusal_of(event=an_event(**event)).complaints
    assert (complaint.code, complaint.member) == (code, f"/event/{next(iter(event))}")


def test_only_what_passed_its_own_check_may_be_repeated() -> None:
    refused = refusal_of(tenant="acme", booking_id="B 1", version=7, room="x@other.example", event=None)
    assert refused.known == KnownMembers(
        tenant=a_tenant().name,
        version=7,
        command="create",
        issued_at=datetime(2026, 11, 20, 8, 59, 58, tzinfo=UTC),
    )


def test_a_tenant_that_is_not_configured_is_not_repeated() -> None:
    assert refusal_of(tenant="nobody").known.tenant is None


def test_no_complaint_quotes_the_value_it_is_about() -> None:
    secret = "Merger-with-Umbrella"
    refused = refusal_of(
        command=secret,
        tenant=secret + "!",
        booking_id=secret + " ",
        room=secret,
        issued_at=secret,
        event=an_event(time_zone=secret, show_as=secret),
    )
    event = refusal_of(event=an_event(start=secret, time_zone=secret, show_as=secret, organizer={"email": secret}))
    assert secret not in str(refused) + str(event)


def test_a_refused_move_entails_its_removal_too() -> None:
    body = removal_of(refusal_of(command="move", event=an_event(recurrence={})).known)
    assert body is not None
    assert parse_command(body, TENANTS).room == "lobby@acme.example"


@pytest.mark.parametrize("member", ["tenant", "booking_id", "version", "room", "previous_room", "issued_at"])
def test_a_refused_move_with_an_unknown_member_entails_no_removal(member: str) -> None:
    assert removal_of(refusal_of(command="move", **{member: None}).known) is None


def test_of_a_tenant_that_cannot_be_used_no_room_is_refused_since_its_domains_are_not_known() -> None:
    tenants = Tenants()
    tenants["late"] = Unusable(name="late")
    command = parse_command(a_body(tenant="late", command="move", room="a@b.example"), tenants)
    assert (command.tenant, command.room) == ("late", "a@b.example")


def test_the_first_complaint_is_the_one_a_result_names() -> None:
    refused = BadMessage((Violation.of("not_utf8"), Violation.of("not_json")))
    assert refused.first.code == "not_utf8"
