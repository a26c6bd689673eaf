"""Which events are ours, by the raw values of two named properties, however they were read (docs/contract.md#marks)."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from adapters.calendar import BookingId, FoundEvent, ItemRef, Mark, RoomAddress, TenantName

log = structlog.get_logger(__name__)

PROPERTY_SET_ID = "19073e5e-9dac-4173-937f-aea45b36be2c"
BOOKING = "roomsync.booking"
VERSION = "roomsync.version"

NEVER = datetime.max.replace(tzinfo=UTC)
"""Stands for an instant that is missing or cannot be read: it equals none that we wrote, and is older than nothing."""

# What a booking and its version can be (docs/contract.md#commands).
_BOOKING = re.compile("[!-~]{1,200}")
_VERSION = re.compile("[0-9]{1,16}")
_VERSION_MAX = 2**53 - 1

_TOLD_MAX = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedItem:
    """An item of a search: `booking` and `version` are the raw values of our two properties, or empty."""

    ref: ItemRef
    created_at: datetime
    booking: str
    version: str


def booking_mark(tenant: TenantName, booking_id: BookingId) -> str:
    """The value of `roomsync.booking`: at most 251 characters, a search in EWS cuts at 255."""
    return f"{tenant}/{booking_id}"


class Marks:
    """Reads marks for a tenant. What cannot be ours although it looks so is left alone, and told once a room."""

    def __init__(self, tenant: TenantName) -> None:
        self._tenant = tenant
        self._prefix = booking_mark(tenant, BookingId(""))
        self._told: set[RoomAddress] = set()

    def ours(self, room: RoomAddress, item: MarkedItem) -> FoundEvent | None:
        """The event that bears this tenant's mark, compared exactly (Exchange compares without case); None for others.

        A version above every version that there can be was never written here, nor was a booking that no publisher can
        name: adopted, such an event would outrank whatever comes.
        """
        booking = item.booking.removeprefix(self._prefix)
        if not booking or booking == item.booking:
            return None
        # A mark without a readable version was tampered with: it is older than any, and never overlooked.
        version = int(item.version) if _VERSION.fullmatch(item.version) else 0
        is_too_high = version > _VERSION_MAX or (len(item.version) > 16 and item.version.isdecimal())
        if is_too_high or not _BOOKING.fullmatch(booking):
            self._tell(room, "version" if is_too_high else "booking")
            return None
        return FoundEvent(
            mark=Mark(booking_id=BookingId(booking), version=version), ref=item.ref, created_at=item.created_at
        )

    def _tell(self, room: RoomAddress, what: str) -> None:
        if room not in self._told and len(self._told) < _TOLD_MAX:
            self._told.add(room)
            log.warning("mark.ignored", tenant=self._tenant, room=room, why=f"no {what} of ours")
