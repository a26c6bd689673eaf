"""Judges the demo: what the calendars must hold by the story alone, and what was really seen, field by field.

It shares no rule with the worker, so that a mistake there cannot cancel itself out here.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date

from adapters.simulator import Counters, SimEvent
from consumers.messages.result import Outcome
from worker.demo.story import ACTS, LOST_REPLY, REST_S, ROOMS, TENANT, Command, Room

ResultKey = tuple[str, str, int]
"""Booking, room address and version: what a result is matched on (docs/contract.md#results)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What there was to see when all was over."""

    calendars: Mapping[str, Sequence[SimEvent]]
    """By room address."""
    outcomes: Mapping[ResultKey, Sequence[Outcome]]
    """The final outcomes that were reported; the same one more than once is fine."""
    failed_count: int
    """Messages in the failed queue."""
    counts: Counters
    worker_exit: int


@dataclass(frozen=True, slots=True)
class Finding:
    """A claim, and what speaks against it."""

    claim: str
    complaints: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.complaints


def published() -> list[Command]:
    """Everything that SpaceIQ sends in the story, in its order."""
    return [command for act in ACTS for command in act.commands]


def expected_calendars(commands: Iterable[Command]) -> dict[Room, list[Command]]:
    """What each room must hold, in the order of time: of each booking and room the highest version counts.

    A move leaves nothing in the room that it comes from, nor does a cancel.
    """
    newest: dict[tuple[Room, str], tuple[int, Command | None]] = {}
    for command in commands:
        here = None if command.kind == "cancel" else command
        places: list[tuple[Room, Command | None]] = [(command.meeting.room, here)]
        if command.previous_room is not None:
            places.append((command.previous_room, None))
        for room, content in places:
            key = (room, command.meeting.booking_id)
            if command.version > newest.get(key, (0, None))[0]:
                newest[key] = (command.version, content)
    held: dict[Room, list[Command]] = {room: [] for room in ROOMS}
    for (room, _), (_, content) in newest.items():
        if content is not None:
            held[room].append(content)
    return {room: sorted(commands, key=lambda command: command.meeting.starts) for room, commands in held.items()}


def expected_outcomes(commands: Iterable[Command]) -> dict[ResultKey, Outcome]:
    """What must be reported: one outcome for each command, and one for the room that a move leaves."""
    expected: dict[ResultKey, Outcome] = {}
    for command in commands:
        booking_id, version = command.meeting.booking_id, command.version
        expected[booking_id, command.meeting.room.address, version] = command.outcome
        if command.previous_room is not None:
            expected[booking_id, command.previous_room.address, version] = Outcome.REMOVED
    return expected


def check(seen: Seen, day: date) -> list[Finding]:
    """Hold what was seen against the story."""
    commands = published()
    early, written = seen.counts.early, seen.counts.applied.total()
    outcomes = expected_outcomes(commands)
    to_write = sum(outcome is not Outcome.SUPERSEDED for outcome in outcomes.values())
    lost = LOST_REPLY.meeting
    copies = sum(event.booking == _mark(lost.booking_id) for event in seen.calendars[lost.room.address])
    return [
        *(
            Finding(f"The calendar of the {room.name} is exactly right.", tuple(differences(held, seen, room, day)))
            for room, held in expected_calendars(commands).items()
        ),
        Finding("Every command has its final result.", tuple(_wrong_outcomes(outcomes, seen.outcomes))),
        _finding("No message needs a person.", seen.failed_count, 0, "messages in the failed queue"),
        _finding(f"The attic was left alone for the {REST_S} s.", early, 0, "requests before the time was over"),
        _finding("The reply that got lost made no second event.", copies, 1, f"events of {lost.booking_id}"),
        _finding("Every change was written once.", written, to_write, "items written"),
        Finding("The trouble of the story really happened.", tuple(_missing_trouble(seen.counts.faults))),
        _finding("The worker ended in order.", seen.worker_exit, 0, "as its exit code"),
    ]


def differences(held: Sequence[Command], seen: Seen, room: Room, day: date) -> Iterator[str]:
    """How a room's calendar differs from what it must hold, in words."""
    wanted = {_mark(command.meeting.booking_id): command for command in held}
    found = seen.calendars[room.address]
    for event in found:
        if event.booking not in wanted:
            yield f"an event that nobody booked: {event.subject} ({event.booking or 'no mark'})"
    for mark, command in wanted.items():
        copies = [event for event in found if event.booking == mark]
        if len(copies) != 1:
            yield f"{mark} is there {len(copies)} times"
        for event in copies:
            yield from _differing_fields(command, event, day)


def _differing_fields(command: Command, event: SimEvent, day: date) -> Iterator[str]:
    meeting = command.meeting
    fields: dict[str, tuple[object, object]] = {
        "version": (event.version, str(command.version)),
        "subject": (event.subject, meeting.subject),
        "start": (event.start, meeting.starts_at(day).astimezone(UTC)),
        "end": (event.end, meeting.ends_at(day).astimezone(UTC)),
        "time zone": (event.start_zone, meeting.room.exchange_zone),
        "location": (event.location, meeting.location),
        "categories": (event.categories, meeting.categories),
        "sensitivity": (event.sensitivity, meeting.sensitivity.capitalize()),
        "show as": (event.show_as, "Busy"),
        "body": (event.body, ""),
        "all day": (event.all_day, False),
        "attendees": (event.attendees, ()),
        "reminder": (event.reminder_set, False),
    }
    for name, (is_, should_be) in fields.items():
        if is_ != should_be:
            yield f"{event.booking}: {name} is {is_}, should be {should_be}"


def _wrong_outcomes(
    expected: Mapping[ResultKey, Outcome], reported: Mapping[ResultKey, Sequence[Outcome]]
) -> Iterator[str]:
    for key in sorted(expected.keys() | reported.keys()):
        told = {str(outcome) for outcome in reported.get(key, ())}
        wanted = {str(expected[key])} if key in expected else set()
        if told != wanted:
            booking_id, room, version = key
            yield f"{booking_id} version {version} in {room}: {_told(told)} instead of {_told(wanted)}"


def _told(outcomes: Iterable[str]) -> str:
    return " and ".join(sorted(outcomes)) or "nothing"


def _missing_trouble(played: Counter[str]) -> Iterator[str]:
    for act in ACTS:
        if act.trouble is not None and not played[type(act.trouble.fault).__name__]:
            yield f"{type(act.trouble.fault).__name__} was never met"


def _finding(claim: str, is_: int, should_be: int, what: str) -> Finding:
    return Finding(claim, () if is_ == should_be else (f"{is_} {what}, should be {should_be}",))


def _mark(booking_id: str) -> str:
    return f"{TENANT}/{booking_id}"
