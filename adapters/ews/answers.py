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
from adapters.ews.names import BOOKING, SOAP, VERSION, M, T

Part: TypeAlias = ElementTree.Element
"""An element of an answer."""

Item = TypeVar("Item")

_PIECE_BYTES = 64 * 1024
"""A long answer is read beside the event loop, which gets Python's lock in between."""


class Unreadable(Exception):
    """The answer is no EWS answer, or not all of it arrived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """Why Exchange did not do something: its response codes, and the wait that it named, if any.

    MessageText is left out on purpose: it may repeat subjects and people.
    """

    code: str
    inner_code: str | None = None
    back_off_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedItem:
    """An item of a search: `booking` and `version` are the raw values of our two properties."""

    ref: ItemRef
    created_at: datetime
    booking: str
    version: str


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
    body = _root(content).find(f"{SOAP}Body")
    answer = next(iter(body), None) if body is not None else None
    if answer is None:
        raise Unreadable("empty answer")
    if answer.tag == f"{SOAP}Fault":
        return _fault(answer)
    listed = answer.find(f"{M}ResponseMessages")
    if listed is None:
        raise Unreadable("no response messages")
    return list(listed)


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
    """The id of the item that was created or updated."""
    element = message.find(f"{M}Items/*/{T}ItemId")
    return None if element is None else _ref(element)


def page(message: Part, read_item: Callable[[Part], Item], *, offset: int) -> Page[Item]:
    """One folder's page of a FindItem answer that was asked for from `offset` on.

    Raises:
        Unreadable: it lacks what the schema promises.
    """
    folder = message.find(f"{M}RootFolder")
    items = folder.find(f"{T}Items") if folder is not None else None
    if folder is None or items is None:
        raise Unreadable("no page")
    try:
        is_last = folder.attrib["IncludesLastItemInRange"] in ("true", "1")
        next_offset = None if is_last else int(folder.get("IndexedPagingOffset") or offset + len(items))
        found = tuple(read_item(item) for item in items)
        return Page(items=found, next_offset=next_offset, total=int(folder.attrib["TotalItemsInView"]))
    except (KeyError, ValueError) as wrong:
        raise Unreadable(f"page: {type(wrong).__name__}") from wrong


def marked_item(item: Part) -> MarkedItem:
    """An item with its marks, both empty where nobody marked it. Raises KeyError, ValueError."""
    values = dict(_own_properties(item))
    return MarkedItem(
        ref=ref_of(item),
        created_at=instant(item, "DateTimeCreated"),
        booking=values.get(BOOKING, ""),
        version=values.get(VERSION, ""),
    )


def ref_of(item: Part) -> ItemRef:
    """Where an item lies. Raises KeyError."""
    element = item.find(f"{T}ItemId")
    if element is None:
        raise KeyError("ItemId")
    return _ref(element)


def instant(item: Part, name: str) -> datetime:
    """An instant of an item, in UTC unless it says otherwise. Raises KeyError, ValueError."""
    text = item.findtext(f"{T}{name}")
    if text is None:
        raise KeyError(name)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def body_text(message: Part) -> str:
    """The body of the item in a GetItem answer."""
    return message.findtext(f"{M}Items/*/{T}Body") or ""


class _Strict(ElementTree.TreeBuilder):
    """SOAP 1.1, 3: no document type. So there are no entities that could expand or be fetched."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        """As in `TreeBuilder`."""
        raise Unreadable("a document type")


def _root(content: bytes) -> Part:
    parser = ElementTree.XMLParser(target=_Strict())  # noqa: S314 - see `_Strict`
    try:
        for start in range(0, len(content), _PIECE_BYTES):
            parser.feed(content[start : start + _PIECE_BYTES])
        return parser.close()
    except (ElementTree.ParseError, ValueError, LookupError) as broken:
        raise Unreadable("no whole XML") from broken


def _fault(element: Part) -> Complaint:
    """A fault may lack `detail`; then its code stands in `faultcode`, behind a prefix."""
    code = element.findtext("detail/{*}ResponseCode") or element.findtext("faultcode") or ""
    return _complaint(code.strip().rpartition(":")[2], element.find("detail/{*}MessageXml"))


def _complaint(code: str, details: Part | None) -> Complaint:
    values = {} if details is None else {each.get("Name"): each.text or "" for each in details.iter(f"{T}Value")}
    inner_code = values.get("InnerErrorResponseCode")
    return Complaint(
        code=_word(code), inner_code=_word(inner_code) if inner_code else None, back_off_s=_seconds(values)
    )


def _seconds(values: dict[str | None, str]) -> float | None:
    milliseconds = values.get("BackOffMilliseconds", "")
    return int(milliseconds) / 1000 if milliseconds.isdecimal() else None


def _word(code: str) -> str:
    """A response code, and never anything else that might be shown to people."""
    return code if re.fullmatch(r"[A-Za-z]{1,80}", code) else "(no code)"


def _own_properties(item: Part) -> Iterator[tuple[str, str]]:
    for element in item.iterfind(f"{T}ExtendedProperty"):
        path = element.find(f"{T}ExtendedFieldURI")
        name = None if path is None else path.get("PropertyName")
        if name:
            yield name, element.findtext(f"{T}Value") or ""


def _ref(element: Part) -> ItemRef:
    return ItemRef(item_id=str(element.attrib["Id"]), change_key=element.get("ChangeKey"))
