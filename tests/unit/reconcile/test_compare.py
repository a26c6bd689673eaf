"""The table of what a comparison says."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.calendar import EventBody, ReadEvent
from adapters.ledger import LedgerRow, State
from consumers.reconcile.compare import compare, differing, steady
from consumers.reconcile.report import Finding, Kind
from consumers.sync.plan import removed
from tests.contract.calendar_harness import a_room_event
from tests.room_harness import a_cancel, versioned
from tests.rows import ITEM, KEY, NEW, claimed, present_as
from tests.unit.reconcile.readings import NOW, as_stored, reading, standing, wanted_of

V5 = versioned(5, "five")
ROW = present_as(V5)
WITHOUT_CONTENT = ROW.settled(snapshot=None, written_digest=None, command_digest=None)
REMOVED = removed(a_cancel(6), ROW)
BEING_REMOVED = ROW.settled(removed_version=6)
COPY = standing(ROW, item="copy", minute=5)


def findings(row: LedgerRow | None, *events: ReadEvent, foreign: tuple[str, ...] = ()) -> list[Finding]:
    rows = {} if row is None else {row.key.booking_id: row}
    return compare(rows, (), reading(*events, foreign=foreign), wanted_of, NOW)


def told(found: list[Finding]) -> list[tuple[Kind, tuple[str, ...], int]]:
    return [(finding.kind, finding.members, finding.surplus_count) for finding in found]


@pytest.mark.parametrize(
    ("row", "events", "expected"),
    [
        pytest.param(ROW, [standing(ROW)], [], id="as it was written"),
        pytest.param(ROW, [standing(ROW, item="moved")], [], id="under another id, as it was written"),
        pytest.param(ROW, [], [(Kind.MISSING, (), 0)], id="deleted"),
        pytest.param(
            ROW,
            [standing(ROW, location="Attic", subject="x")],
            [(Kind.EDITED, ("subject", "location"), 0)],
            id="two members changed",
        ),
        pytest.param(ROW, [standing(ROW, version=4)], [(Kind.OUTDATED, (), 0)], id="an older version came back"),
        pytest.param(
            ROW.settled(written_digest="by another template"),
            [standing(ROW, subject="Ada: five")],
            [(Kind.OUTDATED, ("subject",), 0)],
            id="rendered by another template",
        ),
        pytest.param(
            ROW.settled(written_digest=None),
            [standing(ROW, subject="x")],
            [(Kind.EDITED, ("subject",), 0)],
            id="changed, and asked for before",
        ),
        pytest.param(ROW, [standing(ROW), COPY], [(Kind.SURPLUS, (), 1)], id="copied"),
        pytest.param(
            ROW,
            [standing(ROW, show_as="free"), COPY],
            [(Kind.EDITED, ("show_as",), 0), (Kind.SURPLUS, (), 1)],
            id="copied and changed",
        ),
        pytest.param(REMOVED, [], [], id="removed and gone"),
        pytest.param(REMOVED, [standing(ROW)], [(Kind.SURPLUS, (), 1)], id="removed and brought back"),
        pytest.param(BEING_REMOVED, [standing(ROW)], [(Kind.SURPLUS, (), 1)], id="its removal was parked"),
        pytest.param(BEING_REMOVED, [], [], id="its removal is on its way"),
        pytest.param(ROW, [standing(ROW, version=6)], [(Kind.UNKNOWN, (), 0)], id="newer than the ledger knows"),
        pytest.param(None, [standing(ROW)], [(Kind.UNKNOWN, (), 0)], id="no row"),
        pytest.param(WITHOUT_CONTENT, [standing(ROW)], [], id="found by a scan, there"),
        pytest.param(WITHOUT_CONTENT, [], [(Kind.MISSING, (), 0)], id="found by a scan, deleted"),
        pytest.param(NEW.settled(state=State.WRITING), [], [], id="a create that was refused"),
        pytest.param(
            NEW.settled(state=State.WRITING), [standing(ROW)], [(Kind.UNKNOWN, (), 0)], id="refused, yet applied"
        ),
        pytest.param(claimed(ROW, -5), [], [(Kind.MISSING, (), 0)], id="under a claim that ran out"),
    ],
)
def test_a_booking_differs(row: LedgerRow | None, events: list[ReadEvent], expected: list[Any]) -> None:
    assert told(findings(row, *events)) == expected


def test_an_event_that_lost_its_mark_is_not_missing() -> None:
    (finding,) = findings(ROW, foreign=(ITEM.item_id,))
    assert (finding.kind, finding.is_mendable) == (Kind.UNMARKED, False)


def test_what_has_no_content_in_the_ledger_cannot_be_written_again() -> None:
    (missing,) = findings(WITHOUT_CONTENT)
    assert not missing.is_mendable
    (surplus,) = findings(WITHOUT_CONTENT, standing(ROW), COPY)
    assert surplus.is_mendable


def test_events_of_other_people_are_no_findings() -> None:
    assert findings(ROW, standing(ROW), foreign=("lunch",)) == []


def test_unknown_events_of_long_ago_are_no_findings() -> None:
    long_ago = NOW - timedelta(days=91)
    event = standing(ROW, starts_at=long_ago - timedelta(hours=1), ends_at=long_ago)
    assert findings(None, event) == []


def test_a_booking_that_is_being_written_is_left_out() -> None:
    booking = KEY.booking_id
    assert compare({}, {booking}, reading(standing(ROW)), wanted_of, NOW) == []


CHANGED_BETWEEN = [
    pytest.param(ROW, ROW, True, id="the same"),
    pytest.param(claimed(ROW, -5), claimed(ROW, -9), True, id="a claim that ran out before"),
    pytest.param(claimed(ROW, 5), claimed(ROW, -1), False, id="a claim that ran out meanwhile"),
    pytest.param(ROW, claimed(ROW, 60), False, id="claimed meanwhile"),
    pytest.param(ROW, ROW.settled(version=6), False, id="settled meanwhile"),
    pytest.param(claimed(ROW, -5), ROW, False, id="looked at meanwhile"),
]


@pytest.mark.parametrize(("before", "after", "is_steady"), CHANGED_BETWEEN)
def test_only_what_nobody_wrote_meanwhile_is_judged(before: LedgerRow, after: LedgerRow, is_steady: bool) -> None:
    booking = KEY.booking_id
    rows, resting = steady({booking: before}, {booking: after})
    assert (rows, resting) == (({booking: after}, set()) if is_steady else ({}, {booking}))


def test_a_booking_that_came_or_went_meanwhile_is_being_written() -> None:
    assert steady({}, {KEY.booking_id: ROW}) == ({}, {KEY.booking_id})
    assert steady({KEY.booking_id: ROW}, {}) == ({}, {KEY.booking_id})


@pytest.mark.parametrize(
    ("change", "names"),
    [
        pytest.param({"subject": "Design  review\r\n"}, (), id="blanks count as one"),
        pytest.param({"body": "Bring a pen"}, ("body",), id="a note was added"),
        pytest.param({"body": None}, (), id="the body was not read"),
        pytest.param({"time_zone": "Asia/Tokyo"}, ("time_zone",), id="another zone"),
        pytest.param({"time_zone": None, "all_day": True}, (), id="kept in UTC, its zone being unknown there"),
        pytest.param({"ends_at": datetime(2026, 12, 1, 10, tzinfo=UTC)}, ("ends_at",), id="longer"),
        pytest.param({"recurrence": True}, ("recurrence",), id="made a series of"),
        pytest.param({"show_as": "WorkingElsewhere"}, ("show_as",), id="a word of Outlook's"),
        pytest.param({"categories": ("Red",)}, ("categories",), id="a category"),
    ],
)
def test_members_are_compared(change: dict[str, Any], names: tuple[str, ...]) -> None:
    members = as_stored(a_room_event())
    changed = {name: getattr(members, name) for name in members.__dataclass_fields__} | change
    assert differing(members, type(members)(**changed)) == names


def test_html_is_not_compared_since_exchange_rewrites_it() -> None:
    html = as_stored(a_room_event(body=EventBody(content_type="html", content="<p>Hi</p>")))
    assert differing(html, as_stored(a_room_event(body=EventBody(content="Hi")))) == ()
