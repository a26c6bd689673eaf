"""What people did to an event stays until the booking's next version, whatever it holds (docs/protocol.md#rule-10)."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from adapters.errors import Refused, Transient, Unknown
from adapters.ledger import CompareAndSwap, State
from consumers.messages.disposition import Checked, Completed, DeadLettered, Deferred
from consumers.sync.verify import AS_MARKED
from tests.builders import a_booking_command
from tests.room_harness import BOARD, RoomHarness, a_cancel, versioned


def the_item(harness: RoomHarness) -> str:
    return harness.calendar.events[BOARD][0].ref.item_id


def edit(harness: RoomHarness) -> None:
    harness.calendar.people_edit(BOARD, the_item(harness), subject="edited")


def delete(harness: RoomHarness) -> None:
    harness.calendar.people_delete(BOARD, the_item(harness))


def move_away(harness: RoomHarness) -> None:
    harness.calendar.people_move_away(BOARD, the_item(harness))


def restore(harness: RoomHarness) -> None:
    harness.calendar.people_restore(BOARD, harness.calendar.people_delete(BOARD, the_item(harness)).ref.item_id)


DOINGS = [edit, delete, move_away, restore]


@pytest.mark.parametrize("content", ["tea", "milk"])
@pytest.mark.parametrize("people_do", DOINGS)
async def test_the_next_version_undoes_what_people_did(content: str, people_do: Callable[[RoomHarness], None]) -> None:
    harness = RoomHarness()
    await harness.run(versioned(1, "tea"))
    people_do(harness)
    (verdict,) = await harness.run(versioned(2, content))
    assert isinstance(verdict, Completed)
    assert (harness.subjects(), harness.marks()) == ([content], [2])


@pytest.mark.parametrize("people_do", DOINGS)
async def test_the_same_version_again_leaves_what_people_did(people_do: Callable[[RoomHarness], None]) -> None:
    harness = RoomHarness()
    await harness.run(versioned(1, "tea"))
    people_do(harness)
    before = harness.subjects()
    harness.calendar.requests.clear()
    await harness.run(versioned(1, "tea"))
    assert (harness.subjects(), harness.kinds()) == (before, [])


@pytest.mark.parametrize("late", [versioned(2, "milk"), a_cancel(2)], ids=["an event", "a removal"])
async def test_a_lost_ledger_lets_no_older_version_win_over_unchanged_content(late: object) -> None:
    harness = RoomHarness()
    await harness.run(versioned(1, "tea"))
    await harness.run(versioned(3, "tea"))
    fresh = RoomHarness(harness.calendar)
    await fresh.run(late)  # type: ignore[arg-type]  # a command
    assert (fresh.subjects(), fresh.marks()) == (["tea"], [3])


async def test_content_that_comes_back_after_other_content_ends_with_the_highest_mark() -> None:
    harness = RoomHarness()
    for version, content in enumerate(("tea", "milk", "tea", "tea"), 1):
        await harness.run(versioned(version, content))
    assert harness.marks() == [4]


async def with_a_lagging_mark() -> RoomHarness:
    """As a version before left it: version 3 was recorded, and version 1 stands in the calendar with its content."""
    harness = RoomHarness()
    await harness.run(versioned(1, "tea"))
    row = await harness.row()
    assert row is not None
    await harness.ledger.swap([CompareAndSwap(before=row, after=replace(row, version=3))])
    return harness


async def test_a_mark_that_lags_in_an_older_ledger_is_put_right_by_the_next_version() -> None:
    harness = await with_a_lagging_mark()
    await harness.run(versioned(4, "tea"))
    assert (harness.subjects(), harness.marks()) == (["tea"], [4])


async def test_a_mark_that_lags_in_an_older_ledger_is_put_right_by_a_look() -> None:
    harness = await with_a_lagging_mark()
    assert await harness.run(versioned(3, "tea"), look="booking") == [Checked()]
    assert (harness.subjects(), harness.marks()) == (["tea"], [3])


@pytest.mark.parametrize("wanted", [versioned(4, "rum"), a_cancel(4)], ids=["an event", "a removal"])
async def test_a_second_look_newer_than_what_is_settled_is_carried_out_as_its_command(wanted: object) -> None:
    """The ledger was lost, and version 2, which came late, is all that the scan found."""
    before = RoomHarness()
    await before.run(versioned(2, "late"))
    harness = RoomHarness(before.calendar)
    assert await harness.run(wanted, look="booking") == [Checked()]  # type: ignore[arg-type]  # a command
    row = await harness.row()
    assert row is not None
    assert row.version == 4
    assert harness.subjects() == (["rum"] if row.state is State.PRESENT else [])


async def test_a_second_look_newer_than_a_removal_brings_its_event_back() -> None:
    harness = RoomHarness()
    await harness.run(versioned(1), a_cancel(2))
    assert await harness.run(versioned(4, "rum"), look="booking") == [Checked()]
    assert harness.marks() == [4]


async def test_a_second_look_is_no_command_where_nothing_was_ever_settled() -> None:
    """Its command may have been refused, and a result said so."""
    harness = RoomHarness()
    harness.calendar.fail_next(Unknown(), kind="create")
    await harness.run(versioned(4))
    harness.let_pass(100)
    harness.calendar.fail_next(Refused("event_refused"), kind="create")
    (verdict,) = await harness.run(versioned(4))
    assert isinstance(verdict, DeadLettered)
    assert await harness.run(versioned(4), look="booking") == [Checked()]
    assert await harness.run(versioned(4), look="booking") == [Checked()]
    assert harness.subjects() == []


async def test_a_second_look_carried_out_as_a_command_that_is_refused_is_parked_and_the_calendar_stays() -> None:
    harness = RoomHarness()
    await harness.run(versioned(2, "late"))
    harness.calendar.fail_next(Refused("event_refused"), kind="update")
    (verdict,) = await harness.run(versioned(4, "rum"), look="booking")
    assert isinstance(verdict, DeadLettered)
    assert harness.subjects() == ["late"]


async def test_a_second_look_carried_out_as_a_command_that_cannot_be_done_now_comes_back() -> None:
    harness = RoomHarness()
    await harness.run(versioned(2, "late"))
    harness.calendar.fail_next(Transient(), times=3, kind="update")
    (verdict,) = await harness.run(versioned(4, "rum"), look="booking")
    assert isinstance(verdict, Deferred)
    assert await harness.run(versioned(4, "rum"), look="booking") == [Checked()]
    assert harness.subjects() == ["rum"]


async def trashed_above(harness: RoomHarness, *, old: int = 1, removed: int = 4) -> None:
    """A higher version lies in Deleted Items beside a lower one in the calendar, both behind the ledger's back."""
    other = RoomHarness()
    await other.run(versioned(removed, "removed"))
    other.calendar.people_delete(BOARD, the_item(other))
    older = RoomHarness()
    await older.run(versioned(old, "old"))
    harness.calendar.trash[BOARD] += [
        replace(kept, ref=replace(kept.ref, item_id="t")) for kept in other.calendar.trash[BOARD]
    ]
    harness.calendar.events[BOARD] += [
        replace(kept, ref=replace(kept.ref, item_id="o")) for kept in older.calendar.events[BOARD]
    ]


async def test_a_first_scan_adopts_nothing_older_than_what_lies_in_deleted_items() -> None:
    harness = RoomHarness()
    await trashed_above(harness)
    verdicts = await harness.run(versioned(3, "late"))
    assert [getattr(verdict, "outcome", None) for verdict in verdicts] == ["superseded"]
    assert harness.subjects() == []


async def test_a_repeated_scan_adopts_nothing_older_than_what_lies_in_deleted_items() -> None:
    harness = RoomHarness()
    await harness.run(versioned(1, "other", booking_id="B-2"))
    await trashed_above(harness)
    assert await harness.run(versioned(1, booking_id="B-2"), look="room") == [Checked()]
    assert harness.subjects() == ["other"]
    verdicts = await harness.run(versioned(3, "late"), versioned(4, "removed"))
    assert [getattr(verdict, "outcome", None) for verdict in verdicts] == ["superseded", "superseded"]


async def test_a_repeated_scan_gives_up_a_known_event_that_is_older_than_what_lies_in_deleted_items() -> None:
    harness = RoomHarness()
    await harness.run(versioned(1, "old"))
    await trashed_above(harness)
    harness.calendar.events[BOARD] = [kept for kept in harness.calendar.events[BOARD] if kept.ref.item_id != "o"]
    assert await harness.run(versioned(1, "old"), look="room") == [Checked()]
    assert harness.subjects() == []
    verdicts = await harness.run(versioned(3, "late"), versioned(4, "removed"))
    assert [getattr(verdict, "outcome", None) for verdict in verdicts] == ["superseded", "superseded"]


async def test_a_repeated_scan_lets_nothing_older_stand_in_for_an_event_that_was_deleted() -> None:
    """Adopted by the first scan, deleted since; and then an older create came late."""
    before = RoomHarness()
    await before.run(versioned(4, "tea"))
    harness = RoomHarness(before.calendar)
    await harness.run(versioned(1, "other", booking_id="B-2"))
    row = await harness.row()
    assert row is not None
    assert (row.version, row.written_digest) == (4, AS_MARKED)
    item = next(kept.ref.item_id for kept in harness.calendar.events[BOARD] if kept.event.subject == "tea")
    harness.calendar.people_delete(BOARD, item)
    older = RoomHarness()
    await older.run(versioned(1, "old"))
    harness.calendar.events[BOARD] += older.calendar.events[BOARD]
    assert await harness.run(a_booking_command(booking_id="B-2"), look="room") == [Checked()]
    assert harness.subjects() == ["other"]
