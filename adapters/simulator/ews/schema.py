"""Checks a request against the grammar: one wrong element faults the whole request and nothing of it is done."""

import re
from datetime import date
from functools import lru_cache

from lxml import etree

from adapters.simulator.ews import grammar
from adapters.simulator.ews.soap import MESSAGES, TYPES, SoapFault
from adapters.simulator.ews.xml import Element

_PREFIXES = {TYPES: "t", MESSAGES: "m"}


def check(element: Element) -> None:
    """Check an element and everything in it. Raises SoapFault with ErrorSchemaValidation."""
    name = short_name(element.tag)
    _check_attributes(name, element)
    if name in grammar.OPAQUE:
        return
    model = _MODELS.get(name)
    if model is None:
        _check_text(name, element)
        return
    children = "".join([short_name(child.tag) + " " for child in element])
    if model.fullmatch(children) is None:
        raise _violation(f"The element '{name[2:]}' has invalid content '{children.strip()}'.")
    for child in element:
        check(child)


def _check_attributes(name: str, element: Element) -> None:
    known = _ATTRIBUTES.get(name, _NO_ATTRIBUTES)
    for attribute, value in element.attrib.items():
        pattern = known.get(str(attribute))
        if pattern is None and name not in grammar.OPAQUE:
            raise _violation(f"The '{attribute!s}' attribute of '{name[2:]}' is not declared.")
        if pattern is not None and pattern.fullmatch(str(value)) is None:
            raise _violation(f"The '{attribute!s}' attribute of '{name[2:]}' is invalid.")
    for required in _REQUIRED.get(name, ()):
        if required not in element.attrib:
            raise _violation(f"The required attribute '{required}' of '{name[2:]}' is missing.")


def _check_text(name: str, element: Element) -> None:
    if len(element):
        raise _violation(f"The element '{name[2:]}' cannot contain child elements.")
    pattern = _TEXTS.get(name)
    text = (element.text or "").strip()
    if pattern is not None and (pattern.fullmatch(text) is None or (name in grammar.DATE_TIMES and not _is_day(text))):
        raise _violation(f"The '{name[2:]}' element is invalid.")


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text[:10])
    except ValueError:
        return False
    return True


@lru_cache(maxsize=1024)
def short_name(tag: object) -> str:
    """Give `t.Subject` for the element {…/types}Subject; a foreign element keeps its namespace."""
    qualified = etree.QName(str(tag))
    return f"{_PREFIXES.get(qualified.namespace or '', qualified.namespace)}.{qualified.localname}"


def _violation(text: str) -> SoapFault:
    return SoapFault("ErrorSchemaValidation", f"The request failed schema validation: {text}")


def _compiled(model: str) -> re.Pattern[str]:
    """Turn a model into a pattern over child names, each followed by a blank."""
    return re.compile(re.sub(r"([mt])\.(\w+)", r"(?:\1[.]\2[_])", model).replace(" ", "").replace("[_]", "[ ]"))


_MODELS = {name: _compiled(model) for name, model in grammar.MODELS.items()}
_TEXTS = {name: re.compile(pattern) for name, pattern in grammar.TEXTS.items()}
_NO_ATTRIBUTES: dict[str, re.Pattern[str]] = {}
_ATTRIBUTES = {
    name: {attribute.rstrip("!"): re.compile(pattern) for attribute, pattern in attributes.items()}
    for name, attributes in grammar.ATTRIBUTES.items()
}
_REQUIRED = {
    name: tuple(attribute[:-1] for attribute in attributes if attribute.endswith("!"))
    for name, attributes in grammar.ATTRIBUTES.items()
}
