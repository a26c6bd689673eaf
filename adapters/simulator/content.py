"""What an item says and where it lies: values that both faces (EWS now, Graph later) read and write."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

FolderName = Literal["calendar", "deleteditems", "recoverableitemsdeletions", "recoverableitemspurges"]


@dataclass(frozen=True, slots=True)
class PropertyKey:
    """Names an extended property: a property set with a name or a number in it, or a tag; names are case-sensitive."""

    property_set: str
    """Lower-case GUID, or the name of a well-known set; empty for a tagged property."""
    name: str
    """The name, or the number of the property in its set or its tag, in decimal after a `#`."""
    type: str
    """As EWS writes it: String, Integer, StringArray …"""


PropertyValue = str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Attendee:
    """Somebody invited, in one of the three lists of a meeting."""

    name: str
    email: str
    kind: Literal["required", "optional", "resource"]


@dataclass(slots=True, kw_only=True)
class Content:
    """What an event says. Times are UTC; zones are Windows ids.

    The reminder is on unless the client says otherwise, as in a mailbox whose owner never changed that setting.
    """

    subject: str = ""
    body: str = ""
    body_type: Literal["Text", "HTML"] = "Text"
    start_at: datetime
    end_at: datetime
    all_day: bool = False
    start_zone: str | None = None
    end_zone: str | None = None
    location: str = ""
    categories: tuple[str, ...] = ()
    sensitivity: str = "Normal"
    importance: str = "Normal"
    show_as: str = "Busy"
    reminder_set: bool = True
    reminder_minutes: int = 15
    uid: str = ""
    attendees: tuple[Attendee, ...] = ()
    properties: dict[PropertyKey, PropertyValue] = field(default_factory=dict)
    recurrence: str | None = None
    """The inside of `t:Recurrence` of a recurring master; None for a single event. Only people make masters here."""
    other: dict[str, str] = field(default_factory=dict)
    """Further simple values that a client may write and read back, by their name in the face's own table."""

    def copy(self) -> "Content":
        """Give a copy that can be changed without touching this one."""
        return replace(self, properties=dict(self.properties), other=dict(self.other))


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An event as it lies in a folder; a change makes a new one with a new `change`, a move one with a new id."""

    item_id: str
    address: str
    """The mailbox, in lower case."""
    folder: FolderName
    sequence: int
    """Grows with every item the store takes in; the order in which a folder lists its items."""
    change: int
    created_at: datetime
    modified_at: datetime
    content: Content
