"""Extended properties on the wire: which attributes may stand together, and which values fit a type.

Source: the ExtendedFieldURI and ExtendedProperty pages of the EWS reference.
"""

import base64
import binascii
from datetime import datetime

from adapters.simulator.content import PropertyKey, PropertyValue
from adapters.simulator.ews.soap import ItemError, T, attribute, text
from adapters.simulator.ews.xml import Element

_WELL_KNOWN = {
    "Meeting": "6ed8da90-450b-101b-98da-00aa003f1305",
    "Appointment": "00062002-0000-0000-c000-000000000046",
    "Common": "00062008-0000-0000-c000-000000000046",
    "PublicStrings": "00020329-0000-0000-c000-000000000046",
    "Address": "00062004-0000-0000-c000-000000000046",
    "InternetHeaders": "00020386-0000-0000-c000-000000000046",
    "CalendarAssistant": "11000e07-b51b-40d6-af21-caa85edab1d0",
    "UnifiedMessaging": "4442858e-a9e3-4e80-b900-317a210cc15b",
    "Task": "00062003-0000-0000-c000-000000000046",
    "Sharing": "00062040-0000-0000-c000-000000000046",
}
_WHOLE = {"Short", "Integer", "Long"}
_REAL = {"Float", "Double", "Currency", "ApplicationTime"}


def key_of(uri: Element) -> PropertyKey:
    """Read an ExtendedFieldURI. Raises ItemError with ErrorInvalidExtendedProperty for a bad set of attributes."""
    given = {str(name): str(value) for name, value in uri.attrib.items()}
    kind = given.pop("PropertyType")
    sets = given.keys() & {"PropertySetId", "DistinguishedPropertySetId"}
    names = given.keys() & {"PropertyName", "PropertyId"}
    if "PropertyTag" in given:
        tag = int(given["PropertyTag"], 16)
        if len(given) > 1 or 0x8000 <= tag <= 0xFFFE:
            raise _bad_combination()
        return PropertyKey("", f"#{tag}", kind)
    if len(sets) != 1 or len(names) != 1 or kind in {"Error", "Null", "Object", "ObjectArray"}:
        raise _bad_combination()
    well_known = given.get("DistinguishedPropertySetId")
    property_set = _WELL_KNOWN[well_known] if well_known else given["PropertySetId"].lower()
    name = given.get("PropertyName")
    return PropertyKey(property_set, f"#{given['PropertyId']}" if name is None else name, kind)


def value_of(element: Element, key: PropertyKey) -> PropertyValue:
    """Read an ExtendedProperty's value. Raises ItemError when it does not fit the property's type."""
    values = element.find(f"{T}Values")
    if (values is not None) != key.type.endswith("Array"):
        raise ItemError("ErrorInvalidExtendedPropertyValue", "The property's value does not fit its type.")
    texts = tuple(one.text or "" for one in ([element[1]] if values is None else values))
    for one in texts:
        if not _fits(one, key.type.removesuffix("Array")):
            raise ItemError("ErrorInvalidExtendedPropertyValue", "The property's value does not fit its type.")
    return texts[0] if values is None else texts


def uri_xml(uri: Element) -> str:
    """Write the ExtendedFieldURI as the client wrote it."""
    attributes = "".join(f" {name!s}={attribute(str(value))}" for name, value in uri.attrib.items())
    return f"<t:ExtendedFieldURI{attributes}/>"


def property_xml(uri: str, value: PropertyValue, *, limit: int | None) -> str:
    """Write an ExtendedProperty; `limit`: how many characters of a text are given."""
    if isinstance(value, str):
        inside = f"<t:Value>{text(value[:limit])}</t:Value>"
    else:
        inside = "<t:Values>" + "".join(f"<t:Value>{text(one[:limit])}</t:Value>" for one in value) + "</t:Values>"
    return f"<t:ExtendedProperty>{uri}{inside}</t:ExtendedProperty>"


def _bad_combination() -> ItemError:
    return ItemError("ErrorInvalidExtendedProperty", "The attributes of the extended property do not go together.")


def _fits(value: str, kind: str) -> bool:
    try:
        if kind in _WHOLE:
            int(value)
        elif kind in _REAL:
            float(value)
        elif kind == "Boolean":
            return value.strip() in {"true", "false", "1", "0"}
        elif kind == "Binary":
            base64.b64decode(value, validate=True)
        elif kind == "SystemTime":
            datetime.fromisoformat(value)
    except (ValueError, binascii.Error):
        return False
    return True
