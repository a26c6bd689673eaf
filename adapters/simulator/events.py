"""A calendar entry as tests, pages and people look at it: plain values, no wire format."""

from dataclasses import asdict, dataclass, replace
from datetime import datetime

from adapters.simulator import ids
from adapters.simulator.content import Attendee, Item, PropertyKey
from adapters.simulator.store import Folder

_SET = "19073e5e-9dac-4173-937f-aea45b36be2c"
BOOKING = PropertyKey(_SET, "roomsync.booking", "String")
VERSION = PropertyKey(_SET, "roomsync.version", "String")
"""The two marks of docs/contract.md#marks; Exchange itself gives them no meaning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimEvent:
    """An event as it lies in a mailbox. `booking` and `version` are the raw marks; times are UTC, zones Windows ids."""

    room: str
    folder: str
    item_id: str
    change_key: str
    booking: str | None
    version: str | None
    subject: str
    start: datetime
    end: datetime
    start_zone: str | None
    end_zone: str | None
    all_day: bool
    body: str
    body_type: str
    location: str
    categories: tuple[str, ...]
    sensitivity: str
    importance: str
    show_as: str
    reminder_set: bool
    uid: str
    attendees: tuple[Attendee, ...]
    is_meeting: bool
    created_at: datetime
    modified_at: datetime
    properties: dict[PropertyKey, str | tuple[str, ...]]
    is_recurring: bool = False
    """Whether it is a series' master."""

    def as_json(self) -> dict[str, object]:
        """Give the event for machines; instants as RFC 3339."""
        # Without its properties, whose keys are no JSON names.
        plain = asdict(replace(self, properties={}))
        del plain["properties"]
        for name in ("start", "end", "created_at", "modified_at"):
            plain[name] = plain[name].isoformat()
        return plain


def events(folder: Folder) -> list[SimEvent]:
    """Give a folder's events in the order of their start."""
    return sorted((sim_event(item) for item in folder.items.values()), key=lambda event: event.start)


def sim_event(item: Item) -> SimEvent:
    """Look at an item."""
    content = item.content
    return SimEvent(
        room=item.address,
        folder=item.folder,
        item_id=item.item_id,
        change_key=ids.change_key(item.change),
        booking=_text(item, BOOKING),
        version=_text(item, VERSION),
        subject=content.subject,
        start=content.start_at,
        end=content.end_at,
        start_zone=content.start_zone,
        end_zone=content.end_zone,
        all_day=content.all_day,
        body=content.body,
        body_type=content.body_type,
        location=content.location,
        categories=content.categories,
        sensitivity=content.sensitivity,
        importance=content.importance,
        show_as=content.show_as,
        reminder_set=content.reminder_set,
        uid=content.uid,
        attendees=content.attendees,
        is_meeting=bool(content.attendees),
        created_at=item.created_at,
        modified_at=item.modified_at,
        properties=dict(content.properties),
        is_recurring=content.recurrence is not None,
    )


def _text(item: Item, key: PropertyKey) -> str | None:
    value = item.content.properties.get(key)
    return value if isinstance(value, str) else None
