"""Builders of a booking's story: each moment is a minute after the one before."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from adapters.calendar import BookingId, ItemRef, RoomAddress, TenantName
from adapters.ledger import BookingKey, LedgerRow, State
from adapters.story import Entry, What

BOARD = RoomAddress("board@acme.example")
KEY = BookingKey(tenant=TenantName("acme"), room=BOARD, booking_id=BookingId("B-1"))
BEGAN = datetime(2026, 11, 20, 9, tzinfo=UTC)


def minute(number: int) -> datetime:
    """So many minutes after the beginning."""
    return BEGAN + timedelta(minutes=number)


def an_entry(what: What, version: int | None = 1, **changes: object) -> Entry:
    """An entry of the version's own message."""
    entry = Entry(key=KEY, at=BEGAN, what=what, version=version, message_id=f"m-{version}")
    return replace(entry, **changes)  # type: ignore[arg-type]  # a builder takes any


def a_story(*entries: Entry) -> list[Entry]:
    """The entries, a minute apart."""
    return [replace(entry, at=minute(number)) for number, entry in enumerate(entries)]


def a_row(state: State, version: int, **changes: object) -> LedgerRow:
    """A settled row; a present one has an item."""
    item = ItemRef(item_id="AAMk1") if state is State.PRESENT else None
    removed_version = version if state is State.ABSENT else 0
    row = LedgerRow(key=KEY, state=state, version=version, item=item, removed_version=removed_version)
    return replace(row, **changes)  # type: ignore[arg-type]  # a builder takes any
