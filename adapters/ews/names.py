"""XML names of EWS, and the two marks that make an event ours."""

from typing import TypeAlias

from lxml import etree

from adapters.calendar import BookingId, TenantName

Element: TypeAlias = etree._Element  # noqa: SLF001  # lxml has no public name for its elements

SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
M = "{http://schemas.microsoft.com/exchange/services/2006/messages}"
T = "{http://schemas.microsoft.com/exchange/services/2006/types}"
PREFIXES = {"s": SOAP[1:-1], "m": M[1:-1], "t": T[1:-1]}

PROPERTY_SET_ID = "19073e5e-9dac-4173-937f-aea45b36be2c"
BOOKING = "roomsync.booking"
VERSION = "roomsync.version"


def property_path(name: str) -> dict[str, str]:
    """Attributes of the `ExtendedFieldURI` of one of our named properties (docs/contract.md#marks)."""
    return {"PropertySetId": PROPERTY_SET_ID, "PropertyName": name, "PropertyType": "String"}


def booking_mark(tenant: TenantName, booking_id: BookingId) -> str:
    """The value of `roomsync.booking`: at most 251 characters, FindItem cuts at 255."""
    return f"{tenant}/{booking_id}"
