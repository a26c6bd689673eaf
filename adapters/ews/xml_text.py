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
_TEXT_PIECES_MAX = 2_000_000
"""The parser hands over each line and each reference of a text by itself."""
_TOKEN_MAX_BYTES = 64 * 1024
"""A tag, comment or reference. The parser begins one anew with each piece until it is whole: the longest that we asked
for, an item's id, takes 700 bytes."""
_DROPPED_MAX = 100_000
_REFERENCE_MAX_BYTES = 96

_TAG = re.compile(rb"""<[^<>"']*+(?:"[^"<]*+"[^<>"']*+|'[^'<]*+'[^<>"']*+)*+>""")
_BOUNDED_OTHERWISE = (b"<!--", b"<?", b"<![CDATA[")

# XML 1.0, section 2.2: everything that is no `Char`, as UTF-8 and as a reference. Without a call of Python for each.
_FORBIDDEN = re.compile(
    rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]|\xed[\xa0-\xbf][\x80-\xbf]"
    rb"|&#0{0,40}(?:[0-8]|1[124-9]|2[0-9]|3[01]|5529[6-9]|55[3-9][0-9]{2}|56[0-9]{3}|57[0-2][0-9]{2}|573[0-3][0-9]"
    rb"|5734[0-3]|6553[45]|1114[2-9][0-9]{2}|11141[2-9][0-9]|111411[2-9]|111[5-9][0-9]{3}|11[2-9][0-9]{4}"
    rb"|1[2-9][0-9]{5}|[2-9][0-9]{6}|[1-9][0-9]{7,40});"
    rb"|(?i:&#x0{0,40}(?:[0-8bcef]|1[0-9a-f]|d[89a-f][0-9a-f]{2}|fff[ef]|1[1-9a-f][0-9a-f]{4}|[2-9a-f][0-9a-f]{5}"
    rb"|[1-9a-f][0-9a-f]{6,40});)"
)
_UTF_16 = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"<\0": "utf-16-le", b"\0<": "utf-16-be"}


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
    try:
        content, encoding = _in_utf_8(content)
        try:
            return _parsed(content, encoding)
        except ElementTree.ParseError:
            allowed = without_forbidden(content)
            if allowed == content:
                raise
        return _parsed(allowed, encoding)
    except (ElementTree.ParseError, ValueError, LookupError) as broken:
        raise Unreadable("no whole XML") from broken


def without_forbidden(content: bytes) -> bytes:
    """The same without the characters that XML forbids, and without references to such.

    Raises:
        Unreadable: they are too many to come from anybody's event.
    """
    allowed, start, dropped = [], 0, 0
    while start < len(content):
        end = _end_of_piece(content, start)
        piece, count = _FORBIDDEN.subn(b"", content[start:end])
        dropped += count
        if dropped > _DROPPED_MAX:
            raise Unreadable("too many characters that XML forbids")
        allowed.append(piece)
        start = end
    return b"".join(allowed)


def _end_of_piece(content: bytes, start: int) -> int:
    """Between two pieces others get Python's lock; no end lies within a character or a reference."""
    end = start + _PIECE_BYTES
    if end >= len(content):
        return len(content)
    begun = content.rfind(b"&", end - _REFERENCE_MAX_BYTES, end)
    if begun >= 0:
        return begun
    # A character of UTF-8 has three such bytes at the most; what has more of them is none.
    return next((at for at in range(end, end - 4, -1) if content[at] & 0xC0 != 0x80), end)


def _in_utf_8(content: bytes) -> tuple[bytes, str | None]:
    """The content, and its encoding where it must not be taken from its declaration."""
    found = _UTF_16.get(content[:2])
    if found is None:
        return content, None
    return content.decode(found, "surrogatepass").encode("utf-8", "surrogatepass"), "utf-8"


def _parsed(content: bytes, encoding: str | None) -> ElementTree.Element:
    _refuse_what_takes_long(content)
    parser = ElementTree.XMLParser(target=_Strict(), encoding=encoding)  # noqa: S314 - see `_Strict`
    for start in range(0, len(content), _PIECE_BYTES):
        parser.feed(content[start : start + _PIECE_BYTES])
    return parser.close()


def _refuse_what_takes_long(content: bytes) -> None:
    if content.count(b"<") + content.count(b"=") > _MARKUP_MAX:
        raise Unreadable("too many elements")
    if sum(map(content.count, (b"&", b"\n", b"\r"))) > _TEXT_PIECES_MAX:
        raise Unreadable("too many lines")
    if b"<!DOCTYPE" in content:
        raise Unreadable("a document type")
    for opening, closing in ((b"<!--", b"-->"), (b"<?", b"?>")):
        begun = content.find(opening)
        while begun >= 0:
            ended = content.find(closing, begun + len(opening), begun + _TOKEN_MAX_BYTES)
            if ended < 0:
                raise Unreadable("a comment without end")
            begun = content.find(opening, ended)
    _refuse_long_tags(content)


def _refuse_long_tags(content: bytes) -> None:
    """A token of two steps covers one of them whole, and holds no `<` but at its beginning."""
    tag = reference = -1
    for start in range(0, len(content), _TOKEN_MAX_BYTES):
        end = start + _TOKEN_MAX_BYTES
        tag_here, reference_here = content.rfind(b"<", start, end), content.rfind(b"&", start, end)
        if (
            tag_here < 0 <= tag
            and not content.startswith(_BOUNDED_OTHERWISE, tag)
            and not _TAG.match(content, tag, end)
        ):
            raise Unreadable("a tag without end")
        if tag_here < 0 and reference_here < 0 and tag < reference and content.find(b";", reference, end) < 0:
            raise Unreadable("a reference without end")
        tag, reference = max(tag, tag_here), max(reference, reference_here)
