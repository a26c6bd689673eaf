"""A booking's event as it was published: absent members are their defaults, instants are in UTC.

Its canonical form leaves defaults out, so that a member that is added one day changes no digest and no snapshot of what
was published before.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Literal

from adapters.calendar import EventBody, Sensitivity, ShowAs


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who organises a booking; never Exchange's organizer."""

    email: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attendee:
    """Who takes part in a booking; checked, part of the digest, never stored."""

    email: str
    name: str = ""
    type: Literal["required", "optional"] = "required"


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingEvent:
    """The event of a booking. `time_zone` is an IANA name; with `all_day` both instants are midnights in it."""

    subject: str
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    all_day: bool = False
    body: EventBody = field(default_factory=EventBody)
    location: str = ""
    categories: tuple[str, ...] = ()
    organizer: Person | None = None
    attendees: tuple[Attendee, ...] = ()
    sensitivity: Sensitivity = "normal"
    show_as: ShowAs = "busy"

    def __post_init__(self) -> None:
        if self.starts_at.tzinfo is None or self.ends_at.tzinfo is None:
            raise ValueError("BookingEvent times must carry a time zone")

    @property
    def digest(self) -> str:
        """Of its canonical form, attendees included: 64 hexadecimal digits."""
        return sha256(self.canonical(with_attendees=True).encode("ascii")).hexdigest()

    def canonical(self, *, with_attendees: bool) -> str:
        """The event as JSON in the form of the command's `event`, the same text for the same content."""
        content: dict[str, object] = {
            "subject": self.subject,
            "start": _utc(self.starts_at),
            "end": _utc(self.ends_at),
            "time_zone": self.time_zone,
        }
        optional: dict[str, tuple[object, object]] = {
            "all_day": (self.all_day, False),
            "body": ({"content_type": self.body.content_type, "content": self.body.content}, _EMPTY_BODY),
            "location": (self.location, ""),
            "categories": (list(self.categories), []),
            "organizer": (self.organizer and _person(self.organizer), None),
            "attendees": ([_person(a) | {"type": a.type} for a in self.attendees if with_attendees], []),
            "sensitivity": (self.sensitivity, "normal"),
            "show_as": (self.show_as, "busy"),
        }
        content |= {name: value for name, (value, default) in optional.items() if value != default}
        return json.dumps(content, sort_keys=True, separators=(",", ":"))


def event_from_snapshot(snapshot: str) -> BookingEvent:
    """The event of a ledger's snapshot. It has no attendees: never compare its digest with a command's."""
    content = json.loads(snapshot)
    return BookingEvent(
        subject=content["subject"],
        starts_at=datetime.fromisoformat(content["start"]),
        ends_at=datetime.fromisoformat(content["end"]),
        time_zone=content["time_zone"],
        all_day=content.get("all_day", False),
        body=EventBody(**content.get("body", {})),
        location=content.get("location", ""),
        categories=tuple(content.get("categories", ())),
        organizer=Person(**content["organizer"]) if "organizer" in content else None,
        sensitivity=content.get("sensitivity", "normal"),
        show_as=content.get("show_as", "busy"),
    )


_EMPTY_BODY = {"content_type": "text", "content": ""}


def _person(person: Person | Attendee) -> dict[str, str]:
    return {"name": person.name, "email": person.email}


def _utc(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")
