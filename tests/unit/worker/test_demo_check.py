"""The demo's judge: what the story must leave in the calendars, and that no kind of difference escapes it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from adapters.simulator import Attendee, Counters, SimEvent
from consumers.messages.result import Outcome
from worker.demo.check import Seen, check, expected_calendars, expected_outcomes, published
from worker.demo.story import ATTIC, BOARD, HARBOUR, LOBBY, ROOMS, Command, Meeting, Room

DAY = date(2026, 12, 1)
REVIEW = Meeting(booking_id="B-1", subject="Design review", room=BOARD, starts="09:00", ends="10:00")


def test_the_story_leaves_these_bookings_in_these_rooms() -> None:
    held = {
        room: [(command.meeting.booking_id, command.version, command.meeting.starts) for command in commands]
        for room, commands in expected_calendars(published()).items()
    }

    assert held == {
        BOARD: [("B-1001", 2, "09:00"), ("B-1002", 3, "10:30"), ("B-1003", 1, "14:00"), ("B-2002", 2, "15:30")],
        LOBBY: [("B-2001", 1, "09:00"), ("B-2003", 1, "12:30"), ("B-2004", 1, "15:00")],
        ATTIC: [("B-3001", 1, "09:00"), ("B-3002", 2, "13:30")],
        HARBOUR: [("B-4001", 2, "09:30"), ("B-4003", 2, "18:00")],
    }


def test_the_highest_version_counts_in_whatever_order_they_come() -> None:
    old, new = put(1, REVIEW), put(2, replace(REVIEW, subject="Final review"))
    assert expected_calendars([new, old])[BOARD] == [new]
    assert expected_calendars([old, new])[BOARD] == [new]


def test_a_cancelled_booking_is_not_brought_back_by_an_older_version() -> None:
    cancel = Command(kind="cancel", version=2, meeting=REVIEW)
    assert expected_calendars([cancel, put(1, REVIEW)])[BOARD] == []


def test_a_move_leaves_nothing_in_the_old_room() -> None:
    move = Command(kind="move", version=2, meeting=replace(REVIEW, room=LOBBY), previous_room=BOARD)
    calendars = expected_calendars([put(1, REVIEW), move])
    assert (calendars[BOARD], calendars[LOBBY]) == ([], [move])


def test_a_move_is_reported_for_both_rooms() -> None:
    move = Command(kind="move", version=2, meeting=replace(REVIEW, room=LOBBY), previous_room=BOARD)
    assert expected_outcomes([move]) == {
        ("B-1", LOBBY.address, 2): Outcome.SYNCED,
        ("B-1", BOARD.address, 2): Outcome.REMOVED,
    }


def test_what_is_exactly_right_passes_every_check() -> None:
    assert [finding.complaints for finding in check(as_it_should_be(), DAY) if not finding.holds] == []


def test_a_result_that_came_twice_is_no_fault() -> None:
    seen = as_it_should_be()
    twice = {key: [*outcomes, *outcomes] for key, outcomes in seen.outcomes.items()}
    assert all(finding.holds for finding in check(replace(seen, outcomes=twice), DAY))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"version": "1"}, "version"),
        ({"subject": "Yoga!"}, "subject"),
        ({"start": datetime(2026, 12, 1, 12, 0, tzinfo=UTC)}, "start"),
        ({"end": datetime(2026, 12, 1, 13, 31, tzinfo=UTC)}, "end"),
        ({"start_zone": "UTC"}, "time zone"),
        ({"location": ""}, "location"),
        ({"categories": ("SpaceIQ", "Yoga")}, "categories"),
        ({"sensitivity": "Private"}, "sensitivity"),
        ({"show_as": "Free"}, "show as"),
        ({"body": "Bring water"}, "body"),
        ({"all_day": True}, "all day"),
        ({"attendees": (Attendee("Ada", "ada@acme.example", "required"),)}, "attendees"),
        ({"reminder_set": True}, "reminder"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_field_that_differs_is_named(changes: dict[str, Any], named: str) -> None:
    seen = as_it_should_be()
    calendars = {
        **seen.calendars,
        ATTIC.address: [
            replace(event, **changes) if event.booking == "acme/B-3002" else event
            for event in seen.calendars[ATTIC.address]
        ],
    }

    (complaint,) = complaints(replace(seen, calendars=calendars), "The calendar of the attic is exactly right.")

    assert complaint.startswith(f"acme/B-3002: {named} is ")


def without_first(events: list[SimEvent]) -> list[SimEvent]:
    return events[1:]


def with_copy(events: list[SimEvent]) -> list[SimEvent]:
    return [*events, replace(events[0], item_id="copy")]


def with_a_cancelled_one(events: list[SimEvent]) -> list[SimEvent]:
    return [*events, replace(events[0], booking="acme/B-4002", subject="Supplier call")]


def with_an_unmarked_one(events: list[SimEvent]) -> list[SimEvent]:
    return [*events, replace(events[0], booking=None, subject="Surprise")]


def with_another_case(events: list[SimEvent]) -> list[SimEvent]:
    return [replace(events[0], booking="acme/b-4001"), *events[1:]]


@pytest.mark.parametrize(
    ("sabotage", "said"),
    [
        (without_first, ["acme/B-4001 is there 0 times"]),
        (with_copy, ["acme/B-4001 is there 2 times"]),
        (with_a_cancelled_one, ["an event that nobody booked: Supplier call (acme/B-4002)"]),
        (with_an_unmarked_one, ["an event that nobody booked: Surprise (no mark)"]),
        (
            with_another_case,
            ["an event that nobody booked: Lisbon stand-up (acme/b-4001)", "acme/B-4001 is there 0 times"],
        ),
    ],
    ids=["missing", "doubled", "cancelled and still there", "without a mark", "mark in another case"],
)
def test_a_calendar_that_differs_is_told(sabotage: Callable[[list[SimEvent]], list[SimEvent]], said: list[str]) -> None:
    seen = as_it_should_be()
    calendars = {**seen.calendars, HARBOUR.address: sabotage(list(seen.calendars[HARBOUR.address]))}

    assert complaints(replace(seen, calendars=calendars), "The calendar of the harbour room is exactly right.") == said


def test_a_second_event_for_the_lost_reply_is_told() -> None:
    seen = as_it_should_be()
    lobby = seen.calendars[LOBBY.address]
    lunch = next(event for event in lobby if event.booking == "acme/B-2003")
    doubled = {**seen.calendars, LOBBY.address: [*lobby, replace(lunch, item_id="second")]}

    assert complaints(replace(seen, calendars=doubled), "The reply that got lost made no second event.") == [
        "2 events of B-2003, should be 1"
    ]


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        ([], "B-3001 version 1 in attic@acme.example: nothing instead of synced"),
        ([Outcome.FAILED], "B-3001 version 1 in attic@acme.example: failed instead of synced"),
        (
            [Outcome.SYNCED, Outcome.SUPERSEDED],
            "B-3001 version 1 in attic@acme.example: superseded and synced instead of synced",
        ),
    ],
    ids=["missing", "another one", "two that disagree"],
)
def test_a_result_that_differs_is_told(outcomes: list[Outcome], said: str) -> None:
    seen = as_it_should_be()
    reported = {**seen.outcomes, ("B-3001", ATTIC.address, 1): outcomes}
    assert complaints(replace(seen, outcomes=reported), "Every command has its final result.") == [said]


def test_a_result_for_what_nobody_published_is_told() -> None:
    seen = as_it_should_be()
    reported = {**seen.outcomes, ("B-9", ATTIC.address, 1): [Outcome.SYNCED]}
    assert complaints(replace(seen, outcomes=reported), "Every command has its final result.") == [
        "B-9 version 1 in attic@acme.example: synced instead of nothing"
    ]


def test_a_parked_message_is_told() -> None:
    assert complaints(replace(as_it_should_be(), failed_count=2), "No message needs a person.") == [
        "2 messages in the failed queue, should be 0"
    ]


def test_a_request_before_the_named_time_is_told() -> None:
    seen = as_it_should_be()
    seen.counts.early = 1
    assert complaints(seen, "The attic was left alone for the 8 s.") == [
        "1 requests before the time was over, should be 0"
    ]


def test_a_change_that_was_written_twice_is_told() -> None:
    seen = as_it_should_be()
    seen.counts.applied["UpdateItem"] += 1
    assert complaints(seen, "Every change was written once.") == ["21 items written, should be 20"]


def test_a_story_without_its_trouble_proves_nothing() -> None:
    seen = as_it_should_be()
    del seen.counts.faults["LoseReply"]
    assert complaints(seen, "The trouble of the story really happened.") == ["LoseReply was never met"]


def test_a_worker_that_had_to_be_killed_is_told() -> None:
    assert complaints(replace(as_it_should_be(), worker_exit=-9), "The worker ended in order.") == [
        "-9 as its exit code, should be 0"
    ]


def complaints(seen: Seen, claim: str) -> list[str]:
    """What speaks against a claim; those that hold speak against nothing."""
    (finding,) = [finding for finding in check(seen, DAY) if finding.claim == claim]
    return list(finding.complaints)


def as_it_should_be() -> Seen:
    counts = Counters()
    counts.applied.update({"CreateItem": 13, "UpdateItem": 5, "DeleteItem": 2})
    counts.faults.update({"LoseReply": 1, "Throttle": 1})
    return Seen(
        calendars={
            room.address: [event_of(command, room) for command in commands]
            for room, commands in expected_calendars(published()).items()
        },
        outcomes={key: [outcome] for key, outcome in expected_outcomes(published()).items()},
        failed_count=0,
        counts=counts,
        worker_exit=0,
    )


def put(version: int, meeting: Meeting) -> Command:
    return Command(kind="update", version=version, meeting=meeting)


def event_of(command: Command, room: Room) -> SimEvent:
    """The event that the command asks for. Brussels is an hour ahead of UTC on that day, Lisbon is not."""
    meeting = command.meeting
    ahead = timedelta(hours=0 if room is HARBOUR else 1)
    midnight = datetime.combine(DAY, datetime.min.time(), UTC)
    return SimEvent(
        room=room.address,
        folder="calendar",
        item_id=command.message_id,
        change_key="1",
        booking=f"acme/{meeting.booking_id}",
        version=str(command.version),
        subject=meeting.subject,
        start=midnight + clock(meeting.starts) - ahead,
        end=midnight + clock(meeting.ends) - ahead,
        start_zone="GMT Standard Time" if room is HARBOUR else "Romance Standard Time",
        end_zone="GMT Standard Time" if room is HARBOUR else "Romance Standard Time",
        all_day=False,
        body="",
        body_type="Text",
        location=meeting.location,
        categories=meeting.categories,
        sensitivity="Private" if meeting.sensitivity == "private" else "Normal",
        importance="Normal",
        show_as="Busy",
        reminder_set=False,
        uid=command.message_id,
        attendees=(),
        is_meeting=False,
        created_at=midnight,
        modified_at=midnight,
        properties={},
    )


def clock(text: str) -> timedelta:
    hours, minutes = text.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes))


def test_every_room_of_the_story_is_judged() -> None:
    assert {room for command in published() for room in (command.meeting.room, command.previous_room)} - {None} == set(
        ROOMS
    )
