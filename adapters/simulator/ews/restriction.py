"""Restrictions of FindItem: which items match, and, by the folder's index, which ones need to be looked at.

Texts are compared without case, as Exchange does. Source: the Restriction page of the EWS reference.
"""

import operator
from collections.abc import Callable
from datetime import datetime
from typing import Any

from lxml import etree

from adapters.simulator.content import Item, PropertyKey
from adapters.simulator.ews import properties, times
from adapters.simulator.ews.field_kinds import Comparable
from adapters.simulator.ews.fields import FIELDS, field_name
from adapters.simulator.ews.soap import ItemError, T
from adapters.simulator.ews.xml import Element
from adapters.simulator.store import Folder, in_order

_MOST_NODES = 255

Match = Callable[[Item], bool]
Value = Callable[[Item], Comparable | tuple[str, ...] | None]

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "IsEqualTo": operator.eq,
    "IsNotEqualTo": operator.ne,
    "IsGreaterThan": operator.gt,
    "IsGreaterThanOrEqualTo": operator.ge,
    "IsLessThan": operator.lt,
    "IsLessThanOrEqualTo": operator.le,
}


def matching(folder: Folder, restriction: Element | None) -> list[Item]:
    """Give the items of a folder that match, in the order of their arrival. Raises ItemError."""
    if restriction is None:
        return list(folder.items.values())
    if sum(1 for _ in restriction.iterdescendants()) > 4 * _MOST_NODES or _nodes(restriction) > _MOST_NODES:
        raise ItemError("ErrorRestrictionTooLong", "The restriction has too many nodes.")
    matches = _compile(restriction[0])
    candidates = _candidates(folder, restriction[0])
    items = folder.items.values() if candidates is None else in_order(folder, candidates)
    return [item for item in items if matches(item)]


def path_value(path: Element) -> Value:
    """Give the function that reads a path's value from an item. Raises ItemError for a path nobody can compare."""
    if path.tag == f"{T}ExtendedFieldURI":
        key = properties.key_of(path)
        return lambda item: _typed(item.content.properties.get(key), key)
    field = FIELDS.get(field_name(path.get("FieldURI") or ""))
    if field is None or field.value is None:
        raise ItemError("ErrorUnsupportedPathForQuery", "The property can not be used in a restriction.")
    return field.value


def _nodes(restriction: Element) -> int:
    names = {f"{T}{name}" for name in (*_COMPARISONS, "And", "Or", "Not", "Exists", "Contains", "Excludes")}
    return sum(1 for element in restriction.iterdescendants() if element.tag in names)


def _compile(element: Element) -> Match:
    name = etree.QName(element).localname
    if name in {"And", "Or"}:
        parts = [_compile(child) for child in element]
        every = name == "And"
        return lambda item: all(part(item) for part in parts) if every else any(part(item) for part in parts)
    if name == "Not":
        inner = _compile(element[0])
        return lambda item: not inner(item)
    value = path_value(element[0])
    if name == "Exists":
        return lambda item: value(item) not in {None, ""}
    if name == "Contains":
        return _contains(element, value)
    if name == "Excludes":
        mask = int(element[1].get("Value") or "0", 0)
        return lambda item: isinstance(found := value(item), int) and not found & mask
    return _comparison(_COMPARISONS[name], value, element[1][0])


def _comparison(compare: Callable[[object, object], bool], value: Value, other: Element) -> Match:
    if other.tag != f"{T}Constant":
        other_value = path_value(other)
        return lambda item: _compared(compare, value(item), other_value(item))
    constant = other.get("Value") or ""

    def match(item: Item) -> bool:
        found = value(item)
        return _compared(compare, found, _like(found, constant))

    return match


def _compared(compare: Callable[[object, object], bool], one: object, other: object) -> bool:
    if one is None or other is None:
        # A property that an item does not have differs from every value and is neither more nor less.
        return compare is operator.ne and one is not other
    if isinstance(one, str) and isinstance(other, str):
        return compare(one.casefold(), other.casefold())
    return type(one) is type(other) and compare(one, other)


def _like(found: object, constant: str) -> object:
    """Read a constant as the type of what it is compared with."""
    if isinstance(found, bool):
        return constant.strip() in {"true", "1"}
    if isinstance(found, datetime):
        return times.instant(constant, None)
    if isinstance(found, int):
        return int(constant) if constant.strip().lstrip("+-").isdigit() else None
    return constant


def _typed(value: str | tuple[str, ...] | None, key: PropertyKey) -> Comparable | tuple[str, ...] | None:
    if not isinstance(value, str):
        return value
    if key.type in {"Integer", "Long", "Short"}:
        return int(value)
    if key.type == "Boolean":
        return value.strip() in {"true", "1"}
    return times.instant(value, None) if key.type == "SystemTime" else value


def _contains(element: Element, value: Value) -> Match:
    exact = (element.get("ContainmentComparison") or "Exact") == "Exact"
    mode = element.get("ContainmentMode") or "FullString"
    wanted = element[1].get("Value") or ""
    wanted = wanted if exact else wanted.casefold()

    def match(item: Item) -> bool:
        found = value(item)
        if not isinstance(found, str):
            return False
        held = found if exact else found.casefold()
        if mode == "FullString":
            return held == wanted
        return held.startswith(wanted) if mode == "Prefixed" else wanted in held

    return match


def _candidates(folder: Folder, element: Element) -> set[str] | None:
    """Give ids among which all matches are, None when only looking at every item tells."""
    name = etree.QName(element).localname
    if name == "Or":
        parts = [_candidates(folder, child) for child in element]
        return None if None in parts else set().union(*(part for part in parts if part is not None))
    if name == "And":
        return next((part for child in element if (part := _candidates(folder, child)) is not None), None)
    if name not in {"IsEqualTo", "Exists"} or element[0].tag != f"{T}ExtendedFieldURI":
        return None
    key = properties.key_of(element[0])
    if name == "Exists":
        return folder.having(key)
    constant = element[1][0].get("Value")
    return folder.equal(key, constant) if key.type == "String" and constant is not None else None
