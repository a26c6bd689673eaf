"""Reads events whole, to be compared with what was written: members by a search, bodies by their ids.

A search gives no body and cuts long texts, and what a server keeps is not always what it was given (zones, fractions of
seconds): both sides are brought into the same form here.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from functools import partial

from adapters.calendar import FoundEvent, ItemRef, ReadEvent, RoomAddress, RoomEvent, RoomReading, StoredFields
from adapters.errors import CalendarError
from adapters.ews import answers
from adapters.ews.answers import Part
from adapters.ews.client import Exchange
from adapters.ews.items import SENSITIVITY, SHOW_AS
from adapters.ews.names import Element, T
from adapters.ews.queries import FolderName, Mailbox, get_bodies, list_items
from adapters.ews.reads import Search
from adapters.ews.response_codes import GONE
from adapters.ews.translate import error_of
from adapters.ews.xml_text import Unreadable
from adapters.exchange.marks import Marks
from adapters.exchange.zones import UTC_ID, Kept

BODIES_AT_ONCE = 10
"""Source: Microsoft, "Mailbox synchronization and EWS in Exchange"."""

_SEARCHED_UNITS = 255
"""What a search gives of a text at least, counted in UTF-16. Source: Microsoft, "FindItem operation"."""

# Outlook has a name of its own for UTC.
_UTC_IDS = frozenset({UTC_ID, "tzone://Microsoft/Utc", ""})


@dataclass(frozen=True, slots=True, kw_only=True)
class _WholeItem:
    ref: ItemRef
    event: ReadEvent | None


class Reading:
    """A reading of one room's whole calendar."""

    def __init__(self, exchange: Exchange, marks: Marks, room: RoomAddress) -> None:
        self._exchange = exchange
        self._marks = marks
        self._room = room

    async def read(self, unchanged: Collection[ItemRef]) -> RoomReading:
        """As `RoomCalendar.read`."""
        (items,) = await Search(self._exchange, self._room, ["calendar"], _request, self._item).all_items()
        if isinstance(items, CalendarError):
            raise items
        known = frozenset(unchanged)
        bodies = await self._bodies([item.ref for item in items if item.event is not None and item.ref not in known])
        return self.result(items, bodies)

    @staticmethod
    def result(items: Sequence["_WholeItem"], bodies: Mapping[str, str]) -> RoomReading:
        """What was read, with the bodies by item id."""
        return RoomReading(
            events=tuple(
                replace(item.event, members=replace(item.event.members, body=bodies.get(item.ref.item_id)))
                for item in items
                if item.event is not None
            ),
            foreign=tuple(item.ref for item in items if item.event is None),
        )

    def _item(self, item: Part) -> _WholeItem | None:
        marked = answers.marked_item(item)
        if marked is None:
            return None
        found = self._marks.ours(self._room, marked)
        return _WholeItem(ref=marked.ref, event=None if found is None else _read_event(item, found))

    async def _bodies(self, refs: Sequence[ItemRef]) -> dict[str, str]:
        """Plain texts by item id; what is gone by now is left out."""
        texts: dict[str, str] = {}
        for first in range(0, len(refs), BODIES_AT_ONCE):
            ids = [ref.item_id for ref in refs[first : first + BODIES_AT_ONCE]]
            request, read = partial(_bodies_request, ids), partial(self._texts, ids)
            deadline = self._exchange.deadline()
            texts |= await self._exchange.ask(self._room, request, read, is_write=False, deadline=deadline)
        return texts

    def _texts(self, ids: Sequence[str], messages: Sequence[Part]) -> dict[str, str]:
        if len(messages) != len(ids):
            raise Unreadable(f"{len(messages)} answers for {len(ids)} items")
        texts = [self._text(message) for message in messages]
        return {item_id: text for item_id, text in zip(ids, texts, strict=True) if text is not None}

    def _text(self, message: Part) -> str | None:
        complaint = answers.complaint(message)
        if complaint is None:
            return answers.body_text(message)
        if complaint.code in GONE:
            return None
        raise error_of(complaint, is_write=False, whole_tenant=self._exchange.is_delegate)


def as_stored(event: RoomEvent, kept: Kept) -> StoredFields:
    """As `RoomCalendar.as_stored`; `kept`: in which zone, and whether as whole days."""
    return StoredFields(
        subject=_searched(event.subject),
        starts_at=event.starts_at.astimezone(UTC).replace(microsecond=0),
        ends_at=event.ends_at.astimezone(UTC).replace(microsecond=0),
        time_zone=_zone(kept.zone_id),
        all_day=kept.all_day,
        location=_searched(event.location),
        categories=tuple(sorted(event.categories)),
        sensitivity=event.sensitivity,
        show_as=event.show_as,
        body=event.body.content if event.body.content_type == "text" else None,
    )


def _request(mailbox: Mailbox, _: Sequence[FolderName], offset: int) -> Element:
    return list_items(mailbox, offset=offset)


def _bodies_request(ids: Sequence[str], _: Mailbox) -> Element:
    return get_bodies(ids)


def _read_event(item: Part, found: FoundEvent) -> ReadEvent:
    zone = item.find(f"{T}StartTimeZone")
    members = StoredFields(
        subject=_searched(item.findtext(f"{T}Subject") or ""),
        starts_at=answers.instant(item, "Start").replace(microsecond=0),
        ends_at=answers.instant(item, "End").replace(microsecond=0),
        time_zone=None if zone is None else _zone(zone.get("Id")),
        all_day=item.findtext(f"{T}IsAllDayEvent") in ("true", "1"),
        location=_searched(item.findtext(f"{T}Location") or ""),
        categories=tuple(sorted(each.text or "" for each in item.iterfind(f"{T}Categories/{T}String"))),
        sensitivity=_ours_for(item.findtext(f"{T}Sensitivity") or "Normal", SENSITIVITY),
        show_as=_ours_for(item.findtext(f"{T}LegacyFreeBusyStatus") or "Busy", SHOW_AS),
        recurrence=(item.findtext(f"{T}CalendarItemType") or "Single") != "Single",
    )
    return ReadEvent(found=found, members=members)


def _zone(windows_id: str | None) -> str | None:
    return None if windows_id is None or windows_id in _UTC_IDS else windows_id


def _ours_for(theirs: str, table: dict[str, str]) -> str:
    return next((word for word, exchange_word in table.items() if exchange_word == theirs), theirs)


def _searched(text: str) -> str:
    return text.encode("utf-16-le")[: 2 * _SEARCHED_UNITS].decode("utf-16-le", errors="ignore")
