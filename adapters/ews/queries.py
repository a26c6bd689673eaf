"""EWS requests of a room's mailbox: envelopes, folders, writes and searches.

Folders are named, never looked up: looking one up costs a GetFolder for each room, and is denied to an account that may
use the calendar only.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Literal

from lxml import etree

from adapters.calendar import RoomAddress
from adapters.ews.names import PREFIXES, PROPERTY_PATHS, SOAP, Element, M, T
from adapters.ews.settings import Access
from adapters.exchange.marks import BOOKING, VERSION

FolderName = Literal["calendar", "deleteditems"]

PAGE_SIZE = 1000
"""The most that EWS returns at once (EWSFindCountLimit)."""

# All that we use exists since Exchange 2013, and every later server and Exchange Online understand this name.
_SCHEMA_VERSION = "Exchange2013_SP1"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A room's mailbox, and whether we act as the room or as a delegate in it."""

    room: RoomAddress
    access: Access


def envelope(mailbox: Mailbox, request: Element) -> bytes:
    """The request in its SOAP envelope, with the impersonation header where it is due.

    Source: Microsoft, "ExchangeImpersonation", "RequestServerVersion".
    """
    root = etree.Element(f"{SOAP}Envelope", nsmap=PREFIXES)
    header = etree.SubElement(root, f"{SOAP}Header")
    etree.SubElement(header, f"{T}RequestServerVersion", Version=_SCHEMA_VERSION)
    if mailbox.access == "impersonation":
        impersonation = etree.SubElement(header, f"{T}ExchangeImpersonation")
        sid = etree.SubElement(impersonation, f"{T}ConnectingSID")
        etree.SubElement(sid, f"{T}PrimarySmtpAddress").text = mailbox.room
    etree.SubElement(root, f"{SOAP}Body").append(request)
    # Not `tostring`, nor to a file: both let go of Python's lock, for a moment and at the price of waiting for it.
    written = BytesIO()
    etree.ElementTree(root).write(written, encoding="utf-8", xml_declaration=True)
    return written.getvalue()


def create_items(mailbox: Mailbox, items: Iterable[Element]) -> Element:
    """CreateItem into the calendar; nobody is invited."""
    request = _element("CreateItem", SendMeetingInvitations="SendToNone")
    etree.SubElement(request, f"{M}SavedItemFolderId").append(_folder(mailbox, "calendar"))
    etree.SubElement(request, f"{M}Items").extend(items)
    return request


def update_items(changes: Iterable[Element]) -> Element:
    """UpdateItem that wins over whatever people changed meanwhile; nobody is told."""
    request = _element(
        "UpdateItem",
        ConflictResolution="AlwaysOverwrite",
        MessageDisposition="SaveOnly",
        SendMeetingInvitationsOrCancellations="SendToNone",
    )
    etree.SubElement(request, f"{M}ItemChanges").extend(changes)
    return request


def delete_items(item_ids: Iterable[str]) -> Element:
    """DeleteItem into Deleted Items, where people can find them; nobody is told.

    Without change keys: a removal shall happen whatever people changed meanwhile.
    """
    request = _element("DeleteItem", DeleteType="MoveToDeletedItems", SendMeetingCancellations="SendToNone")
    ids = etree.SubElement(request, f"{M}ItemIds")
    for item_id in item_ids:
        etree.SubElement(ids, f"{T}ItemId", Id=item_id)
    return request


def find_items(
    mailbox: Mailbox, folders: Sequence[FolderName], *, marks: Sequence[str] = (), offset: int = 0
) -> Element:
    """FindItem for events with one of these booking marks (at most 254), or with any; a page from `offset` on.

    Marks and creation time come in the answer itself: exchangelib would ask for them in a GetItem afterwards.
    Source: Microsoft, "FindItem operation", "Restriction" (at most 255 nodes).
    """
    request = _page_of_items(["item:DateTimeCreated"], offset)
    etree.SubElement(request, f"{M}Restriction").append(_condition(marks))
    etree.SubElement(request, f"{M}ParentFolderIds").extend(_folder(mailbox, name) for name in folders)
    return request


def list_items(mailbox: Mailbox, *, offset: int = 0) -> Element:
    """FindItem for everything in the calendar, with the members of an event but its body, which no search gives."""
    request = _page_of_items(["item:DateTimeCreated", *_MEMBERS], offset)
    etree.SubElement(request, f"{M}ParentFolderIds").append(_folder(mailbox, "calendar"))
    return request


def get_bodies(item_ids: Iterable[str]) -> Element:
    """GetItem for the bodies of items, as plain text whatever they were written in. Source: Microsoft, "GetItem"."""
    request = _element("GetItem")
    shape = etree.SubElement(request, f"{M}ItemShape")
    etree.SubElement(shape, f"{T}BaseShape").text = "IdOnly"
    etree.SubElement(shape, f"{T}BodyType").text = "Text"
    wanted = etree.SubElement(shape, f"{T}AdditionalProperties")
    etree.SubElement(wanted, f"{T}FieldURI", FieldURI="item:Body")
    ids = etree.SubElement(request, f"{M}ItemIds")
    for item_id in item_ids:
        etree.SubElement(ids, f"{T}ItemId", Id=item_id)
    return request


_MEMBERS = (
    "item:Subject",
    "item:Sensitivity",
    "item:Categories",
    "calendar:Start",
    "calendar:End",
    "calendar:IsAllDayEvent",
    "calendar:LegacyFreeBusyStatus",
    "calendar:Location",
    "calendar:StartTimeZone",
    # A search gives single events and masters, and no recurrence but by this.
    "calendar:CalendarItemType",
)


def _page_of_items(fields: Iterable[str], offset: int) -> Element:
    request = _element("FindItem", Traversal="Shallow")
    shape = etree.SubElement(request, f"{M}ItemShape")
    etree.SubElement(shape, f"{T}BaseShape").text = "IdOnly"
    wanted = etree.SubElement(shape, f"{T}AdditionalProperties")
    for field in fields:
        etree.SubElement(wanted, f"{T}FieldURI", FieldURI=field)
    for name in (BOOKING, VERSION):
        etree.SubElement(wanted, f"{T}ExtendedFieldURI", PROPERTY_PATHS[name])
    view = {"MaxEntriesReturned": str(PAGE_SIZE), "Offset": str(offset), "BasePoint": "Beginning"}
    etree.SubElement(request, f"{M}IndexedPageItemView", view)
    return request


def _element(name: str, **attributes: str) -> Element:
    return etree.Element(M + name, attributes, nsmap=PREFIXES)


def _folder(mailbox: Mailbox, name: FolderName) -> Element:
    folder = etree.Element(f"{T}DistinguishedFolderId", Id=name)
    if mailbox.access == "delegate":
        owner = etree.SubElement(folder, f"{T}Mailbox")
        etree.SubElement(owner, f"{T}EmailAddress").text = mailbox.room
    return folder


def _condition(marks: Sequence[str]) -> Element:
    if not marks:
        exists = etree.Element(f"{T}Exists")
        etree.SubElement(exists, f"{T}ExtendedFieldURI", PROPERTY_PATHS[BOOKING])
        return exists
    if len(marks) == 1:
        return _equals(marks[0])
    any_of = etree.Element(f"{T}Or")
    any_of.extend(_equals(mark) for mark in marks)
    return any_of


def _equals(mark: str) -> Element:
    condition = etree.Element(f"{T}IsEqualTo")
    etree.SubElement(condition, f"{T}ExtendedFieldURI", PROPERTY_PATHS[BOOKING])
    constant = etree.SubElement(condition, f"{T}FieldURIOrConstant")
    etree.SubElement(constant, f"{T}Constant", Value=mark)
    return condition
