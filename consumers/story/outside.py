"""What a comparison of a room with its ledger tells of bookings' stories: what people did to their events. Pure."""

from collections.abc import Iterable
from datetime import datetime

from adapters.ledger import BookingKey
from adapters.story import Entry, What
from consumers.reconcile.report import Finding, Kind, RoomReport


def entries_of(reports: Iterable[RoomReport], at: datetime) -> list[Entry]:
    """An entry for each finding that people are to blame for. Members are named, what stands in them is not."""
    return [
        Entry(
            key=BookingKey(tenant=report.tenant, room=report.room, booking_id=finding.booking_id),
            at=at,
            what=told[0],
            version=finding.version,
            detail=told[1],
        )
        for report in reports
        for finding in report.findings
        if (told := _told(finding)) is not None
    ]


def _told(finding: Finding) -> tuple[What, str | None] | None:
    match finding.kind:
        case Kind.MISSING:
            return What.GONE, None
        case Kind.EDITED:
            return What.EDITED, ", ".join(finding.members)
        case Kind.UNMARKED:
            return What.EDITED, "roomsync's mark is gone from it"
        case Kind.SURPLUS:
            return What.COPIES, str(finding.surplus_count)
        case Kind.OUTDATED | Kind.UNKNOWN:
            return None
