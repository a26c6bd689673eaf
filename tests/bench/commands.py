"""The bookings that are published: the subject is the booking's id, so that every contestant is counted alike."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.bench.exchange_process import DOMAIN

TENANT = "acme"
Command = dict[str, Any]
"""As docs/contract.md#commands has it."""

_FIRST = datetime(2031, 1, 6, 8, tzinfo=UTC)
_LENGTH = timedelta(hours=1)


def room(number: int) -> str:
    """The address of a room."""
    return f"room-{number:05d}@{DOMAIN}"


def creates(count: int, rooms: int, *, series: str = "B", first_room: int = 0) -> Iterator[Command]:
    """That many bookings, one room after the other; `series` keeps the ids of several lots apart."""
    for number in range(count):
        yield create(f"{series}-{number}", room(first_room + number % rooms), number // rooms)


def create(booking_id: str, address: str, slot: int = 0) -> Command:
    """A booking, in a room's slot so that none overlaps another."""
    start = _FIRST + slot * _LENGTH
    return {
        "schema_version": 1,
        "command": "create",
        "tenant": TENANT,
        "booking_id": booking_id,
        "version": 1,
        "room": address,
        "issued_at": datetime.now(UTC).isoformat(),
        "event": {
            "subject": booking_id,
            "start": start.isoformat(),
            "end": (start + _LENGTH).isoformat(),
            "time_zone": "Europe/Brussels",
            "body": {"content_type": "text", "content": "Booked with SpaceIQ."},
            "location": "Floor 3",
            "categories": ["SpaceIQ"],
            "organizer": {"name": "Ada Lovelace", "email": f"ada@{DOMAIN}"},
        },
    }
