"""Judges calendars and results by the published commands alone.

The rule is stated anew, in a few lines, and shares nothing with the worker: of each booking and room the highest
version counts, and a move leaves nothing in the room that it comes from.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from adapters.simulator import SimEvent

Command = Mapping[str, Any]
"""A command as it was published."""
Place = tuple[str, str, str]
"""Tenant, room and booking."""
Version = tuple[str, str, str, int]
"""A place and a version of it: what a result is about."""

ZONES = {
    "Europe/Brussels": "Romance Standard Time",
    "Europe/Lisbon": "GMT Standard Time",
    "America/New_York": "Eastern Standard Time",
}
"""The zones that may be published here, as Exchange calls them."""
SHOWN = {"busy": "Busy", "tentative": "Tentative", "free": "Free", "oof": "OOF"}
WELL_ENDED = frozenset({"synced", "removed", "superseded"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What is wrong, each in a sentence; nothing where all is as it should be."""

    duplicates: tuple[str, ...]
    lost: tuple[str, ...]
    """Events that are missing, and commands that nobody was told the end of."""
    resurrected: tuple[str, ...]
    """Events of bookings that were removed, or that nobody published."""
    wrong: tuple[str, ...]

    @property
    def complaints(self) -> list[str]:
        """All of it."""
        return [*self.duplicates, *self.lost, *self.resurrected, *self.wrong]


def expected_events(published: Iterable[Command]) -> dict[Place, Command]:
    """What must stand in the calendars."""
    newest: dict[Place, tuple[int, Command | None]] = {}
    for command in published:
        for room, content in _effects(command):
            place = (command["tenant"], room, command["booking_id"])
            if command["version"] > newest.get(place, (0, None))[0]:
                newest[place] = (command["version"], content)
    return {place: command for place, (_, command) in newest.items() if command is not None}


def expected_results(published: Iterable[Command]) -> set[Version]:
    """What must be reported: the end of each command, and of the removal that a move entails."""
    return {
        (command["tenant"], room, command["booking_id"], command["version"])
        for command in published
        for room, _ in _effects(command)
    }


def ended(results: Iterable[Mapping[str, Any]], *, well: bool) -> set[Version]:
    """What was reported as over; `well`: done, removed or superseded, so what failed and was replayed, too."""
    outcomes = WELL_ENDED if well else WELL_ENDED | {"failed"}
    return {
        (result["tenant"], result["room"], result["booking_id"], result["version"])
        for result in results
        if result["outcome"] in outcomes
    }


def judge(published: Iterable[Command], seen: Iterable[SimEvent], told: set[Version]) -> Judgement:
    """Hold what stands in the calendars, and what was reported, against what was published.

    Args:
        seen: every event of every calendar.
        told: what was reported as well `ended`.
    """
    published = list(published)
    expected = expected_events(published)
    found: defaultdict[Place, list[SimEvent]] = defaultdict(list)
    for event in seen:
        tenant, _, booking = (event.booking or "nobody/").partition("/")
        found[tenant, event.room, booking].append(event)
    missing = [f"{_named(place)} is missing" for place in sorted(expected.keys() - found.keys())]
    untold = [f"{_named(version)} was never reported" for version in sorted(expected_results(published) - told)]
    return Judgement(
        duplicates=tuple(f"{_named(place)} stands {len(all_)} times" for place, all_ in found.items() if len(all_) > 1),
        lost=(*missing, *untold),
        resurrected=tuple(f"{_named(place)} should not be there" for place in sorted(found.keys() - expected.keys())),
        wrong=tuple(
            f"{_named(place)}: {difference}"
            for place in sorted(found.keys() & expected.keys())
            for event in found[place]
            for difference in differences(expected[place], event)
        ),
    )


def differences(command: Command, event: SimEvent) -> Iterator[str]:
    """How an event differs from the command that it should be as of, member by member."""
    published = command["event"]
    members: dict[str, tuple[object, object]] = {
        "version": (event.version, str(command["version"])),
        "subject": (event.subject, published["subject"]),
        "start": (event.start, _instant(published["start"])),
        "end": (event.end, _instant(published["end"])),
        "start zone": (event.start_zone, ZONES[published["time_zone"]]),
        "end zone": (event.end_zone, ZONES[published["time_zone"]]),
        "all day": (event.all_day, published.get("all_day") or False),
        "body": (event.body, (published.get("body") or {}).get("content", "")),
        "location": (event.location, published.get("location") or ""),
        "categories": (event.categories, tuple(published.get("categories") or ())),
        "sensitivity": (event.sensitivity.lower(), published.get("sensitivity") or "normal"),
        "show as": (event.show_as, SHOWN[published.get("show_as") or "busy"]),
        "attendees": (event.attendees, ()),
        "reminder": (event.reminder_set, False),
    }
    for name, (is_, should_be) in members.items():
        if is_ != should_be:
            yield f"{name} is {is_}, should be {should_be}"


def _effects(command: Command) -> Iterator[tuple[str, Command | None]]:
    """Each room that a command says something about, and the command itself where the room holds an event then."""
    room, previous_room = command["room"].lower(), (command.get("previous_room") or "").lower()
    yield room, None if _is_removal(command) else command
    if command["command"] == "move" and previous_room != room:
        yield previous_room, None


def _is_removal(command: Command) -> bool:
    if command["command"] == "cancel":
        return True
    event = command["event"]
    return command["command"] == "end" and _instant(event["end"]) <= _instant(event["start"])


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _named(what: Place | Version) -> str:
    tenant, room, booking, *version = what
    return f"{tenant}/{booking} in {room}" + "".join(f" version {number}" for number in version)
