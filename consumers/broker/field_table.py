"""AMQP's texts, values and tables of headers: read without ever raising, and written so that it always works.

The broker checks only that lengths fit, so anything may stand in a header: bytes that are no text, times of the year
55885, tables nested a thousand deep. What cannot be decoded is absent, or stays bytes (docs/decisions/0021).

Source: RabbitMQ, "AMQP 0-9-1 Errata", section 3 (the types of fields).
"""

import struct
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from pamqp import encode

SHORT_MAX_BYTES = 255
HEADERS_MAX = 1000
"""So many headers of a message are told apart; what follows stays bytes. A frame holds sixty thousand of them."""
_DEPTH_MAX = 16
_NESTED_MAX = 2000
"""So many values inside of tables and arrays are decoded of one message. Nobody here looks deeper."""
_SECONDS_MAX = 0xFFFFFFFF
"""A time above this is in milliseconds, as pamqp has it."""
_TIMES = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))

_FORMS = {"t": ">?", "b": ">b", "B": ">B", "s": ">h", "u": ">H", "I": ">i", "i": ">I", "l": ">q", "L": ">q"}
_NUMBERS = {ord(kind): struct.Struct(form) for kind, form in (_FORMS | {"f": ">f", "d": ">d"}).items()}
_FIXED = {kind: form.size for kind, form in _NUMBERS.items()} | {ord("D"): 5, ord("T"): 8, ord("V"): 0, 0: 0}
_LONG = frozenset(b"SxAF")
_LENGTH = struct.Struct(">I")
_DECIMAL = struct.Struct(">BI")
_INSTANT = struct.Struct(">Q")


class AsSent(str):
    """A text whose bytes are no UTF-8, or hold a NUL, which databases refuse: shown with marks in their place."""

    __slots__ = ("raw",)
    raw: bytes


def text_of(raw: bytes) -> str:
    """A text that somebody sent, as it may be shown, logged and stored."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    if (text or not raw) and "\0" not in text:
        return text
    shown = AsSent(raw.decode("utf-8", "replace").replace("\0", "\ufffd"))
    shown.raw = raw
    return shown


def instant_of(eight_bytes: bytes) -> datetime | None:
    """A time; None for what is none from 2000 to 2200."""
    if len(eight_bytes) != 8:
        return None
    (told,) = _INSTANT.unpack(eight_bytes)
    try:
        instant = datetime.fromtimestamp(told / 1000 if told > _SECONDS_MAX else told, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return instant if _TIMES[0] <= instant < _TIMES[1] else None


class Entry(NamedTuple):
    """A header as it came: its name, and its value with the type before it."""

    name: bytes
    value: bytes


class Table(NamedTuple):
    """Headers as they came. `rest`: from the first one on whose value has no end that is known here, or that is one too
    many; `is_cut` in that case."""

    entries: list[Entry]
    rest: bytes
    is_cut: bool = False

    @classmethod
    def of(cls, encoded: bytes) -> "Table":
        """An encoded table, its length before it."""
        entries: list[Entry] = []
        at, end = 4, len(encoded)
        while at < end:
            if len(entries) == HEADERS_MAX:
                return cls(entries, encoded[at:], is_cut=True)
            value_at = at + 1 + encoded[at]
            value_end = _end_of(encoded, value_at)
            if value_end is None or value_end > end:
                return cls(entries, encoded[at:])
            entries.append(Entry(encoded[at + 1 : value_at], encoded[value_at:value_end]))
            at = value_end
        return cls(entries, b"")

    def encoded(self) -> bytes:
        """The table with its length."""
        content = b"".join([bytes([len(name)]) + name + value for name, value in self.entries]) + self.rest
        return _LENGTH.pack(len(content)) + content


def decoded_table(encoded: bytes) -> dict[str, Any]:
    """What an encoded table says, by name."""
    return {} if len(encoded) <= 4 else _decoded_table(encoded, iter(range(_NESTED_MAX)), 0)


def plain_values(table: Table, is_wanted: Callable[[bytes], bool]) -> dict[str, Any]:
    """What some of its headers say, by name; values inside of values stay bytes."""
    nothing_inside = iter(())
    return {
        text_of(each.name): _decoded(each.value, nothing_inside, _DEPTH_MAX)
        for each in table.entries
        if is_wanted(each.name)
    }


def _decoded_table(encoded: bytes, budget: Iterator[int], depth: int) -> dict[str, Any]:
    entries = Table.of(encoded).entries
    # Those on top count for nothing: there are not many, and all may be ours.
    turns = budget if depth else range(len(entries))
    return {text_of(each.name): _decoded(each.value, budget, depth) for _, each in zip(turns, entries, strict=False)}


def _decoded_array(encoded: bytes, budget: Iterator[int], depth: int) -> list[Any]:
    values, at = [], 4
    for _ in budget:
        end = _end_of(encoded, at)
        if end is None or end > len(encoded):
            break
        values.append(_decoded(encoded[at:end], budget, depth))
        at = end
    return values


_NESTED: dict[int, Callable[[bytes, Iterator[int], int], Any]] = {ord("A"): _decoded_array, ord("F"): _decoded_table}


def _decoded(value: bytes, budget: Iterator[int], depth: int) -> Any:  # noqa: ANN401 - whatever a header may hold
    """A value with its type before it, as `_end_of` found its end."""
    kind, content = value[0], value[1:]
    if kind in _NUMBERS:
        return _NUMBERS[kind].unpack(content)[0]
    if kind in _NESTED:
        return content if depth >= _DEPTH_MAX else _NESTED[kind](content, budget, depth + 1)
    return _SIMPLE[kind](content)


def _text_or_bytes(content: bytes) -> str | bytes:
    try:
        return content[4:].decode("utf-8")
    except UnicodeDecodeError:
        return content[4:]


def _decimal(content: bytes) -> Decimal:
    scale, number = _DECIMAL.unpack(content)
    return Decimal(number).scaleb(-scale)


_SIMPLE: dict[int, Callable[[bytes], Any]] = {
    ord("S"): _text_or_bytes,
    ord("x"): lambda content: bytearray(content[4:]),
    ord("D"): _decimal,
    ord("T"): instant_of,
    ord("V"): lambda _: None,
    0: lambda _: None,
}


def _end_of(data: bytes, at: int) -> int | None:
    """Where a value ends that begins with its type; None where nobody can tell."""
    if at >= len(data):
        return None
    kind = data[at]
    if kind in _LONG:
        return at + 5 + int.from_bytes(data[at + 1 : at + 5], "big") if at + 5 <= len(data) else None
    size = _FIXED.get(kind)
    return None if size is None else at + 1 + size


def short(text: str) -> bytes:
    """A short text with its length; what is longer than AMQP can carry is cut."""
    raw = text.encode("utf-8", "replace")
    if len(raw) > SHORT_MAX_BYTES:
        raw = raw[:SHORT_MAX_BYTES].decode("utf-8", "ignore").encode("utf-8")
    return bytes([len(raw)]) + raw


def field(value: Any) -> bytes:  # noqa: ANN401 - whatever a header may be given
    """A value with its type before it; what AMQP cannot carry becomes void."""
    if isinstance(value, str):
        value = value.raw if isinstance(value, AsSent) else value.encode("utf-8", "replace")
    if isinstance(value, bytes):
        return b"S" + _LENGTH.pack(len(value)) + value
    if isinstance(value, Mapping):
        return b"F" + Table([entry(name, each) for name, each in value.items()], b"").encoded()
    if isinstance(value, list | tuple):
        content = b"".join(map(field, value))
        return b"A" + _LENGTH.pack(len(content)) + content
    try:
        return encode.encode_table_value(value)
    except (TypeError, ValueError, OverflowError, struct.error):
        return b"V"


def entry(name: str, value: Any) -> Entry:  # noqa: ANN401 - whatever a header may be given
    """A header as it goes out."""
    return Entry(name=name.raw if isinstance(name, AsSent) else short(name)[1:], value=field(value))
