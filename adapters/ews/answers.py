"""Reads EWS answers: one response message for each item or folder of the request, or a fault for all of it.

Read strictly and by ourselves: exchangelib's parser repairs broken XML, so a truncated answer passes for a whole one,
and it raises on one item's error, which loses the ids of the items that were created. Not with lxml, which lets go of
Python's lock to parse 20 µs' worth, and then waits for it while the ledger's thread has it.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeAlias, TypeVar
from xml.etree import ElementTree

from adapters.calendar import ItemRef
from adapters.ews.names import SOAP, M, T
from adapters.ews.xml_text import Unreadable, read_xml
from adapters.exchange.marks import BOOKING, NEVER, VERSION, MarkedItem
from adapters.exchange.retry_after import back_off_s

Part: TypeAlias = ElementTree.Element
"""An element of an answer."""

Item = TypeVar("Item")

NO_CODE = "(no code)"
"""Stands for a response code that is missing, or that is no word."""

_ID_CHARACTERS = 512
"""Source: Microsoft, "EWS identifiers in Exchange"."""
_HEAD_BYTES = 4096
_COUNT_MAX = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """Why Exchange did not do something: its response codes, and the wait that it named, if any.

    MessageText is left out on purpose: it may repeat subjects and people.
    """

    code: str
    inner_code: str | None = None
    back_off_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Item]):
    """A page of one folder; `next_offset` is None on the last one, `total` counts all pages."""

    items: tuple[Item, ...]
    next_offset: int | None
    total: int


def messages(content: bytes) -> list[Part] | Complaint:
    """The response messages in the order of the request, or the fault that stands for all of it.

    Raises:
        Unreadable: neither is there.
    """
    body = read_xml(content).find(f"{SOAP}Body")
    answer = next(iter(body), None) if body is not None else None
    if answer is None:
        raise Unreadable("Body is missing or empty")
    if answer.tag == f"{SOAP}Fault":
        return _fault(answer)
    listed = answer.find(f"{M}ResponseMessages")
    if listed is None:
        raise Unreadable("ResponseMessages is missing")
    return list(listed)


def begins_like_exchanges(content: bytes) -> bool:
    """Whether an answer that cannot be read begins as Exchange's do: it may be cut off, or one value of it be odd."""
    return M.strip("{}").encode() in content[:_HEAD_BYTES].replace(b"\0", b"")


def fault(content: bytes) -> Complaint | None:
    """The SOAP fault in an answer of any HTTP status, if it is one."""
    try:
        found = messages(content)
    except Unreadable:
        return None
    return found if isinstance(found, Complaint) else None


def complaint(message: Part) -> Complaint | None:
    """What one response message complains of; None on success.

    Source: Microsoft, "ResponseCode". A warning that is not `NoError` (ErrorBatchProcessingStopped) is a complaint.
    """
    code = (message.findtext(f"{M}ResponseCode") or "").strip()
    if code == "NoError":
        return None
    return _complaint(code, message.find(f"{M}MessageXml"))


def written_ref(message: Part) -> ItemRef | None:
    """The id of the item that was created or updated; None where it cannot be read."""
    return _ref(message.find(f"{M}Items/*/{T}ItemId"))


def page(message: Part, read_item: Callable[[Part], Item | None], *, offset: int) -> Page[Item]:
    """One folder's page of a FindItem answer that was asked for from `offset` on.

    Args:
        read_item: gives None for what may be left out; raises `Unreadable` for what must not be overlooked.

    Raises:
        Unreadable: it lacks what the schema promises.
    """
    folder = message.find(f"{M}RootFolder")
    items = folder.find(f"{T}Items") if folder is not None else None
    if folder is None or items is None:
        raise Unreadable("RootFolder or Items is missing")
    last = folder.get("IncludesLastItemInRange")
    if last not in ("true", "1", "false", "0"):
        raise Unreadable("IncludesLastItemInRange is missing")
    following = folder.get("IndexedPagingOffset")
    next_offset = offset + len(items) if following is None else _count(following, "IndexedPagingOffset")
    return Page(
        items=tuple(item for item in map(read_item, items) if item is not None),
        next_offset=None if last in ("true", "1") else next_offset,
        total=_count(folder.get("TotalItemsInView"), "TotalItemsInView"),
    )


def marked_item(item: Part) -> MarkedItem | None:
    """An item with its marks, both empty where nobody marked it; None for an unmarked one without an id.

    Raises:
        Unreadable: it is marked, and its id is missing: it must not pass for absent.
    """
    values = dict(_own_properties(item))
    ref = ref_of(item)
    if ref is None and values.get(BOOKING):
        raise Unreadable("ItemId is missing")
    if ref is None:
        return None
    return MarkedItem(
        ref=ref,
        created_at=instant(item, "DateTimeCreated"),
        booking=values.get(BOOKING, ""),
        version=values.get(VERSION, ""),
    )


def ref_of(item: Part) -> ItemRef | None:
    """Where an item lies; None where its id cannot be read."""
    return _ref(item.find(f"{T}ItemId"))


def instant(item: Part, name: str) -> datetime:
    """An instant of an item, in UTC unless it says otherwise, always as UTC; `NEVER` where it cannot be read."""
    try:
        moment = datetime.fromisoformat((item.findtext(f"{T}{name}") or "").strip())
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return NEVER


def body_text(message: Part) -> str:
    """The body of the item in a GetItem answer."""
    return message.findtext(f"{M}Items/*/{T}Body") or ""


def _fault(element: Part) -> Complaint:
    """Without `detail` its code stands in `faultcode`, behind a prefix and before dots (SOAP 1.1, 4.4.1)."""
    code = element.findtext("detail/{*}ResponseCode") or element.findtext("faultcode") or ""
    return _complaint(code.strip().rpartition(":")[2].partition(".")[0], element.find("detail/{*}MessageXml"))


def _complaint(code: str, details: Part | None) -> Complaint:
    values = {} if details is None else {each.get("Name"): each.text or "" for each in details.iter(f"{T}Value")}
    inner_code = values.get("InnerErrorResponseCode")
    return Complaint(
        code=_word(code),
        inner_code=_word(inner_code) if inner_code else None,
        back_off_s=back_off_s(values.get("BackOffMilliseconds", "")),
    )


def _word(code: str) -> str:
    """A response code, and never anything else that might be shown to people."""
    return code if re.fullmatch(r"[A-Za-z][A-Za-z0-9]{0,79}", code) else NO_CODE


def _own_properties(item: Part) -> Iterator[tuple[str, str]]:
    for element in item.iterfind(f"{T}ExtendedProperty"):
        path = element.find(f"{T}ExtendedFieldURI")
        name = None if path is None else path.get("PropertyName")
        if name:
            yield name, element.findtext(f"{T}Value") or ""


def _ref(element: Part | None) -> ItemRef | None:
    item_id = None if element is None else element.get("Id")
    if element is None or not item_id or len(item_id) > _ID_CHARACTERS:
        return None
    change_key = element.get("ChangeKey")
    is_one = change_key is not None and len(change_key) <= _ID_CHARACTERS
    return ItemRef(item_id=item_id, change_key=change_key if is_one else None)


def _count(text: str | None, name: str) -> int:
    if text is None or not re.fullmatch(r"[0-9]{1,10}", text.strip()) or int(text) > _COUNT_MAX:
        raise Unreadable(f"{name} is missing or no count")
    return int(text)
