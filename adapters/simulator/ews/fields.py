"""The table of an item's fields by element name; a search reads them by their FieldURI.

Source: the CalendarItem page of the EWS reference.
"""

from adapters.simulator import ids
from adapters.simulator.content import Item
from adapters.simulator.directory import display_name
from adapters.simulator.ews.bodies import body_xml
from adapters.simulator.ews.draft import Draft
from adapters.simulator.ews.field_kinds import (
    Field,
    Options,
    computed,
    kept_aside,
    kept_flag,
    kept_number,
    kept_text,
    kept_time,
    kept_zone,
)
from adapters.simulator.ews.grammar import CALENDAR_ITEM_ORDER
from adapters.simulator.ews.people import attendees, mailbox_xml
from adapters.simulator.ews.soap import ItemError, text
from adapters.simulator.ews.xml import Element

NOT_IN_A_SEARCH = frozenset({"Body", "TextBody", "MimeContent", "Attachments", "UniqueBody", "NormalizedBody"})
"""FindItem refuses these; GetItem gives them. Source: the FindItem operation's page."""


def item_id_xml(item: Item) -> str:
    """Write an item's id and change key."""
    return f'<t:ItemId Id="{item.item_id}" ChangeKey="{ids.change_key(item.change)}"/>'


def _parent_xml(item: Item, _: Options) -> str:
    return f'<t:ParentFolderId Id="{ids.folder_id(item.address, item.folder)}" ChangeKey="AQAAAA=="/>'


def _organizer_xml(item: Item, _: Options) -> str:
    return f"<t:Organizer>{mailbox_xml(display_name(item.address), item.address)}</t:Organizer>"


def _read_start(draft: Draft, element: Element) -> None:
    draft.start_text = element.text or ""


def _read_end(draft: Draft, element: Element) -> None:
    draft.end_text = element.text or ""


def _read_body(draft: Draft, element: Element) -> None:
    draft.content.body = element.text or ""
    draft.content.body_type = "HTML" if element.get("BodyType") == "HTML" else "Text"


def _clear_body(draft: Draft) -> None:
    draft.content.body = ""


def _read_categories(draft: Draft, element: Element) -> None:
    draft.content.categories = tuple(one.text or "" for one in element)


def _clear_categories(draft: Draft) -> None:
    draft.content.categories = ()


def _categories_xml(item: Item, _: Options) -> str:
    inside = "".join(f"<t:String>{text(one)}</t:String>" for one in item.content.categories)
    return f"<t:Categories>{inside}</t:Categories>" if inside else ""


def _read_recurrence(_: Draft, __: Element) -> None:
    raise ItemError("ErrorCalendarInvalidRecurrence", "This stand-in for Exchange takes no recurring events.")


def _recurrence_xml(item: Item, _: Options) -> str:
    inside = item.content.recurrence
    return f"<t:Recurrence>{inside}</t:Recurrence>" if inside else ""


def _clear_recurrence(draft: Draft) -> None:
    draft.content.recurrence = None


_RIGHTS = (
    "<t:EffectiveRights><t:CreateAssociated>false</t:CreateAssociated><t:CreateContents>false</t:CreateContents>"
    "<t:CreateHierarchy>false</t:CreateHierarchy><t:Delete>true</t:Delete><t:Modify>true</t:Modify>"
    "<t:Read>true</t:Read><t:ViewPrivateItems>true</t:ViewPrivateItems></t:EffectiveRights>"
)

FIELDS: dict[str, Field] = {
    "ItemId": Field(write=lambda item, _: item_id_xml(item)),
    "ParentFolderId": Field(write=_parent_xml),
    "ItemClass": computed("ItemClass", lambda _: "IPM.Appointment"),
    "Subject": kept_text("Subject", "subject"),
    "Sensitivity": kept_text("Sensitivity", "sensitivity", empty="Normal"),
    "Body": Field(
        write=lambda item, options: body_xml("Body", item.content, options.body), read=_read_body, clear=_clear_body
    ),
    "DateTimeReceived": computed("DateTimeReceived", lambda item: item.created_at),
    "Size": computed("Size", lambda item: 1024 + len(item.content.subject) + len(item.content.body)),
    "Categories": Field(write=_categories_xml, read=_read_categories, clear=_clear_categories),
    "Importance": kept_text("Importance", "importance", empty="Normal"),
    "IsSubmitted": computed("IsSubmitted", lambda _: False),
    "IsDraft": computed("IsDraft", lambda _: False),
    "IsFromMe": computed("IsFromMe", lambda _: False),
    "IsResend": computed("IsResend", lambda _: False),
    "IsUnmodified": computed("IsUnmodified", lambda item: item.created_at == item.modified_at),
    "DateTimeSent": computed("DateTimeSent", lambda item: item.created_at),
    "DateTimeCreated": computed("DateTimeCreated", lambda item: item.created_at),
    "ReminderDueBy": computed("ReminderDueBy", lambda item: item.content.start_at),
    "ReminderIsSet": kept_flag("ReminderIsSet", "reminder_set"),
    "ReminderMinutesBeforeStart": kept_number("ReminderMinutesBeforeStart", "reminder_minutes", empty=15),
    "HasAttachments": computed("HasAttachments", lambda _: False),
    "Culture": kept_aside("Culture"),
    "EffectiveRights": Field(write=lambda _, __: _RIGHTS),
    "LastModifiedTime": computed("LastModifiedTime", lambda item: item.modified_at),
    "IsAssociated": computed("IsAssociated", lambda _: False),
    "TextBody": Field(write=lambda item, _: body_xml("TextBody", item.content, "Text")),
    "UID": kept_text("UID", "uid"),
    "DateTimeStamp": computed("DateTimeStamp", lambda item: item.modified_at),
    "Start": kept_time("Start", "start_at", _read_start),
    "End": kept_time("End", "end_at", _read_end),
    "IsAllDayEvent": kept_flag("IsAllDayEvent", "all_day"),
    "LegacyFreeBusyStatus": kept_text("LegacyFreeBusyStatus", "show_as", empty="Busy"),
    "Location": kept_text("Location", "location"),
    "IsMeeting": computed("IsMeeting", lambda item: bool(item.content.attendees)),
    "IsCancelled": computed("IsCancelled", lambda _: False),
    "IsRecurring": computed("IsRecurring", lambda item: item.content.recurrence is not None),
    "MeetingRequestWasSent": computed("MeetingRequestWasSent", lambda _: False),
    "IsResponseRequested": kept_aside("IsResponseRequested"),
    "CalendarItemType": computed(
        "CalendarItemType", lambda item: "RecurringMaster" if item.content.recurrence else "Single"
    ),
    "MyResponseType": computed("MyResponseType", lambda _: "Organizer"),
    "Organizer": Field(write=_organizer_xml),
    "RequiredAttendees": attendees("RequiredAttendees", "required"),
    "OptionalAttendees": attendees("OptionalAttendees", "optional"),
    "Resources": attendees("Resources", "resource"),
    "Recurrence": Field(write=_recurrence_xml, read=_read_recurrence, clear=_clear_recurrence),
    "StartTimeZone": kept_zone("StartTimeZone", "start_zone"),
    "EndTimeZone": kept_zone("EndTimeZone", "end_zone"),
    "ConferenceType": kept_aside("ConferenceType"),
    "AllowNewTimeProposal": kept_aside("AllowNewTimeProposal"),
    "IsOnlineMeeting": kept_aside("IsOnlineMeeting"),
    "MeetingWorkspaceUrl": kept_aside("MeetingWorkspaceUrl"),
    "NetShowUrl": kept_aside("NetShowUrl"),
    "IsOrganizer": computed("IsOrganizer", lambda _: True),
    "DoNotForwardMeeting": kept_aside("DoNotForwardMeeting"),
}
"""Fields that are not here may be asked for and have no value."""

POSITIONS = {name.rstrip("*"): place for place, name in enumerate(CALENDAR_ITEM_ORDER)}

_CALENDAR_FIELDS_FROM = POSITIONS["UID"]


def field_name(uri: str) -> str:
    """Give the element of `item:Subject`; a field of other kinds of items keeps its whole URI and has no value."""
    kind, _, name = uri.partition(":")
    place = POSITIONS.get(name)
    if place is None or kind != ("calendar" if place >= _CALENDAR_FIELDS_FROM else "item"):
        return uri
    return name


DEFAULT_SHAPE = (
    "ItemId",
    "Subject",
    "Start",
    "End",
    "Location",
    "HasAttachments",
    "IsAllDayEvent",
    "LegacyFreeBusyStatus",
    "IsMeeting",
    "CalendarItemType",
    "MyResponseType",
    "Organizer",
)
