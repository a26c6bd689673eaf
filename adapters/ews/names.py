"""XML names of EWS."""

from typing import TypeAlias

from lxml import etree

from adapters.exchange.marks import PROPERTY_SET_ID

Element: TypeAlias = etree._Element  # noqa: SLF001  # lxml has no public name for its elements

SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
M = "{http://schemas.microsoft.com/exchange/services/2006/messages}"
T = "{http://schemas.microsoft.com/exchange/services/2006/types}"
PREFIXES = {"s": SOAP[1:-1], "m": M[1:-1], "t": T[1:-1]}


def property_path(name: str) -> dict[str, str]:
    """Attributes of the `ExtendedFieldURI` of one of our named properties (docs/contract.md#marks)."""
    return {"PropertySetId": PROPERTY_SET_ID, "PropertyName": name, "PropertyType": "String"}
