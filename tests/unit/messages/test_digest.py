"""Digests tell the same content from other content."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from adapters.calendar import EventBody
from consumers.messages.command import parse_command
from consumers.messages.digest import digest_of_written
from consumers.sync.render import render
from tests.builders import Tenants, a_body, a_booking_command, a_command, a_tenant, an_event


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"command": "update"}, id="the kind of command"),
        pytest.param({"command": "move"}, id="a move"),
        pytest.param({"command": "end"}, id="an end that is as before"),
        pytest.param({"version": 2}, id="the version itself"),
        pytest.param({"issued_at": "2026-11-21T08:59:58Z"}, id="the time of the change"),
        pytest.param({"event": an_event(location="", categories=[], show_as="busy")}, id="written-out defaults"),
        pytest.param({"event": an_event(start="2026-12-01T08:00:00.000Z")}, id="the same instant elsewhere"),
        pytest.param({"event": an_event(colour="red")}, id="unknown members"),
    ],
)
def test_the_digest_of_a_command_is_of_its_content_alone(changes: dict[str, object]) -> None:
    assert a_booking_command(**changes).digest == a_booking_command().digest


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": "Other"},
        {"end": "2026-12-01T10:00:01+01:00"},
        {"time_zone": "Europe/Paris"},
        {"body": {"content_type": "html"}},
        {"location": "Roof"},
        {"categories": ["a"]},
        {"organizer": {"email": "a@b"}},
        {"attendees": [{"email": "a@b"}]},
        {"sensitivity": "private"},
        {"show_as": "free"},
    ],
)
def test_every_member_of_the_event_counts(changes: dict[str, object]) -> None:
    assert a_booking_command(event=an_event(**changes)).digest != a_booking_command().digest


def test_the_order_of_categories_counts() -> None:
    digests = {a_booking_command(event=an_event(categories=names)).digest for names in (["a", "b"], ["b", "a"])}
    assert len(digests) == 2


def test_all_removals_have_the_same_content() -> None:
    cancel = parse_command(a_body(command="cancel"), Tenants(a_tenant()))
    assert (
        cancel.digest
        == parse_command(json.dumps(a_command(command="cancel", version=9)).encode(), Tenants(a_tenant())).digest
    )
    assert cancel.digest != a_booking_command().digest


def test_a_digest_stays_what_it_was_in_an_earlier_release() -> None:
    """A ledger keeps digests for months: another value would turn every repetition into a reused version."""
    assert a_booking_command().digest == "64739b11d0f9d46600915fcc8a1447d8a2c61d32ae01feb4115b8776cb34f8e0"


def test_another_subject_template_writes_other_content_and_leaves_the_command_alone() -> None:
    command = a_booking_command()
    assert command.event is not None
    plain, _ = render(command.event, "{subject}")
    marked, _ = render(command.event, "SpaceIQ: {subject}")
    assert digest_of_written(plain) == digest_of_written(render(command.event, "{subject}")[0])
    assert digest_of_written(plain) != digest_of_written(marked)


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": "Other"},
        {"starts_at": datetime(2026, 12, 1, 7, tzinfo=UTC)},
        {"ends_at": datetime(2026, 12, 1, 19, tzinfo=UTC)},
        {"time_zone": "UTC"},
        {"all_day": True},
        {"body": EventBody(content_type="html")},
        {"body": EventBody(content="x")},
        {"location": "Roof"},
        {"categories": ("a",)},
        {"sensitivity": "private"},
        {"show_as": "free"},
    ],
)
def test_every_member_that_is_written_counts(changes: dict[str, object]) -> None:
    command = a_booking_command()
    assert command.event is not None
    event, _ = render(command.event, "{subject}")
    other = replace(event, **changes)  # type: ignore[arg-type]  # any one member
    assert digest_of_written(other) != digest_of_written(event)
