"""What a booking command means once it is read."""

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from consumers.messages.booking_event import event_from_snapshot
from consumers.messages.command import BookingCommand, CommandKind, parse_command, removal_of
from tests.builders import Tenants, a_booking_command, a_command, a_tenant, an_event

TENANTS = Tenants(a_tenant())
REAL_COMMANDS = Path(__file__).parents[4] / "shared" / "data" / "fosdem-2026.commands.jsonl"


def test_a_create_says_everything_about_its_event() -> None:
    command = a_booking_command(
        room="Board@ACME.example",
        event=an_event(
            all_day=False,
            body={"content_type": "html", "content": "<p>Hi</p>"},
            location="Floor 2",
            categories=["SpaceIQ", "Internal"],
            organizer={"name": "Ada", "email": "ada@acme.example"},
            attendees=[{"email": "bob@acme.example", "type": "optional"}],
            sensitivity="private",
            show_as="oof",
        ),
    )
    assert command.kind is CommandKind.CREATE
    assert command.room == "board@acme.example"
    assert command.issued_at == datetime(2026, 11, 20, 8, 59, 58, tzinfo=UTC)
    assert not command.is_removal
    event = command.event
    assert event is not None
    assert (event.starts_at, event.starts_at.tzinfo) == (datetime(2026, 12, 1, 8, tzinfo=UTC), UTC)
    assert (event.body.content_type, event.body.content, event.location) == ("html", "<p>Hi</p>", "Floor 2")
    assert (event.categories, event.sensitivity, event.show_as) == (("SpaceIQ", "Internal"), "private", "oof")
    assert event.organizer is not None
    assert event.organizer.name == "Ada"
    assert event.attendees[0].type == "optional"


def test_absent_members_are_their_defaults_and_null_is_absent_at_every_level() -> None:
    members = a_command() | {"unknown": None, "previous_room": None}
    members["event"] = an_event() | {"location": None, "body": {"content": None}, "show_as": None, "recurrence": None}
    command = parse_command(json.dumps(members).encode(), TENANTS)
    assert command == a_booking_command()
    assert command.event is not None
    assert (command.event.location, command.event.show_as, command.warnings) == ("", "busy", ())


def test_unknown_members_are_ignored_and_named() -> None:
    command = a_booking_command(
        colour="red",
        event=an_event(
            **{"remind/er~": 15, "body": {"charset": "x"}, "attendees": [{"email": "a@b", "note\ud800": 1}]},
        ),
    )
    assert {remark.code for remark in command.warnings} == {"unknown_member"}
    assert {remark.member for remark in command.warnings} == {
        "/event/body/charset",
        "/event/attendees/0/note?",
        "/event/remind~1er~0",
        "/colour",
    }


def test_at_most_twenty_unknown_members_are_named() -> None:
    assert len(a_booking_command(**{f"x{index}": 1 for index in range(50)}).warnings) == 20


def test_the_order_of_members_does_not_matter() -> None:
    members = a_command()
    backwards = dict(reversed(members.items()))
    assert parse_command(json.dumps(backwards).encode(), TENANTS) == a_booking_command()


def test_a_cancel_needs_no_event_and_does_not_look_at_one() -> None:
    command = a_booking_command(command="cancel", event={"subject": 5}, previous_room=7)
    assert command.is_removal
    assert (command.event, command.snapshot(), command.warnings) == (None, None, ())


def test_an_end_that_ended_before_it_began_is_a_removal() -> None:
    command = a_booking_command(command="end", event=an_event(end="2026-12-01T08:59:00+01:00", all_day=True))
    assert (command.kind, command.event) == (CommandKind.END, None)
    assert command.digest == a_booking_command(command="cancel").digest


def test_an_end_after_the_start_is_an_update_with_the_earlier_end() -> None:
    command = a_booking_command(command="end", event=an_event(end="2026-12-01T09:20:00+01:00"))
    assert command.event is not None
    assert command.event.ends_at == datetime(2026, 12, 1, 8, 20, tzinfo=UTC)


def test_a_previous_room_is_ignored_elsewhere_than_in_a_move() -> None:
    assert a_booking_command(command="update", previous_room="lobby@acme.example").previous_room is None


def test_a_move_to_the_room_it_comes_from_is_an_update() -> None:
    command = a_booking_command(command="move", room="board@acme.example", previous_room="BOARD@acme.example")
    assert (command.kind, command.previous_room) == (CommandKind.MOVE, None)
    assert removal_of(command) is None


def test_a_move_entails_a_cancel_of_the_same_version_in_the_previous_room() -> None:
    move = a_booking_command(command="move", version=9, previous_room="Lobby@acme.example")
    body = removal_of(move)
    assert body is not None
    assert parse_command(body, TENANTS) == BookingCommand(
        kind=CommandKind.CANCEL,
        tenant=move.tenant,
        booking_id=move.booking_id,
        version=9,
        room=a_booking_command(room="lobby@acme.example").room,
        issued_at=move.issued_at,
        event=None,
    )


def test_a_snapshot_gives_the_event_back_without_its_attendees() -> None:
    full = an_event(
        all_day=True,
        start="2026-12-01T00:00:00+01:00",
        end="2026-12-02T00:00:00+01:00",
        body={"content": "x"},
        location="y",
        categories=["z"],
        organizer={"email": "a@b"},
        sensitivity="private",
        show_as="free",
        subject="Ünïcode \u0000",
    )
    command = a_booking_command(event=full)
    with_attendees = a_booking_command(event=full | {"attendees": [{"email": "eve@acme.example"}]})
    snapshot = with_attendees.snapshot()
    assert snapshot is not None
    assert "eve" not in snapshot
    assert event_from_snapshot(snapshot) == command.event


@pytest.mark.skipif(not REAL_COMMANDS.exists(), reason="the commands of a real conference are not beside the project")
def test_the_commands_of_a_real_conference_are_all_read() -> None:
    tenants = Tenants(a_tenant("fosdem", domains=frozenset({"fosdem.example"})))
    commands = [parse_command(line, tenants) for line in REAL_COMMANDS.read_bytes().splitlines()]
    assert Counter(command.kind for command in commands) == {"create": 1103, "update": 184, "move": 14, "cancel": 24}
    assert not any(command.warnings for command in commands)
