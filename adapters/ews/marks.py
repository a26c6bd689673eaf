"""Which events are ours, by the raw values of their two properties."""

from adapters.calendar import BookingId, FoundEvent, Mark, TenantName
from adapters.ews.answers import MarkedItem
from adapters.ews.names import booking_mark


def ours(tenant: TenantName, item: MarkedItem) -> FoundEvent | None:
    """The event that bears this tenant's mark, compared exactly (Exchange compares without case); None for others."""
    prefix = booking_mark(tenant, BookingId(""))
    booking = item.booking.removeprefix(prefix)
    if not booking or booking == item.booking:
        return None
    # A mark without a readable version was tampered with: it is older than any, and never overlooked.
    version = int(item.version) if item.version.isascii() and item.version.isdecimal() else 0
    return FoundEvent(
        mark=Mark(booking_id=BookingId(booking), version=version), ref=item.ref, created_at=item.created_at
    )
