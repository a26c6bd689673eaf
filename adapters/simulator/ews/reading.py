"""Reads the elements of an item into a draft, for new items and for single changes."""

from lxml import etree

from adapters.simulator.ews import properties
from adapters.simulator.ews.draft import Draft
from adapters.simulator.ews.fields import FIELDS
from adapters.simulator.ews.soap import ItemError, T
from adapters.simulator.ews.xml import Element


def read_item(element: Element, draft: Draft) -> None:
    """Read everything that an item's element says. Raises ItemError."""
    for child in element:
        read_field(child, draft)


def read_field(child: Element, draft: Draft) -> None:
    """Read one field of an item. Raises ItemError for one that clients may not set."""
    if child.tag == f"{T}ExtendedProperty":
        key = properties.key_of(child[0])
        draft.content.properties[key] = properties.value_of(child, key)
        return
    field = FIELDS.get(etree.QName(child).localname)
    if field is None or field.read is None:
        raise ItemError("ErrorInvalidPropertySet", "Set action is invalid for property.")
    field.read(draft, child)
