"""Messages that other people's mistakes made, each of which once stopped every room, or was parked though healthy."""

import struct
from dataclasses import dataclass

from tests.bare_publisher import Lying
from tests.builders import a_body, an_event

ROOM = "poison@acme.example"
MICROSECONDS = struct.pack(">Q", 1764500000 * 1000**2)
_BROKERS = (b"x-death", b"x-delivery-count", b"x-acquired-count")
_BROKERS_PREFIXES = (b"x-first-death-", b"x-last-death-")
_NOTES = (
    *(b"attempts", b"first-seen-at", b"replayed-at", b"rested-at", b"failed-at", b"look", b"delayed", b"derived"),
    *(b"error-code", b"error-message", b"tenant", b"room", b"booking-id", b"version", b"backend", b"publisher"),
)
_NOT_THEIRS = frozenset({*_BROKERS, *(b"x-roomsync-" + note for note in _NOTES)})
PUBLISHERS_OWN = (
    b"site",
    b"x-acquired-counts",
    b"x-death-row",
    b"x-delivery-counter",
    b"x-first-deaths",
    b"x-roomsync-site",
)
"""Headers that merely begin like those of the broker or of a worker; in the order in which RabbitMQ gives them back."""
_SIZES = {0x0040: 8, 0x1000: 1, 0x0800: 1}
_FLAGS = [1 << bit for bit in range(15, 1, -1)]
_HEADERS = 0x2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Poison:
    """A message, and what becomes of it: `code` says why it lies in `failed`; None: its booking stands."""

    booking: str
    body: bytes
    properties: bytes = b"\0\0"
    routing_key: bytes = ROOM.encode()
    code: str | None = None


def short(text: bytes) -> bytes:
    return bytes([len(text)]) + text


def long(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content


def text(content: bytes) -> bytes:
    return b"S" + long(content)


def headers(*entries: tuple[bytes, bytes]) -> bytes:
    """Properties that have nothing but these headers, each value with its type."""
    return b"\x20\x00" + long(b"".join(short(name) + value for name, value in entries))


def _nested(depth: int) -> bytes:
    value = b"V"
    for _ in range(depth):
        value = b"F" + long(short(b"a") + value)
    return value


def poisons(round_name: str, *, large_bytes: int) -> list[Poison]:
    """One of each kind. `round_name` tells their bookings from those of another round."""

    def booked(name: str, properties: bytes = b"\0\0", **changes: bytes) -> Poison:
        booking = f"{round_name}-{name}"
        return Poison(booking=booking, body=a_body(booking_id=booking, room=ROOM), properties=properties, **changes)  # type: ignore[arg-type]  # bytes only

    unknown_zone = an_event(time_zone="Romance Standard Time")
    odd = (
        b"A" + long(b"V" + b"x" + long(b"\xff\0") + b"D\xff" + b"\xff" * 4),
        b"d\x3f\xf8" + bytes(6),
        b"T" + b"\xff" * 8,
    )
    site = f"{round_name}-site"
    return [
        booked("time", b"\x00\x40" + MICROSECONDS),
        booked("id", b"\x00\x80" + short(b"r\xe9f-" + round_name.encode())),
        booked("null", b"\x00\x80" + short(b"a\0b-" + round_name.encode())),
        booked("name", headers((b"r\xe9f", b"V"))),
        booked("deep", headers((b"deep", _nested(5_000)))),
        booked("key", routing_key=b"bo\xe9rd"),
        booked("texts", b"\x8c\x28" + short(b"t\xe9xt") + b"\xff" + short(b"\xff") * 3),
        booked("count", headers((b"x-delivery-count", b"l" + struct.pack(">q", 50)))),
        booked("look", headers((b"x-roomsync-look", text(b"booking")))),
        booked("strange", headers((b"x-roomsync-look", text(b"room")), (b"x-roomsync-booking-id", text(b"B-0")))),
        booked("many", headers(*[(b"a", b"V")] * 40_000), code="too_many_headers"),
        booked("year", headers((b"x-roomsync-first-seen-at", text(b"0001-01-01T00:00:00+05:00")))),
        Poison(
            booking="", body=b"no JSON", properties=headers((b"big", text(b"x" * 130_900))), code="not_json"
        ),
        Poison(
            booking=site,
            body=a_body(booking_id=site, room=ROOM, event=unknown_zone),
            properties=headers(*((name, text(b"B\xe2t")) for name in PUBLISHERS_OWN)),
            code="time_zone_unknown",
        ),
        Poison(
            booking=f"{round_name}-odd",
            body=a_body(booking_id=f"{round_name}-odd", room=ROOM, tenant="nobody"),
            properties=headers(*((b"odd", value) for value in odd)),
            code="tenant_unknown",
        ),
        Poison(booking="", body=b"x" * large_bytes, properties=headers((b"site", text(b"B\xe2t"))), code="too_large"),
    ]  # fmt: skip


def is_copy_of(lying: Lying, poison: Poison) -> bool:
    """Whether it lies there byte for byte: body, key, properties and headers, those of the broker and ours aside."""
    if (lying.body, lying.routing_key) != (poison.body, poison.routing_key):
        return False
    there, sent = _parts(lying.properties), _parts(poison.properties)
    kept = [each for each in _entries(there.pop(_HEADERS, b"")) if not _is_added(each[0])]
    there.pop(0x1000, None)
    sent_headers = _entries(sent.pop(_HEADERS, b""))
    sent.pop(0x1000, None)
    return (there, kept) == (sent, sent_headers)


def _is_added(name: bytes) -> bool:
    """Whether the broker or a worker wrote the header. A publisher's own may begin like one of theirs."""
    return name in _NOT_THEIRS or name.startswith(_BROKERS_PREFIXES)


def _parts(properties: bytes) -> dict[int, bytes]:
    flags, at = int.from_bytes(properties[:2], "big"), 2
    parts = {}
    for flag in _FLAGS:
        if flags & flag:
            width = 4 if flag == _HEADERS else 1
            size = _SIZES.get(flag) or width + int.from_bytes(properties[at : at + width], "big")
            parts[flag] = properties[at : at + size]
            at += size
    return parts


def _entries(table: bytes) -> list[tuple[bytes, bytes]]:
    entries, at = [], 4
    while at < len(table):
        name = table[at + 1 : at + 1 + table[at]]
        value_at = at + 1 + len(name)
        sizes = {"t": 1, "b": 1, "s": 2, "u": 2, "I": 4, "l": 8, "d": 8, "D": 5, "T": 8, "V": 0}
        kind = chr(table[value_at])
        size = sizes[kind] if kind in sizes else 4 + int.from_bytes(table[value_at + 1 : value_at + 5], "big")
        entries.append((name, table[value_at : value_at + 1 + size]))
        at = value_at + 1 + size
    return entries
