"""What roomsync asks of a room's calendar, in its own words: events with our mark, operations, outcomes."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NewType, Protocol

from adapters.errors import CalendarError

TenantName = NewType("TenantName", str)
RoomAddress = NewType("RoomAddress", str)
"""The primary SMTP address of a room mailbox, in lower case."""
BookingId = NewType("BookingId", str)

Sensitivity = Literal["normal", "private"]
ShowAs = Literal["busy", "tentative", "free", "oof"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventBody:
    """The text of an event."""

    content_type: Literal["text", "html"] = "text"
    content: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomEvent:
    """An event as it shall stand in the room's calendar, every member of it; nothing of it is a difference.

    `starts_at` and `ends_at` are instants in UTC; `time_zone` is the IANA name of the zone the event is kept and edited
    in. With `all_day` both are midnights in that zone and the end is exclusive. `subject` is at most 255 characters,
    and no text holds a character that XML forbids.
    """

    subject: str
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    all_day: bool = False
    body: EventBody = field(default_factory=EventBody)
    location: str = ""
    categories: tuple[str, ...] = ()
    sensitivity: Sensitivity = "normal"
    show_as: ShowAs = "busy"

    def __post_init__(self) -> None:
        if self.starts_at.tzinfo is None or self.ends_at.tzinfo is None:
            raise ValueError("RoomEvent times must carry a time zone")
        if self.ends_at <= self.starts_at:
            raise ValueError("a RoomEvent ends after it starts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Whose event it is: two named properties (docs/contract.md#marks), without the tenant: a calendar has one."""

    booking_id: BookingId
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRef:
    """Where an event lies. `item_id` is case-sensitive and changes when the item moves; at most 512 bytes."""

    item_id: str
    change_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """Write a new event. Repeating it makes a second one: only the ledger's claim makes it safe."""

    mark: Mark
    event: RoomEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """Overwrite every member of `RoomEvent` and the mark on a known event, which becomes a single one where people
    made a series of it; other properties stay. Repeatable."""

    mark: Mark
    ref: ItemRef
    event: RoomEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove:
    """Move a known event to Deleted Items. Repeating it answers `Gone`."""

    ref: ItemRef


Operation = Create | Update | Remove


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """Applied. `ref`: where the event lies now (None after a removal); `warnings`: codes, e.g. `time_zone_as_utc`."""

    ref: ItemRef | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gone:
    """The event is not where it was: deleted, moved, or restored by somebody under another id."""


Outcome = Done | Gone | CalendarError


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundEvent:
    """An event with our mark in a calendar."""

    mark: Mark
    ref: ItemRef
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomScan:
    """All of a room's events with our mark, and the marks found in its Deleted Items as far as we may read them."""

    events: tuple[FoundEvent, ...]
    trashed: tuple[Mark, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFields:
    """The members of an event as a calendar gives them back: to compare, never to write.

    Words that we have no name for (what people chose in Outlook) stay the calendar's own. `time_zone` is the calendar's
    name of the zone; None for UTC, where events of a zone that it does not know are kept, too. `body` is plain text;
    None where it was not read, or cannot be compared because Exchange rewrites HTML.
    `recurrence`: whether people made a series of it.
    """

    subject: str
    starts_at: datetime
    ends_at: datetime
    time_zone: str | None
    all_day: bool
    location: str
    categories: tuple[str, ...]
    sensitivity: str
    show_as: str
    body: str | None = None
    recurrence: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadEvent:
    """An event with our mark, and what stands in it."""

    found: FoundEvent
    members: StoredFields


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomReading:
    """Everything in a room's calendar. Of `foreign` events, without our mark, nothing is known but where they lie."""

    events: tuple[ReadEvent, ...]
    foreign: tuple[ItemRef, ...]


class RoomCalendar(Protocol):
    """One tenant's room calendars. Reports what happened to each operation; never retries, never sleeps.

    The caller sees to it that no booking is written twice at once, that no room sees more requests at once than its
    limit, and that nothing is asked before a time that Exchange named.
    """

    backend: str
    """`ews` or `graph`, as results and failed messages name it."""

    async def apply(self, room: RoomAddress, operations: Sequence[Operation]) -> list[Outcome]:
        """Send the operations, at most one request for each kind, all of them within one request's time-out: what is
        late then is not sent, since the claims that it was to be sent under may run out. One outcome for each, in
        order; never raises `CalendarError` itself. An operation whose fate cannot be told is `Unknown`; `Transient` and
        `Throttled` mean certainly not applied."""
        ...

    async def find(self, room: RoomAddress, bookings: Collection[BookingId]) -> list[FoundEvent]:
        """Find every event in the room's calendar with the mark of one of the bookings (compared exactly), in one
        request as long as one page holds them. Raises `CalendarError`."""
        ...

    async def scan(self, room: RoomAddress) -> RoomScan:
        """Read all of our marks in the room's calendar and Deleted Items, in one request as long as one page holds
        them. Where the account may read only the calendar, `trashed` is empty. Raises `CalendarError`."""
        ...

    async def read(self, room: RoomAddress, unchanged: Collection[ItemRef]) -> RoomReading:
        """Read the room's whole calendar, in one request as long as one page holds it, and by further requests the
        bodies of our events, unless they still lie as `unchanged` says (id and change key). Raises `CalendarError`."""
        ...

    def as_stored(self, event: RoomEvent) -> StoredFields:
        """What `read` gives back of this event once it is written and nobody touched it."""
        ...

    async def close(self) -> None:
        """Give back connections and threads."""
        ...
