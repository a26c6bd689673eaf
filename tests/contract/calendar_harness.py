"""What the contract of calendars is told in: events, marks, and the harness behind a calendar."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from adapters.calendar import BookingId, Create, Done, EventBody, ItemRef, Mark, RoomAddress, RoomCalendar, RoomEvent

BOARD = RoomAddress("board@acme.example")
LOBBY = RoomAddress("lobby@acme.example")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An event as it really lies there; `event.time_zone` is left out (empty), systems name zones differently."""

    item_id: str
    mark: Mark | None
    event: RoomEvent


class CalendarHarness(Protocol):
    """The system behind the calendar: what is really there, what people do, and what goes wrong."""

    def events(self, room: RoomAddress) -> list[Seen]:
        """The room's calendar, in no particular order."""
        ...

    def trash(self, room: RoomAddress) -> list[Seen]:
        """The room's Deleted Items."""
        ...

    def requests_count(self) -> int:
        """Requests received so far."""
        ...

    def people_create(self, room: RoomAddress, subject: str) -> None:
        """Somebody makes an event of their own."""
        ...

    def people_rename(self, room: RoomAddress, item_id: str, subject: str) -> None:
        """Somebody changes the subject of an event."""
        ...

    def people_delete(self, room: RoomAddress, item_id: str) -> None:
        """Somebody deletes an event."""
        ...

    def people_restore(self, room: RoomAddress, item_id: str) -> None:
        """Somebody drags an event back from Deleted Items."""
        ...

    def people_repeat(self, room: RoomAddress, item_id: str) -> None:
        """Somebody makes a series of an event."""
        ...

    def people_copy(self, room: RoomAddress, item_id: str) -> None:
        """Somebody copies an event, our mark with it."""
        ...

    def lose_next_reply(self) -> None:
        """The next request is carried out, and its answer never arrives."""
        ...

    def throttle_next(self, retry_after_s: float) -> None:
        """The next request is refused, with a time to wait."""
        ...


def a_room_event(**changes: object) -> RoomEvent:
    """A valid event; the test names the one detail that it is about."""
    event = RoomEvent(
        subject="Design review",
        starts_at=datetime(2026, 12, 1, 8, tzinfo=UTC),
        ends_at=datetime(2026, 12, 1, 9, tzinfo=UTC),
        time_zone="Europe/Brussels",
    )
    return replace(event, **changes)  # type: ignore[arg-type]  # a builder takes any


def a_mark(booking: str = "B-1001", version: int = 1) -> Mark:
    return Mark(booking_id=BookingId(booking), version=version)


def a_create(booking: str = "B-1001", version: int = 1, **changes: object) -> Create:
    return Create(mark=a_mark(booking, version), event=a_room_event(**changes))


EVERY_MEMBER = a_room_event(
    subject="Größe < 5 & \"quoted\" 'text' 会議 🎉",
    body=EventBody(content_type="html", content="<p>Bring &amp; share</p>\nsecond line"),
    location="Level 3; east",
    categories=("SpaceIQ", "with, comma"),
    sensitivity="private",
    show_as="tentative",
)

ALL_DAY = a_room_event(
    starts_at=datetime(2026, 11, 30, 23, tzinfo=UTC), ends_at=datetime(2026, 12, 2, 23, tzinfo=UTC), all_day=True
)


async def created(calendar: RoomCalendar, *creates: Create, room: RoomAddress = BOARD) -> list[ItemRef]:
    """Where the events lie that these operations made."""
    refs = []
    for outcome in await calendar.apply(room, creates):
        assert isinstance(outcome, Done)
        assert outcome.ref is not None
        refs.append(outcome.ref)
    return refs


def without_zone(event: RoomEvent) -> RoomEvent:
    return replace(event, time_zone="")


def marks(seen: Sequence[Seen]) -> list[Mark | None]:
    return sorted((each.mark for each in seen), key=repr)
