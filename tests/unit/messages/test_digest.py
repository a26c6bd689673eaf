"""Digests tell the same content from other content."""

import json
from dataclasses import MISSING, dataclass, field, fields, replace
from datetime import UTC, datetime

import pytest

from adapters.calendar import EventBody, RoomEvent
from consumers.messages.command import parse_command
from consumers.sync.render import FIRST_MEMBERS, digest_of_written, render
from tests.builders import Tenants, a_body, a_booking_command, a_command, a_tenant, an_event
from tests.contract.calendar_harness import ALL_DAY, EVERY_MEMBER, a_room_event


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


WRITTEN_EARLIER = [
    pytest.param(a_room_event(), "d6f3572380ef61b6615169617595bd9a41223412d01ce748b1517339e724f793", id="few members"),
    pytest.param(EVERY_MEMBER, "0a557d2a84091406ae5d7033b53c631d7125b1fc8c3182a18eaa9e777ed3b6f3", id="every member"),
    pytest.param(ALL_DAY, "b2681daa2496f8f119aa9f9d89cc3f2287093bdf36757e0242f176b1f055884b", id="whole days"),
]
"""As they lie in the ledgers of the first release."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaterRoomEvent(RoomEvent):
    """An event that gained two members."""

    recurrence: str | None = None
    reminders: tuple[str, ...] = field(default_factory=tuple)


def as_later(event: RoomEvent, **members: object) -> LaterRoomEvent:
    content = {each.name: getattr(event, each.name) for each in fields(event)}
    return LaterRoomEvent(**content, **members)  # type: ignore[arg-type]  # any members


@pytest.mark.parametrize(("event", "digest"), WRITTEN_EARLIER)
def test_what_was_written_keeps_the_digest_that_it_had_in_an_earlier_release(event: RoomEvent, digest: str) -> None:
    """A ledger keeps it for months: another value would make `reconcile` call every edited event outdated."""
    assert digest_of_written(event) == digest


@pytest.mark.parametrize(("event", "digest"), WRITTEN_EARLIER)
def test_a_member_that_an_event_gains_changes_no_digest_of_what_was_written_without_it(
    event: RoomEvent, digest: str
) -> None:
    assert digest_of_written(as_later(event)) == digest


def test_a_member_that_an_event_gained_counts_where_it_is_used() -> None:
    daily, weekly = (digest_of_written(as_later(ALL_DAY, recurrence=each)) for each in ("daily", "weekly"))
    assert len({daily, weekly, digest_of_written(ALL_DAY)}) == 3


def test_a_digest_with_members_of_a_later_version_says_so() -> None:
    version, _, digest = digest_of_written(as_later(ALL_DAY, reminders=("5 min",))).partition(":")
    assert (version, len(digest)) == ("2", 64)


def test_every_member_that_an_event_gains_has_a_default_to_be_left_out_at() -> None:
    assert {each.name for each in fields(RoomEvent)} >= FIRST_MEMBERS
    gained = [each for each in fields(RoomEvent) if each.name not in FIRST_MEMBERS]
    assert [each.name for each in gained if each.default is each.default_factory is MISSING] == []
