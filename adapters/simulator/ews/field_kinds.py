"""The kinds of fields an item has: how each is written, read, emptied and compared."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from adapters.simulator.content import Item
from adapters.simulator.ews import times
from adapters.simulator.ews.draft import Draft
from adapters.simulator.ews.soap import attribute, text
from adapters.simulator.ews.xml import Element


@dataclass(frozen=True, slots=True)
class Options:
    """How an answer wants its fields: `limit` cuts texts (FindItem), `body` asks for a kind of body."""

    limit: int | None = None
    body: str = "Best"


Comparable = str | bool | int | datetime
Write = Callable[[Item, Options], str]
Read = Callable[[Draft, Element], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field: `write` gives its element or nothing; `read` and `clear` are None where a client may not; `value` is
    what restrictions and sort orders compare, None where they cannot."""

    write: Write
    read: Read | None = None
    clear: Callable[[Draft], None] | None = None
    value: Callable[[Item], Comparable] | None = None


def kept_text(name: str, member: str, *, empty: str = "") -> Field:
    """A text or a choice in the content's `member`; not written while it is empty."""

    def write(item: Item, options: Options) -> str:
        value: str = getattr(item.content, member)
        return f"<t:{name}>{text(value[: options.limit])}</t:{name}>" if value else ""

    def read(draft: Draft, element: Element) -> None:
        setattr(draft.content, member, element.text or "")

    return Field(write=write, read=read, clear=_resetting(member, empty), value=_member(member))


def kept_flag(name: str, member: str) -> Field:
    """A truth in the content's `member`."""

    def read(draft: Draft, element: Element) -> None:
        setattr(draft.content, member, (element.text or "").strip() in {"true", "1"})

    return Field(
        write=lambda item, _: f"<t:{name}>{'true' if getattr(item.content, member) else 'false'}</t:{name}>",
        read=read,
        clear=_resetting(member, False),
        value=_member(member),
    )


def kept_number(name: str, member: str, *, empty: int) -> Field:
    """A whole number in the content's `member`."""

    def read(draft: Draft, element: Element) -> None:
        setattr(draft.content, member, int(element.text or "0"))

    return Field(
        write=lambda item, _: f"<t:{name}>{getattr(item.content, member)}</t:{name}>",
        read=read,
        clear=_resetting(member, empty),
        value=_member(member),
    )


def kept_time(name: str, member: str, read: Read) -> Field:
    """An instant in the content's `member`; the draft decides what a text without an offset means."""
    return Field(
        write=lambda item, _: f"<t:{name}>{times.wire(getattr(item.content, member))}</t:{name}>",
        read=read,
        value=_member(member),
    )


def kept_zone(name: str, member: str) -> Field:
    """A time zone in the content's `member`. Reading raises ItemError for one that Windows does not have."""

    def write(item: Item, _: Options) -> str:
        windows_id = getattr(item.content, member)
        return f"<t:{name} Id={attribute(windows_id)} Name={attribute(windows_id)}/>" if windows_id else ""

    def read(draft: Draft, element: Element) -> None:
        windows_id = element.get("Id") or ""
        times.zone_or_error(windows_id)
        setattr(draft.content, member, windows_id)

    return Field(write=write, read=read)


def kept_aside(name: str) -> Field:
    """A value that is kept and given back without a meaning here."""

    def write(item: Item, _: Options) -> str:
        value = item.content.other.get(name)
        return "" if value is None else f"<t:{name}>{text(value)}</t:{name}>"

    def read(draft: Draft, element: Element) -> None:
        draft.content.other[name] = element.text or ""

    def clear(draft: Draft) -> None:
        draft.content.other.pop(name, None)

    return Field(write=write, read=read, clear=clear, value=lambda item: item.content.other.get(name, ""))


def computed(name: str, value: Callable[[Item], Comparable]) -> Field:
    """A value that only the server sets."""
    return Field(write=lambda item, _: f"<t:{name}>{_plain(value(item))}</t:{name}>", value=value)


def _member(member: str) -> Callable[[Item], Comparable]:
    def value(item: Item) -> Comparable:
        found: Comparable = getattr(item.content, member)
        return found

    return value


def _resetting(member: str, empty: object) -> Callable[[Draft], None]:
    return lambda draft: setattr(draft.content, member, empty)


def _plain(value: Comparable) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return times.wire(value) if isinstance(value, datetime) else text(str(value))
