"""From a room that people were busy in to one that is as the ledger says: comparison, looks, the lanes' work."""

import json
from dataclasses import replace
from typing import Any

import pytest

from adapters.calendar import BookingId, RoomAddress
from adapters.errors import Refused, Transient
from adapters.ledger import LedgerRow, State
from consumers.messages.command import parse_command
from consumers.messages.disposition import Checked, Look
from consumers.reconcile.mend import ROOM_LOOK, Asked, ask_to_mend, command_for
from consumers.reconcile.read import RoomView, report_on
from consumers.reconcile.report import Kind, RoomReport, beyond_share
from tests.builders import Tenants, a_booking_command, a_tenant, an_event
from tests.contract.calendar_harness import a_room_event
from tests.fakes import KeptEvent
from tests.room_harness import BOARD, RoomHarness, a_cancel, versioned
from tests.rows import present_as


class Bench(RoomHarness):
    """A room with bookings B-0, B-1, …, and an operator; `asked` holds the looks that nobody carried out yet."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[bytes, Look]] = []

    async def fill(self, count: int) -> None:
        await self.run(*(a_booking_command(booking_id=f"B-{n}", event=an_event(subject=f"#{n}")) for n in range(count)))

    def kept(self, booking: str) -> KeptEvent:
        events = self.calendar.events[BOARD]
        return next(kept for kept in events if kept.mark is not None and kept.mark.booking_id == booking)

    async def report(self) -> RoomReport:
        room = self.room
        view = RoomView(
            tenant=room.tenant,
            address=room.address,
            calendar=room.calendar,
            gate=room.gate,
            ledger=room.ledger,
            clocks=room.clocks,
            hold_s=room.policy.hold_s,
        )
        return await report_on(view)

    async def findings(self) -> list[tuple[Kind, str]]:
        return [(finding.kind, finding.booking_id) for finding in (await self.report()).findings]

    async def ask(self, body: bytes, room: RoomAddress, look: Look) -> None:
        assert room == BOARD
        self.asked.append((body, look))

    async def repair(self) -> Asked:
        """Ask for everything, and let the lanes do it."""
        asked = await ask_to_mend(await self.report(), self.ledger, self.ask, self.time.now())
        await self.work_off()
        return asked

    async def work_off(self) -> None:
        for body, look in self.asked:
            command = parse_command(body, Tenants(self.room.tenant))
            assert await self.run(command, look=look) == [Checked()]
        self.asked.clear()


@pytest.fixture
async def harness() -> Bench:
    harness = Bench()
    await harness.fill(10)
    return harness


async def test_a_room_that_nobody_touched_has_no_findings_and_costs_one_request(harness: Bench) -> None:
    before = len(harness.calendar.requests)
    report = await harness.report()
    assert (report.findings, report.known_count, report.foreign, report.resting) == ((), 10, (), ())
    assert [call.kind for call in harness.calendar.requests[before:]] == ["read"]
    assert await ask_to_mend(report, harness.ledger, harness.ask, harness.time.now()) == Asked()
    assert harness.asked == []


async def test_what_people_did_is_named_and_mended_and_their_own_events_are_left(harness: Bench) -> None:
    calendar = harness.calendar
    for deleted in ("B-0", "B-1"):
        calendar.people_delete(BOARD, harness.kept(deleted).ref.item_id)
    calendar.people_edit(BOARD, harness.kept("B-2").ref.item_id, subject="Ours now", location="Attic")
    calendar.people_copy(BOARD, harness.kept("B-3").ref.item_id)
    lunch = calendar.people_create(BOARD, a_room_event(subject="Lunch"))
    report = await harness.report()
    assert [(finding.kind, finding.booking_id, finding.members) for finding in report.findings] == [
        (Kind.MISSING, "B-0", ()),
        (Kind.MISSING, "B-1", ()),
        (Kind.EDITED, "B-2", ("subject", "location")),
        (Kind.SURPLUS, "B-3", ()),
    ]
    assert report.foreign == (lunch.ref.item_id,)

    assert (await harness.repair()).looks_count == 4
    assert harness.subjects() == [*(f"#{n}" for n in range(10)), "Lunch"]
    assert lunch in calendar.events[BOARD]
    assert await harness.findings() == []


async def test_what_is_as_it_should_be_is_not_written_again(harness: Bench) -> None:
    harness.calendar.people_delete(BOARD, harness.kept("B-0").ref.item_id)
    before = len(harness.calendar.requests)
    await harness.repair()
    assert [call.kind for call in harness.calendar.requests[before:]] == ["read", "find", "create"]


async def test_an_event_that_was_moved_and_edited_is_written_where_it_lies_now(harness: Bench) -> None:
    trashed = harness.calendar.people_delete(BOARD, harness.kept("B-0").ref.item_id)
    restored = harness.calendar.people_restore(BOARD, trashed.ref.item_id)
    harness.calendar.people_edit(BOARD, restored.ref.item_id, show_as="free")
    assert await harness.findings() == [(Kind.EDITED, "B-0")]
    await harness.repair()
    assert harness.kept("B-0").event.show_as == "busy"
    assert len(harness.calendar.events[BOARD]) == 10


async def test_a_removed_event_that_people_brought_back_is_removed_again(harness: Bench) -> None:
    await harness.run(a_cancel(2, booking_id="B-0"))
    harness.calendar.people_restore(BOARD, harness.calendar.trash[BOARD][0].ref.item_id)
    assert await harness.findings() == [(Kind.SURPLUS, "B-0")]
    await harness.repair()
    assert "#0" not in harness.subjects()
    row = await harness.row("B-0")
    assert row is not None
    assert (row.state, row.removed_version) == (State.ABSENT, 2)


async def test_a_changed_template_is_told_apart_from_people_and_can_be_written(harness: Bench) -> None:
    harness.room = replace(harness.room, tenant=replace(harness.room.tenant, subject_template="[{subject}]"))
    report = await harness.report()
    assert {finding.kind for finding in report.findings} == {Kind.OUTDATED}
    await harness.repair()
    assert harness.subjects() == [f"[#{n}]" for n in range(10)]


async def test_an_unknown_event_makes_the_room_be_scanned_anew(harness: Bench) -> None:
    harness.ledger.store.records.pop(harness.room.key(BookingId("B-0")))
    assert await harness.findings() == [(Kind.UNKNOWN, "B-0")]
    asked = await ask_to_mend(await harness.report(), harness.ledger, harness.ask, harness.time.now())
    assert (asked.looks_count, [look for _, look in harness.asked]) == (1, ["room"])
    assert not await harness.ledger.is_scanned(harness.room.tenant.name, BOARD)
    await harness.work_off()
    assert await harness.findings() == []
    assert len(harness.calendar.events[BOARD]) == 10


async def test_a_room_is_not_scanned_anew_before_what_people_deleted_is_back(harness: Bench) -> None:
    harness.ledger.store.records.pop(harness.room.key(BookingId("B-0")))
    harness.calendar.people_delete(BOARD, harness.kept("B-1").ref.item_id)
    assert (await harness.repair()).postponed == ("B-0",)
    assert await harness.findings() == [(Kind.UNKNOWN, "B-0")]
    assert (await harness.repair()).postponed == ()
    assert await harness.findings() == []
    assert harness.subjects() == [f"#{n}" for n in range(10)]


async def test_a_booking_that_got_a_newer_version_meanwhile_is_left_to_the_lanes(harness: Bench) -> None:
    harness.calendar.people_edit(BOARD, harness.kept("B-0").ref.item_id, location="Attic")
    report = await harness.report()
    await harness.run(versioned(2, "newer", booking_id="B-0"))
    asked = await ask_to_mend(report, harness.ledger, harness.ask, harness.time.now())
    assert (asked.looks_count, asked.changed, harness.asked) == (0, ("B-0",), [])
    assert await harness.findings() == []


async def test_asking_twice_writes_once(harness: Bench) -> None:
    harness.calendar.people_edit(BOARD, harness.kept("B-0").ref.item_id, location="Attic")
    for _ in range(2):
        await ask_to_mend(await harness.report(), harness.ledger, harness.ask, harness.time.now())
    before = len(harness.calendar.requests)
    await harness.work_off()
    assert [call.kind for call in harness.calendar.requests[before:]] == ["find", "update", "find"]


async def test_short_trouble_is_ridden_out_and_lasting_trouble_is_reported(harness: Bench) -> None:
    harness.calendar.fail_next(Transient("store_unavailable"), kind="read")
    assert (await harness.report()).error is None
    harness.calendar.fail_next(Refused("rights_missing"), kind="read")
    report = await harness.report()
    assert report.error is not None
    assert (report.error.code, report.mendable) == ("rights_missing", ())


@pytest.mark.parametrize(("percent", "refused"), [(19.9, True), (20, False)])
async def test_a_repair_of_more_than_the_share_is_told(harness: Bench, percent: float, refused: bool) -> None:
    for deleted in ("B-0", "B-1"):
        harness.calendar.people_delete(BOARD, harness.kept(deleted).ref.item_id)
    report = await harness.report()
    assert (report.mended_count, report.known_count) == (2, 10)
    assert beyond_share([report], percent) == ([report] if refused else [])


EVERY_MEMBER: dict[str, Any] = {
    "all_day": True,
    "start": "2026-12-01T00:00:00+01:00",
    "end": "2026-12-02T00:00:00+01:00",
    "body": {"content_type": "html", "content": "<p>Größe</p>"},
    "location": "Attic",
    "categories": ["SpaceIQ", "a, b"],
    "organizer": {"name": "Ada", "email": "ada@acme.example"},
    "attendees": [{"name": "", "email": "b@acme.example", "type": "optional"}],
    "sensitivity": "private",
    "show_as": "oof",
}


@pytest.mark.parametrize("members", [{}, EVERY_MEMBER], ids=["defaults", "every member"])
def test_a_look_carries_the_command_that_the_row_stands_for(members: dict[str, Any]) -> None:
    published = versioned(3) if not members else a_booking_command(version=3, event=an_event(**members))
    row = present_as(published)
    carried = parse_command(command_for(row, published.issued_at), Tenants(a_tenant()))
    assert (carried.booking_id, carried.version, carried.room) == (published.booking_id, 3, published.room)
    assert carried.snapshot() == row.snapshot


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(present_as(versioned(3)).settled(snapshot=None), id="no content"),
        pytest.param(LedgerRow(key=present_as(versioned(3)).key, removed_version=4), id="barred, never written"),
    ],
)
def test_a_look_at_a_row_without_content_carries_a_cancel_no_newer_than_the_row(row: LedgerRow) -> None:
    carried = parse_command(command_for(row, versioned(3).issued_at), Tenants(a_tenant()))
    assert carried.is_removal
    assert carried.version <= max(row.version, row.removed_version)


async def test_a_look_at_a_room_names_a_booking_that_is_nobodys(harness: Bench) -> None:
    harness.ledger.store.records.pop(harness.room.key(BookingId("B-0")))
    await ask_to_mend(await harness.report(), harness.ledger, harness.ask, harness.time.now())
    ((body, look),) = harness.asked
    assert (look, json.loads(body)["booking_id"]) == ("room", ROOM_LOOK)
