"""The element type of lxml, which has no public name, and the one look-up that everybody needs."""

from lxml import etree

Element = etree._Element  # noqa: SLF001  # lxml gives its elements no other name


def child(element: Element, name: str) -> Element:
    """Give a child that the grammar demands; its absence is a mistake of this package."""
    found = element.find(name)
    if found is None:
        raise LookupError(f"{element.tag!s} without {name}")
    return found
