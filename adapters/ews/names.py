"""XML names of EWS."""

from typing import TypeAlias

from lxml import etree

from adapters.exchange.marks import BOOKING, PROPERTY_SET_ID, VERSION

Element: TypeAlias = etree._Element  # noqa: SLF001  # lxml has no public name for its elements

SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
M = "{http://schemas.microsoft.com/exchange/services/2006/messages}"
T = "{http://schemas.microsoft.com/exchange/services/2006/types}"
PREFIXES = {"s": SOAP[1:-1], "m": M[1:-1], "t": T[1:-1]}
PROPERTY_PATHS = {
    name: {"PropertySetId": PROPERTY_SET_ID, "PropertyName": name, "PropertyType": "String"}
    for name in (BOOKING, VERSION)
}
"""The attributes of the `ExtendedFieldURI` of each of our named properties (docs/contract.md#marks)."""
