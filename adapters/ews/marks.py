"""Which events are ours, by the raw values of their two properties."""

import re

import structlog

from adapters.calendar import BookingId, FoundEvent, Mark, RoomAddress, TenantName
from adapters.ews.answers import MarkedItem
from adapters.ews.names import booking_mark

log = structlog.get_logger(__name__)

# What a booking and its version can be (docs/contract.md#commands).
_BOOKING = re.compile("[!-~]{1,200}")
_VERSION = re.compile("[0-9]{1,16}")
_VERSION_MAX = 2**53 - 1

_TOLD_MAX = 1000


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
