"""Which fields of an item an answer gives: the base shape and the additional properties of a request."""

from collections.abc import Callable
from functools import partial

from adapters.simulator.content import Item, PropertyKey
from adapters.simulator.ews import properties
from adapters.simulator.ews.field_kinds import Options, Write
from adapters.simulator.ews.fields import DEFAULT_SHAPE, FIELDS, NOT_IN_A_SEARCH, POSITIONS, field_name
from adapters.simulator.ews.soap import ItemError, T
from adapters.simulator.ews.xml import Element

SEARCH_CHARACTERS = 255
"""A search gives only so much of a text. Source: the FindItem operation's page."""

ItemXml = Callable[[Item], str]


def id_only(item: Item) -> str:
    """Write an item's identity and nothing else."""
    return f"<t:CalendarItem>{FIELDS['ItemId'].write(item, Options())}</t:CalendarItem>"


def read_shape(element: Element, *, search: bool) -> ItemXml:
    """Read an ItemShape into a function that writes items so. Raises ItemError for a field that may not be asked."""
    wanted: dict[int, list[Write]] = {}
    for name in _base_fields(element.findtext(f"{T}BaseShape") or "IdOnly", search=search):
        wanted[POSITIONS[name]] = [FIELDS[name].write]
    for path in element.iterfind(f"{T}AdditionalProperties/*"):
        if path.tag == f"{T}ExtendedFieldURI":
            wanted.setdefault(POSITIONS["ExtendedProperty"], []).append(_extended(path))
            continue
        name = field_name(path.get("FieldURI") or "")
        if search and name in NOT_IN_A_SEARCH:
            raise ItemError("ErrorInvalidPropertyRequest", "The property can not be used with this type of request.")
        if name in FIELDS:
            wanted[POSITIONS[name]] = [FIELDS[name].write]
    writers = [write for place in sorted(wanted) for write in wanted[place]]
    options = Options(SEARCH_CHARACTERS if search else None, element.findtext(f"{T}BodyType") or "Best")
    return partial(_write, writers, options)


def _write(writers: list[Write], options: Options, item: Item) -> str:
    return f"<t:CalendarItem>{''.join([write(item, options) for write in writers])}</t:CalendarItem>"


def _base_fields(base: str, *, search: bool) -> tuple[str, ...]:
    if base == "AllProperties":
        return tuple(name for name in FIELDS if not (search and name in NOT_IN_A_SEARCH))
    return DEFAULT_SHAPE if base == "Default" else ("ItemId",)


def _extended(path: Element) -> Write:
    key: PropertyKey = properties.key_of(path)
    uri = properties.uri_xml(path)

    def write(item: Item, options: Options) -> str:
        value = item.content.properties.get(key)
        return "" if value is None else properties.property_xml(uri, value, limit=options.limit)

    return write
