"""Properties and headers go out as they came, byte for byte, and nothing in them can raise."""

import struct
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pamqp import commands as spec

from consumers.broker.field_table import AsSent, Entry, Table, decoded_table, field, instant_of, short, text_of
from consumers.broker.message_copy import Copy, NotCopied
from consumers.broker.properties import Properties

LATIN = b"r\xe9f"
BROKERS = (b"x-death", b"x-first-death-", b"x-last-death-", b"x-delivery-count", b"x-acquired-count", b"CC", b"BCC")

# Values with their type before them, of every type that RabbitMQ takes, nested too.
_flat = st.one_of(
    st.builds(lambda content: b"S" + struct.pack(">I", len(content)) + content, st.binary(max_size=20)),
    st.builds(lambda content: b"x" + struct.pack(">I", len(content)) + content, st.binary(max_size=20)),
    *(
        st.builds(lambda content, kind=kind: kind + content, st.binary(min_size=size, max_size=size))
        for kind, size in (
            (b"t", 1), (b"b", 1), (b"B", 1), (b"s", 2), (b"u", 2), (b"I", 4), (b"i", 4), (b"l", 8), (b"f", 4),
            (b"d", 8), (b"D", 5), (b"T", 8), (b"V", 0),
        )
    ),
)  # fmt: skip
_values = st.recursive(
    _flat,
    lambda inner: st.one_of(
        st.builds(lambda each: b"A" + _long(b"".join(each)), st.lists(inner, max_size=4)),
        st.builds(lambda each: b"F" + table(each), st.lists(st.tuples(st.binary(max_size=9), inner), max_size=4)),
    ),
    max_leaves=8,
)
_headers = st.lists(st.tuples(st.binary(max_size=30), _values), max_size=6)
_texts = st.binary(max_size=255).map(lambda content: bytes([len(content)]) + content)
_parts = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("content_type", "content_encoding", "correlation_id", "reply_to", "message_id"), _texts)
    | {
        "message_type": _texts,
        "app_id": _texts,
        "headers": _headers.map(lambda each: table(each)),  # noqa: PLW0108 - defined below
    }
    | {"priority": st.binary(min_size=1, max_size=1), "timestamp": st.binary(min_size=8, max_size=8)},
)


def _long(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content


def table(entries: list[tuple[bytes, bytes]]) -> bytes:
    """Headers as they stand in a frame."""
    return _long(b"".join(bytes([len(name)]) + name + value for name, value in entries))


def looked_at(properties: Properties) -> None:
    for name in spec.Basic.Properties.__slots__:
        getattr(properties, name)


@given(_parts)
def test_what_came_goes_out_byte_for_byte(parts: dict[str, bytes]) -> None:
    parts["delivery_mode"] = b"\2"
    own = Properties.joined(parts)
    looked_at(own)
    if "headers" in parts:
        kept = [each for each in Table.of(parts["headers"]).entries if not each.name.startswith(BROKERS)]
        if kept != Table.of(parts["headers"]).entries:
            parts["headers"] = Table(kept, b"").encoded()
            if not kept:
                del parts["headers"]
    assert Copy(b"{}", own, {}).properties.raw == Properties.joined(parts).raw


@given(_parts)
def test_notes_stand_beside_what_came_and_what_was_noted_before_is_replaced(parts: dict[str, bytes]) -> None:
    own = Properties.joined(parts | {"headers": table([(b"own", b"V")])})
    noted = Copy(b"{}", own, {"attempts": 3, "room": "board@acme.example", "look": None}).properties
    again = Copy(b"{}", noted, {"attempts": 4, "room": None}).properties
    assert again.headers["x-roomsync-attempts"] == 4
    assert "x-roomsync-room" not in again.headers
    assert Copy(b"{}", again, {"attempts": None}).properties.raw == Copy(b"{}", own, {}).properties.raw


@given(st.binary(max_size=400))
def test_no_bytes_raise_when_they_are_looked_at_or_copied(raw: bytes) -> None:
    looked_at(Properties(raw))
    copy = Copy(b"{}", Properties(raw), {"attempts": 1})
    looked_at(copy.properties)
    assert copy.headers["x-roomsync-attempts"] == 1


def test_a_header_of_an_unknown_type_is_kept_with_all_that_follows_it() -> None:
    odd = table([(b"site", b"S" + _long(b"Brussels")), (b"odd", b"\x7f\x01\x02"), (b"after", b"V")])
    copy = Copy(b"", Properties.joined({"headers": odd}), {"attempts": 1}).properties
    (encoded,) = [part for name, part in copy.parts().items() if name == "headers"]
    assert encoded.endswith(b"\x03odd\x7f\x01\x02\x05afterV")
    assert copy.headers == {"site": "Brussels", "x-roomsync-attempts": 1}


def test_tables_in_tables_in_tables_cost_little_and_come_back_whole() -> None:
    nested = b"F" + _long(b"")
    for _ in range(10_000):
        nested = b"F" + _long(b"\1a" + nested)
    own = Properties.joined({"headers": table([(b"deep", nested)]), "delivery_mode": b"\2"})
    assert "deep" in own.headers
    assert Copy(b"", own, {}).properties.raw == own.raw


@pytest.mark.parametrize(
    ("told", "instant"),
    [
        pytest.param(1764500000, datetime(2025, 11, 30, 10, 53, 20, tzinfo=UTC), id="seconds"),
        pytest.param(1764500000000, datetime(2025, 11, 30, 10, 53, 20, tzinfo=UTC), id="milliseconds"),
        pytest.param(1764500000000000, None, id="microseconds"),
        pytest.param(2**64 - 1, None, id="the largest number"),
        pytest.param(0, None, id="1970"),
        pytest.param(7258118400000, None, id="the year 2200"),
    ],
)
def test_a_time_is_one_from_2000_to_2200_or_none(told: int, instant: datetime | None) -> None:
    assert instant_of(struct.pack(">Q", told)) == instant


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        pytest.param(LATIN, "r\ufffdf", id="Latin-1"),
        pytest.param(b"a\0b", "a\ufffdb", id="a NUL, which databases refuse"),
    ],
)
def test_what_is_no_text_is_shown_with_marks_and_keeps_its_bytes(raw: bytes, shown: str) -> None:
    text = text_of(raw)
    assert (text, isinstance(text, AsSent) and text.raw) == (shown, raw)


def test_a_header_value_that_is_no_text_stays_bytes_and_goes_out_again() -> None:
    encoded = table([(b"site", b"S" + _long(b"B\xe2t"))])
    assert decoded_table(encoded) == {"site": b"B\xe2t"}
    assert field(decoded_table(encoded))[1:] == encoded


@pytest.mark.parametrize("value", [object(), float("nan"), 2**70, {1, 2}, 10**400])
def test_a_value_that_amqp_cannot_carry_raises_nothing(value: object) -> None:
    assert field([value])[:1] == b"A"


def test_a_text_that_is_too_long_for_amqp_is_cut_between_characters() -> None:
    assert short("é" * 200) == bytes([254]) + ("é" * 127).encode()


class TestRoom:
    """A frame of 131,072 bytes, as RabbitMQ agrees to."""

    FRAME = 131_072 - 20

    def filled(self, left_bytes: int) -> Properties:
        """Properties that leave so much room for notes."""
        empty = len(Properties.joined({"headers": table([(b"big", b"S" + _long(b""))]), "delivery_mode": b"\2"}).raw)
        content = b"x" * (self.FRAME - empty - left_bytes)
        return Properties.joined({"headers": table([(b"big", b"S" + _long(content))]), "delivery_mode": b"\2"})

    NOTES: ClassVar[dict[str, Any]] = {
        "tenant": "acme",
        "error_message": "x" * 100,
        "attempts": 1,
        "failed_at": "2026-11-20T09:00:00.000Z",
    }

    def noted(self, left_bytes: int) -> set[str]:
        own = self.filled(left_bytes)
        raw = Copy(b"", own, self.NOTES).within(self.FRAME).raw
        assert len(raw) <= self.FRAME
        assert len(raw) >= len(own.raw)
        return set(Properties(raw).headers) - {"big"}

    def test_all_notes_are_kept_where_there_is_room(self) -> None:
        assert len(self.noted(400)) == 4

    def test_the_sentence_goes_first(self) -> None:
        assert self.noted(120) == {"x-roomsync-tenant", "x-roomsync-attempts", "x-roomsync-failed-at"}

    def test_what_tells_that_it_was_parked_by_us_goes_last(self) -> None:
        assert self.noted(52) == {"x-roomsync-failed-at"}

    def test_a_message_without_any_room_is_as_it_was(self) -> None:
        assert self.noted(0) == set()


def test_entries_are_pairs_of_bytes() -> None:
    assert Table.of(table([(b"a", b"V")])).entries == [Entry(b"a", b"V")]


def test_headers_whose_names_merely_begin_like_the_brokers_are_kept() -> None:
    names = (b"CCTV", b"BCCx", b"x-deathly", b"x-delivery-counter")
    sent = b"".join(bytes([len(name)]) + name + b"V" for name in names)
    told = Properties(b"\x20\x00" + len(sent).to_bytes(4, "big") + sent)
    assert set(Copy(b"", told, {}).headers) == {name.decode() for name in names}


def test_a_copy_that_is_sent_away_has_room_for_what_ends_its_waiting_or_is_none() -> None:
    value = b"S" + (900).to_bytes(4, "big") + b"x" * 900
    table = b"\x03big" + value
    told = Properties(b"\x20\x00" + len(table).to_bytes(4, "big") + table)
    with pytest.raises(NotCopied):
        Copy(b"", told, {"attempts": 1, "first_seen_at": "2026-11-20T09:00:00.000Z"}).within(930)
    parked = Copy(b"", told, {"attempts": 1, "failed_at": "2026-11-20T09:00:00.000Z"}).within(930)
    assert set(parked.headers) == {"big"}
