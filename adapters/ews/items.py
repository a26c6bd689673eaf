"""Room events as EWS items.

Written as a table of our own instead of exchangelib's item classes, whose checks cost more than the whole rest of a
write (docs/decisions/0002); the schema and exchangelib's parser are held against it in the tests.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from lxml import etree

from adapters.calendar import Mark, RoomEvent, TenantName
from adapters.ews.names import PREFIXES, PROPERTY_PATHS, Element, T
from adapters.exchange.marks import BOOKING, VERSION, booking_mark

SENSITIVITY = {"normal": "Normal", "private": "Private"}
SHOW_AS = {"busy": "Busy", "tentative": "Tentative", "free": "Free", "oof": "OOF"}
_BODY_TYPE = {"text": "Text", "html": "HTML"}


class _Property(NamedTuple):
    """A property of an event: the path that an update names it by, and how it stands in an item.

    `path` is a FieldURI or the name of one of our named properties; `attribute` one of the element itself.
    """

    path: str
    tag: str
    text: str = ""
    strings: tuple[str, ...] = ()
    attribute: tuple[str, str] | None = None

    @property
    def is_empty(self) -> bool:
        return not (self.text or self.strings or self.attribute)

    def name_in(self, parent: Element) -> None:
        """Append the path."""
        if self.tag == _NAMED:
            etree.SubElement(parent, f"{T}ExtendedFieldURI", PROPERTY_PATHS[self.path])
        else:
            etree.SubElement(parent, f"{T}FieldURI", FieldURI=self.path)

    def write_in(self, parent: Element) -> None:
        """Append the element."""
        element = etree.SubElement(parent, self.tag)
        if self.attribute:
            element.set(*self.attribute)
        if self.tag == _NAMED:
            self.name_in(element)
            etree.SubElement(element, f"{T}Value").text = self.text
            return
        element.text = self.text or None
        for each in self.strings:
            etree.SubElement(element, f"{T}String").text = each


_NAMED = f"{T}ExtendedProperty"


def calendar_item(tenant: TenantName, mark: Mark, event: RoomEvent, zone_id: str) -> Element:
    """A `CalendarItem` for CreateItem, without reminder and attendees.

    Source: Microsoft, "CalendarItem"; the schema fixes the order of the elements.
    """
    item = etree.Element(f"{T}CalendarItem", nsmap=PREFIXES)
    for each in (*_content(event), _NO_REMINDER, *_marks(tenant, mark), *_appointment(event, zone_id)):
        if not each.is_empty:
            each.write_in(item)
    return item


def item_change(item_id: str, tenant: TenantName, mark: Mark, event: RoomEvent, zone_id: str) -> Element:
    """An `ItemChange` for UpdateItem that sets every property of the event and both marks; empty ones are deleted.

    So is a recurrence, which people may have given it: it goes first, or the times would be those of a series.

    Without a change key, which `AlwaysOverwrite` does not ask for. Source: Microsoft, "UpdateItem operation".
    """
    change = etree.Element(f"{T}ItemChange", nsmap=PREFIXES)
    etree.SubElement(change, f"{T}ItemId", Id=item_id)
    updates = etree.SubElement(change, f"{T}Updates")
    for each in (_NO_RECURRENCE, *_content(event), *_marks(tenant, mark), *_appointment(event, zone_id)):
        if each.is_empty:
            each.name_in(etree.SubElement(updates, f"{T}DeleteItemField"))
            continue
        field = etree.SubElement(updates, f"{T}SetItemField")
        each.name_in(field)
        each.write_in(etree.SubElement(field, f"{T}CalendarItem"))
    return change


# Exchange would set the mailbox's default reminder. Updates leave it alone: it is none of our members.
_NO_REMINDER = _Property("item:ReminderIsSet", f"{T}ReminderIsSet", "false")

_NO_RECURRENCE = _Property("calendar:Recurrence", f"{T}Recurrence")


def _content(event: RoomEvent) -> Iterator[_Property]:
    yield _Property("item:Subject", f"{T}Subject", event.subject)
    yield _Property("item:Sensitivity", f"{T}Sensitivity", SENSITIVITY[event.sensitivity])
    body_type = ("BodyType", _BODY_TYPE[event.body.content_type])
    yield _Property("item:Body", f"{T}Body", event.body.content, attribute=body_type)
    yield _Property("item:Categories", f"{T}Categories", strings=event.categories)


def _marks(tenant: TenantName, mark: Mark) -> Iterator[_Property]:
    yield _Property(BOOKING, _NAMED, booking_mark(tenant, mark.booking_id))
    yield _Property(VERSION, _NAMED, str(mark.version))


def _appointment(event: RoomEvent, zone_id: str) -> Iterator[_Property]:
    yield _Property("calendar:Start", f"{T}Start", _instant(event.starts_at))
    yield _Property("calendar:End", f"{T}End", _instant(event.ends_at))
    yield _Property("calendar:IsAllDayEvent", f"{T}IsAllDayEvent", "true" if event.all_day else "false")
    yield _Property("calendar:LegacyFreeBusyStatus", f"{T}LegacyFreeBusyStatus", SHOW_AS[event.show_as])
    yield _Property("calendar:Location", f"{T}Location", event.location)
    yield _Property("calendar:StartTimeZone", f"{T}StartTimeZone", attribute=("Id", zone_id))
    yield _Property("calendar:EndTimeZone", f"{T}EndTimeZone", attribute=("Id", zone_id))


def _instant(moment: datetime) -> str:
    """An instant with `Z`, which holds whatever zone stands beside it (Microsoft, "Time zones and EWS")."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
