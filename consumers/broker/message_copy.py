"""A message as it is published again: its properties and headers byte for byte as they came, and our notes beside them.

A header frame holds what was agreed with the broker and no more. Of the notes those are kept that fit, the ones that
decide first: what cannot be published would come again and again.
"""

from collections.abc import Mapping
from typing import Any

from aiormq.abc import FieldValue

from consumers.broker.field_table import Entry, Table, entry, short
from consumers.broker.properties import Properties
from consumers.broker.queue_names import HEADER_PREFIX

# With an old x-death the broker takes the next deferral for a cycle and drops the message; CC and BCC would copy it.
_BROKERS_OWN = frozenset({b"x-death", b"x-delivery-count", b"x-acquired-count", b"CC", b"BCC"})
_BROKERS_OWN_PREFIXES = (b"x-first-death-", b"x-last-death-")
_PERSISTENT = b"\x02"
_LOOK = ("look", "booking_id", "version")
_FIRST = ("failed_at", *_LOOK, "first_seen_at", "delayed", "attempts", "derived", "replayed_at", "error_code")
"""Notes that decide something, the weightiest first; without them a message would be reported or tried once more."""
_LAST = ("error_message",)
_TRIED_BY = frozenset({"look", "first_seen_at", "attempts"})
_ORDER = {name: place for place, name in enumerate(_FIRST)} | {name: len(_FIRST) + 1 for name in _LAST}


class NotCopied(Exception):
    """A message cannot be published again; where it came from the broker it can be parked by rejecting it."""


class Copy:
    """A message with its notes (None removes one). `message_id` is given to one that has none."""

    __slots__ = ("_is_table_kept", "_notes", "_parts", "_table", "body", "message_id")

    def __init__(self, body: bytes, told: Properties, notes: Mapping[str, FieldValue]) -> None:
        self.body = body
        self._parts = told.parts()
        # `user_id`: the broker closes the channel of anyone else who sends it. `expiration` would drop what is parked.
        user = self._parts.pop("user_id", None)
        self._parts.pop("expiration", None)
        self._notes = dict(notes) if user is None else {**notes, "publisher": user[1:]}
        self.message_id: str | None = told.message_id
        gone = {_header_name(name) for name in self._notes}
        encoded = self._parts.pop("headers", b"")
        self._is_table_kept = encoded == bytes(4)
        table = Table.of(encoded)
        self._table = Table([each for each in table.entries if not _is_dropped(each, gone)], table.rest)

    def within(self, max_bytes: int) -> Properties:
        """Its properties, with as many notes as there is room for."""
        parts = self._parts | {"delivery_mode": _PERSISTENT, "headers": self._encoded_table([])}
        if "message_id" not in parts and self.message_id is not None:
            parts["message_id"] = short(self.message_id)
        room = max_bytes - len(Properties.joined(parts).raw)
        noted = []
        needed = _TRIED_BY.union(_LOOK) if "look" in self._notes else _TRIED_BY
        for name in sorted(self._notes, key=lambda name: _ORDER.get(name, len(_FIRST))):
            value = self._notes[name]
            if value is None:
                continue
            note = entry(_header_name(name).decode("ascii"), value)
            if len(note.name) + len(note.value) < room:
                noted.append(note)
                room -= 1 + len(note.name) + len(note.value)
            elif name in needed and "failed_at" not in self._notes:
                # Sent away without these it would come back for ever, each time as if for the first time.
                raise NotCopied(f"there is no room for the note {name}")
        parts["headers"] = self._encoded_table(noted)
        if len(parts["headers"]) <= 4 and not self._is_table_kept:
            del parts["headers"]
        return Properties.joined(parts)

    def _encoded_table(self, noted: list[Entry]) -> bytes:
        return Table([*noted, *self._table.entries], self._table.rest).encoded()

    @property
    def properties(self) -> Properties:
        """Its properties with every note."""
        return self.within(2**32)

    @property
    def headers(self) -> Mapping[str, Any]:
        """What they say."""
        return self.properties.headers


def _header_name(note: str) -> bytes:
    return (HEADER_PREFIX + note.replace("_", "-")).encode("ascii")


def _is_dropped(each: Entry, gone: set[bytes]) -> bool:
    return each.name in _BROKERS_OWN or each.name.startswith(_BROKERS_OWN_PREFIXES) or each.name in gone
