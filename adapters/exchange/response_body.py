"""Takes the body of an answer piece by piece, inflates it, and stops where no answer of Exchange would reach.

By ourselves in both ways of sending: the libraries inflate a piece of 16 KiB into 16 MiB at once, and read without end.
"""

import zlib
from collections.abc import Iterable

from adapters.errors import Doubt
from adapters.exchange.http import ENDPOINT_AT_SECOND, ReplyLost

PIECE_BYTES = 64 * 1024
"""What is read at once, and the step in which it is inflated: between two of them others get their turn."""

_STEP_BYTES = 256 * 1024
_GZIP, _ZLIB, _RAW = 31, 15, -15
_GZIPS = ("gzip", "x-gzip")
_MEMBER = b"\x1f\x8b"
_MEMBERS_MAX = 1000
"""Of one gzip body (RFC 1952, section 2.2): each costs a new start."""

ACCEPTED = "gzip, deflate"


def encoding_of(lines: Iterable[str]) -> str:
    """What the Content-Encoding headers of an answer say; a line that something in between repeated counts once."""
    return ", ".join(dict.fromkeys(line.strip().lower() for line in lines))


class Body:
    """A body on its way in. `encoding` is the answer's Content-Encoding, `limit_bytes` holds before and after it."""

    def __init__(self, encoding: str, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._encoding = encoding.strip().lower()
        if self._encoding not in ("", "identity", "deflate", *_GZIPS):
            raise _unreadable("Content-Encoding is unknown")
        self._inflating = zlib.decompressobj(_GZIP) if self._encoding in _GZIPS else None
        self._members = 1
        self._after = b""
        self._head = b""
        self._whole = bytearray()
        self._read_bytes = 0

    def feed(self, piece: bytes) -> bool:
        """Take a piece; returns whether there is more in it, to be had by feeding nothing.

        Raises:
            ReplyLost: it is too much, or cannot be inflated.
        """
        self._read_bytes += len(piece)
        if self._read_bytes > self._limit_bytes:
            raise _too_large()
        if self._encoding == "deflate" and self._inflating is None:
            self._head += piece
            if len(self._head) < 2:
                return False
            piece, self._inflating = self._head, zlib.decompressobj(_window_of(self._head))
        if self._inflating is None:
            self._whole += piece
            return False
        if self._inflating.eof:
            piece = self._next_member(piece)
        return not self._inflating.eof and self._inflate(self._inflating, piece)

    def whole(self) -> bytes:
        """The body once all of it was fed. Raises `ReplyLost` where the end is missing."""
        is_packed = self._encoding not in ("", "identity") and self._read_bytes
        if is_packed and (self._inflating is None or not self._inflating.eof):
            raise ReplyLost("the body was cut off")
        return bytes(self._whole)

    def _inflate(self, inflating: "zlib._Decompress", piece: bytes) -> bool:
        try:
            self._whole += inflating.decompress(inflating.unconsumed_tail + piece, _STEP_BYTES)
        except zlib.error as broken:
            raise _unreadable("the body cannot be inflated") from broken
        if len(self._whole) > self._limit_bytes:
            raise _too_large()
        if inflating.eof:
            self._after = inflating.unused_data
            return self._after.startswith(_MEMBER)
        return bool(inflating.unconsumed_tail)

    def _next_member(self, piece: bytes) -> bytes:
        """Begin the next member of a gzip body if there is one; returns what it is to be fed."""
        if len(self._after) < len(_MEMBER):
            self._after += piece
            piece = b""
        if self._encoding in _GZIPS and self._after.startswith(_MEMBER):
            self._members += 1
            if self._members > _MEMBERS_MAX:
                raise _unreadable("the body cannot be inflated")
            self._inflating = zlib.decompressobj(_GZIP)
        return self._after + piece


def _window_of(head: bytes) -> int:
    """RFC 9110 means zlib's format by `deflate` (RFC 1950, section 2.2); some servers send what is inside of it."""
    return _ZLIB if head[0] & 0x0F == 8 and int.from_bytes(head[:2], "big") % 31 == 0 else _RAW


def _unreadable(cause: str) -> ReplyLost:
    return ReplyLost(cause, code="answer_unreadable", doubt=ENDPOINT_AT_SECOND)


def _too_large() -> ReplyLost:
    return ReplyLost("the answer has no end in sight", code="answer_too_large", doubt=Doubt(code="endpoint_wrong"))
