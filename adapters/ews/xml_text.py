"""Makes a tree of an answer's bytes: strictly, but for characters that XML forbids and Exchange sends all the same.

Whatever people paste into an event comes back in answers, a `&#x1;` too. What XML forbids is dropped, only where
parsing failed; an answer that was cut off stays unreadable. With the standard library, see `answers`.
"""

import re
from xml.etree import ElementTree

_PIECE_BYTES = 64 * 1024
"""A long answer is read beside the event loop, which gets Python's lock in between."""

_MARKUP_MAX = 500_000
"""Tags and attributes. A page of 1,000 events has about 100,000; a tree takes a hundred bytes of memory for each."""

# XML 1.0, section 2.2: everything that is no `Char`, as UTF-8 and as a reference.
_FORBIDDEN = re.compile(
    rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]|\xed[\xa0-\xbf][\x80-\xbf]"
    rb"|&#(?:x(?P<hex>[0-9a-fA-F]{1,40})|(?P<decimal>[0-9]{1,40}));"
)
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


class Unreadable(Exception):
    """The answer is no EWS answer, or not all of it arrived. Its text names what is missing, never a value."""


class _Strict(ElementTree.TreeBuilder):
    """SOAP 1.1, 3: no document type. So there are no entities that could expand or be fetched."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        """As in `TreeBuilder`."""
        raise Unreadable("a document type")


def read_xml(content: bytes) -> ElementTree.Element:
    """The root element.

    Raises:
        Unreadable: it is no whole XML, or far more of it than Exchange answers with.
    """
    if content.count(b"<") + content.count(b"=") > _MARKUP_MAX:
        raise Unreadable("too many elements")
    try:
        return _parsed(content)
    except ElementTree.ParseError as broken:
        allowed = without_forbidden(content)
        if allowed == content:
            raise Unreadable("no whole XML") from broken
    except (ValueError, LookupError) as broken:
        raise Unreadable("no whole XML") from broken
    try:
        return _parsed(allowed)
    except (ElementTree.ParseError, ValueError, LookupError) as broken:
        raise Unreadable("no whole XML") from broken


def without_forbidden(content: bytes) -> bytes:
    """The same without the characters that XML forbids, and without references to such."""
    if content.startswith(_UTF_16):
        return content  # there every other byte may be a zero
    allowed, start = [], 0
    while start < len(content):
        end = start + _PIECE_BYTES
        if end < len(content):
            # Between two pieces others get Python's lock; none of what is looked for holds such an end.
            end = max(content.rfind(b">", start, end), content.rfind(b" ", start, end), start + _PIECE_BYTES // 2) + 1
        allowed.append(_FORBIDDEN.sub(_kept, content[start:end]))
        start = end
    return b"".join(allowed)


def _kept(found: re.Match[bytes]) -> bytes:
    number = found["hex"] or found["decimal"]
    if number is None:
        return b""
    return found[0] if _is_character(int(number, 16 if found["hex"] else 10)) else b""


def _is_character(code: int) -> bool:
    return code in (0x9, 0xA, 0xD) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or 0x10000 <= code <= 0x10FFFF


def _parsed(content: bytes) -> ElementTree.Element:
    parser = ElementTree.XMLParser(target=_Strict())  # noqa: S314 - see `_Strict`
    for start in range(0, len(content), _PIECE_BYTES):
        parser.feed(content[start : start + _PIECE_BYTES])
    return parser.close()
