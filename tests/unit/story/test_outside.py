"""What a comparison of a room tells of its bookings' stories."""

import pytest

from adapters.calendar import BookingId
from adapters.story import What
from consumers.reconcile.report import Finding, Kind, RoomReport
from consumers.story.outside import entries_of
from tests.unit.story.entries import KEY, minute

TOLD = {
    Kind.MISSING: (What.GONE, None),
    Kind.EDITED: (What.EDITED, "subject, location"),
    Kind.UNMARKED: (What.EDITED, "roomsync's mark is gone from it"),
    Kind.SURPLUS: (What.COPIES, "2"),
    Kind.OUTDATED: None,
    Kind.UNKNOWN: None,
}


@pytest.mark.parametrize("kind", list(Kind))
def test_what_people_did_is_told_and_what_the_ledger_lacks_is_not(kind: Kind) -> None:
    finding = Finding(
        kind=kind, booking_id=BookingId("B-1"), version=3, members=("subject", "location"), surplus_count=2
    )
    report = RoomReport(tenant=KEY.tenant, room=KEY.room, findings=(finding,))
    told = [(entry.key, entry.at, entry.version, entry.what, entry.detail) for entry in entries_of([report], minute(1))]
    expected = TOLD[kind]
    assert told == ([] if expected is None else [(KEY, minute(1), 3, *expected)])
