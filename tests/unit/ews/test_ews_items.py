"""The item table against Microsoft's schema and exchangelib's own parser, neither of which it was written with."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from exchangelib import CalendarItem, ExtendedProperty
from exchangelib.ewsdatetime import EWSDateTime
from lxml import etree

from adapters.calendar import EventBody, RoomAddress, RoomEvent, TenantName
from adapters.ews.items import calendar_item, item_change
from adapters.ews.names import Element, M, T
from adapters.ews.queries import (
    FolderName,
    Mailbox,
    create_items,
    delete_items,
    envelope,
    find_items,
    get_bodies,
    list_items,
    update_items,
)
from adapters.exchange.marks import BOOKING, PROPERTY_SET_ID, VERSION
from tests.contract.calendar_harness import ALL_DAY, BOARD, EVERY_MEMBER, a_mark, a_room_event

ACME = TenantName("acme")
ZONE = "Romance Standard Time"
EVENTS = [
    pytest.param(a_room_event(), id="defaults"),
    pytest.param(EVERY_MEMBER, id="every member"),
    pytest.param(ALL_DAY, id="all day"),
    pytest.param(a_room_event(subject=""), id="no subject"),
]
ACCESSES = [Mailbox(BOARD, "impersonation"), Mailbox(BOARD, "delegate")]

Check = Callable[[bytes], None]


@pytest.fixture(scope="session")
def validate(shared: Path) -> Check:
    """Holds an envelope against the schemas: the body against messages.xsd, each header against types.xsd."""
    messages = etree.XMLSchema(file=str(shared / "xsd" / "messages.xsd"))
    types = etree.XMLSchema(file=str(shared / "xsd" / "types.xsd"))

    def check(content: bytes) -> None:
        header, body = etree.fromstring(content)
        for each in header:
            types.assertValid(etree.ElementTree(each))
        messages.assertValid(etree.ElementTree(body[0]))

    return check


@pytest.mark.parametrize("mailbox", ACCESSES, ids=lambda mailbox: mailbox.access)
@pytest.mark.parametrize("event", EVENTS)
def test_creates_and_updates_keep_to_the_schema(validate: Check, mailbox: Mailbox, event: RoomEvent) -> None:
    validate(envelope(mailbox, create_items(mailbox, [calendar_item(ACME, a_mark(), event, ZONE)] * 2)))
    validate(envelope(mailbox, update_items([item_change("AAMk", ACME, a_mark(), event, ZONE)])))


@pytest.mark.parametrize("mailbox", ACCESSES, ids=lambda mailbox: mailbox.access)
@pytest.mark.parametrize("marks", [[], ["acme/a"], ["acme/a", "acme/b"]], ids=["any", "one", "several"])
@pytest.mark.parametrize("folders", [["calendar"], ["calendar", "deleteditems"]], ids=["calendar", "and trash"])
def test_searches_and_removals_keep_to_the_schema(
    validate: Check, mailbox: Mailbox, marks: list[str], folders: list[FolderName]
) -> None:
    validate(envelope(mailbox, find_items(mailbox, folders, marks=marks, offset=1000)))
    validate(envelope(mailbox, delete_items(["AAMk", "AAMl"])))


@pytest.mark.parametrize("mailbox", ACCESSES, ids=lambda mailbox: mailbox.access)
def test_readings_keep_to_the_schema(validate: Check, mailbox: Mailbox) -> None:
    validate(envelope(mailbox, list_items(mailbox, offset=1000)))
    validate(envelope(mailbox, get_bodies(["AAMk", "AAMl"])))


class _Booking(ExtendedProperty):  # type: ignore[misc]  # exchangelib has no types
    property_set_id = PROPERTY_SET_ID
    property_name = BOOKING
    property_type = "String"


class _Version(ExtendedProperty):  # type: ignore[misc]  # exchangelib has no types
    property_set_id = PROPERTY_SET_ID
    property_name = VERSION
    property_type = "String"


@pytest.fixture
def parsed() -> Iterator[Callable[[Element], CalendarItem]]:
    """Reads an item as exchangelib does, with our marks among its fields."""
    CalendarItem.register("roomsync_booking", _Booking)
    CalendarItem.register("roomsync_version", _Version)
    try:
        yield lambda element: CalendarItem.from_xml(element, account=None)
    finally:
        CalendarItem.deregister("roomsync_booking")
        CalendarItem.deregister("roomsync_version")


def test_exchangelib_reads_what_is_written(parsed: Callable[[Element], CalendarItem]) -> None:
    item = parsed(calendar_item(ACME, a_mark("B/7", 12), EVERY_MEMBER, ZONE))
    assert item.subject == EVERY_MEMBER.subject
    assert (str(item.body), item.body.body_type) == (EVERY_MEMBER.body.content, "HTML")
    assert item.location == EVERY_MEMBER.location
    assert tuple(item.categories) == EVERY_MEMBER.categories
    assert (item.sensitivity, item.legacy_free_busy_status) == ("Private", "Tentative")
    assert (item.roomsync_booking, item.roomsync_version) == ("acme/B/7", "12")
    assert item.start == EWSDateTime.from_datetime(EVERY_MEMBER.starts_at)
    assert item.end == EWSDateTime.from_datetime(EVERY_MEMBER.ends_at)
    assert item.reminder_is_set is False
    assert item.required_attendees is None


def test_instants_are_written_in_utc_whatever_zone_they_came_in() -> None:
    event = a_room_event(starts_at=datetime.fromisoformat("2026-12-01T09:00:00+01:00"))
    item = calendar_item(ACME, a_mark(), event, ZONE)
    assert item.findtext(f"{T}Start") == "2026-12-01T08:00:00Z"
    assert item.findtext(f"{T}End") == "2026-12-01T09:00:00Z"


def test_both_zones_of_an_event_are_named() -> None:
    item = calendar_item(ACME, a_mark(), a_room_event(), ZONE)
    zones = [item.find(f"{T}StartTimeZone"), item.find(f"{T}EndTimeZone")]
    assert [zone.get("Id") for zone in zones if zone is not None] == [ZONE, ZONE]


def test_an_update_deletes_what_became_empty_and_leaves_the_reminder_alone() -> None:
    change = item_change("AAMk", ACME, a_mark(), a_room_event(subject=""), ZONE)
    deleted = [path.get("FieldURI") for path in change.iterfind(f"{T}Updates/{T}DeleteItemField/{T}FieldURI")]
    assert deleted == ["calendar:Recurrence", "item:Subject", "item:Categories", "calendar:Location"]
    assert b"Reminder" not in etree.tostring(change)


def test_an_update_sends_no_change_key() -> None:
    change = item_change("AAMk", ACME, a_mark(), a_room_event(), ZONE)
    item_id = change.find(f"{T}ItemId")
    assert item_id is not None
    assert item_id.items() == [("Id", "AAMk")]


def test_text_cannot_become_markup() -> None:
    hostile = "</t:Subject><t:Body>&lt;"
    event = a_room_event(subject=hostile, location=hostile, body=EventBody(content=hostile), categories=(hostile,))
    whole = etree.fromstring(etree.tostring(calendar_item(ACME, a_mark(hostile), event, ZONE)))
    texts = [whole.findtext(path) for path in (f"{T}Subject", f"{T}Location", f"{T}Body", f"{T}Categories/{T}String")]
    assert texts == [hostile] * 4
    assert whole.findtext(f"{T}ExtendedProperty/{T}Value") == f"acme/{hostile}"


def test_impersonation_stands_in_the_header_and_delegate_access_in_the_folder() -> None:
    room = RoomAddress("board@acme.example")
    impersonated = envelope(Mailbox(room, "impersonation"), find_items(Mailbox(room, "impersonation"), ["calendar"]))
    delegated = envelope(Mailbox(room, "delegate"), find_items(Mailbox(room, "delegate"), ["calendar"]))
    assert b"ExchangeImpersonation" in impersonated
    assert b"t:Mailbox" not in impersonated
    assert b"ExchangeImpersonation" not in delegated
    folder = etree.fromstring(delegated).find(f".//{M}ParentFolderIds/{T}DistinguishedFolderId")
    assert folder is not None
    assert folder.findtext(f"{T}Mailbox/{T}EmailAddress") == room
