"""What people did to an event stays until the booking's next version, whatever it holds (docs/protocol.md#rule-10)."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from adapters.errors import Refused, Transient, Unknown
from adapters.ledger import CompareAndSwap, State
from consumers.messages.disposition import Checked, Completed, DeadLettered, Deferred
from consumers.sync.judge import AS_MARKED
from tests.builders import a_booking_command
from tests.rooms import BOARD, RoomBench, a_cancel, versioned


def the_item(bench: RoomBench) -> str:
    return bench.calendar.events[BOARD][0].ref.item_id


def edit(bench: RoomBench) -> None:
    bench.calendar.people_edit(BOARD, the_item(bench), subject="edited")


def delete(bench: RoomBench) -> None:
    bench.calendar.people_delete(BOARD, the_item(bench))


def move_away(bench: RoomBench) -> None:
    bench.calendar.people_move_away(BOARD, the_item(bench))


def restore(bench: RoomBench) -> None:
    bench.calendar.people_restore(BOARD, bench.calendar.people_delete(BOARD, the_item(bench)).ref.item_id)


DOINGS = [edit, delete, move_away, restore]


@pytest.mark.parametrize("content", ["tea", "milk"])
@pytest.mark.parametrize("people_do", DOINGS)
async def test_the_next_version_undoes_what_people_did(content: str, people_do: Callable[[RoomBench], None]) -> None:
    bench = RoomBench()
    await bench.run(versioned(1, "tea"))
    people_do(bench)
    (verdict,) = await bench.run(versioned(2, content))
    assert isinstance(verdict, Completed)
    assert (bench.subjects(), bench.marks()) == ([content], [2])


@pytest.mark.parametrize("people_do", DOINGS)
async def test_the_same_version_again_leaves_what_people_did(people_do: Callable[[RoomBench], None]) -> None:
    bench = RoomBench()
    await bench.run(versioned(1, "tea"))
    people_do(bench)
    before = bench.subjects()
    bench.calendar.requests.clear()
    await bench.run(versioned(1, "tea"))
    assert (bench.subjects(), bench.kinds()) == (before, [])


@pytest.mark.parametrize("late", [versioned(2, "milk"), a_cancel(2)], ids=["an event", "a removal"])
async def test_a_lost_ledger_lets_no_older_version_win_over_unchanged_content(late: object) -> None:
    bench = RoomBench()
    await bench.run(versioned(1, "tea"))
    await bench.run(versioned(3, "tea"))
    fresh = RoomBench(bench.calendar)
    await fresh.run(late)  # type: ignore[arg-type]  # a command
    assert (fresh.subjects(), fresh.marks()) == (["tea"], [3])


async def test_content_that_comes_back_after_other_content_ends_with_the_highest_mark() -> None:
    bench = RoomBench()
    for version, content in enumerate(("tea", "milk", "tea", "tea"), 1):
        await bench.run(versioned(version, content))
    assert bench.marks() == [4]


async def with_a_lagging_mark() -> RoomBench:
    """As a version before left it: version 3 was recorded, and version 1 stands in the calendar with its content."""
    bench = RoomBench()
    await bench.run(versioned(1, "tea"))
    row = await bench.row()
    assert row is not None
    await bench.ledger.swap([CompareAndSwap(before=row, after=replace(row, version=3))])
    return bench


async def test_a_mark_that_lags_in_an_older_ledger_is_put_right_by_the_next_version() -> None:
    bench = await with_a_lagging_mark()
    await bench.run(versioned(4, "tea"))
    assert (bench.subjects(), bench.marks()) == (["tea"], [4])


async def test_a_mark_that_lags_in_an_older_ledger_is_put_right_by_a_look() -> None:
    bench = await with_a_lagging_mark()
    assert await bench.run(versioned(3, "tea"), look="booking") == [Checked()]
    assert (bench.subjects(), bench.marks()) == (["tea"], [3])


@pytest.mark.parametrize("wanted", [versioned(4, "rum"), a_cancel(4)], ids=["an event", "a removal"])
async def test_a_second_look_newer_than_what_is_settled_is_carried_out_as_its_command(wanted: object) -> None:
    """The ledger was lost, and version 2, which came late, is all that the scan found."""
    before = RoomBench()
    await before.run(versioned(2, "late"))
    bench = RoomBench(before.calendar)
    assert await bench.run(wanted, look="booking") == [Checked()]  # type: ignore[arg-type]  # a command
    row = await bench.row()
    assert row is not None
    assert row.version == 4
    assert bench.subjects() == (["rum"] if row.state is State.PRESENT else [])


async def test_a_second_look_newer_than_a_removal_brings_its_event_back() -> None:
    bench = RoomBench()
    await bench.run(versioned(1), a_cancel(2))
    assert await bench.run(versioned(4, "rum"), look="booking") == [Checked()]
    assert bench.marks() == [4]


async def test_a_second_look_is_no_command_where_nothing_was_ever_settled() -> None:
    """Its command may have been refused, and a result said so."""
    bench = RoomBench()
    bench.calendar.fail_next(Unknown(), kind="create")
    await bench.run(versioned(4))
    bench.let_pass(100)
    bench.calendar.fail_next(Refused("event_refused"), kind="create")
    (verdict,) = await bench.run(versioned(4))
    assert isinstance(verdict, DeadLettered)
    assert await bench.run(versioned(4), look="booking") == [Checked()]
    assert await bench.run(versioned(4), look="booking") == [Checked()]
    assert bench.subjects() == []


async def test_a_second_look_carried_out_as_a_command_that_is_refused_is_parked_and_the_calendar_stays() -> None:
    bench = RoomBench()
    await bench.run(versioned(2, "late"))
    bench.calendar.fail_next(Refused("event_refused"), kind="update")
    (verdict,) = await bench.run(versioned(4, "rum"), look="booking")
    assert isinstance(verdict, DeadLettered)
    assert bench.subjects() == ["late"]


async def test_a_second_look_carried_out_as_a_command_that_cannot_be_done_now_comes_back() -> None:
    bench = RoomBench()
    await bench.run(versioned(2, "late"))
    bench.calendar.fail_next(Transient(), times=3, kind="update")
    (verdict,) = await bench.run(versioned(4, "rum"), look="booking")
    assert isinstance(verdict, Deferred)
    assert await bench.run(versioned(4, "rum"), look="booking") == [Checked()]
    assert bench.subjects() == ["rum"]


async def trashed_above(bench: RoomBench, *, old: int = 1, removed: int = 4) -> None:
    """A higher version lies in Deleted Items beside a lower one in the calendar, both behind the ledger's back."""
    other = RoomBench()
    await other.run(versioned(removed, "removed"))
    other.calendar.people_delete(BOARD, the_item(other))
    older = RoomBench()
    await older.run(versioned(old, "old"))
    bench.calendar.trash[BOARD] += [
        replace(kept, ref=replace(kept.ref, item_id="t")) for kept in other.calendar.trash[BOARD]
    ]
    bench.calendar.events[BOARD] += [
        replace(kept, ref=replace(kept.ref, item_id="o")) for kept in older.calendar.events[BOARD]
    ]


async def test_a_first_scan_adopts_nothing_older_than_what_lies_in_deleted_items() -> None:
    bench = RoomBench()
    await trashed_above(bench)
    verdicts = await bench.run(versioned(3, "late"))
    assert [getattr(verdict, "outcome", None) for verdict in verdicts] == ["superseded"]
    assert bench.subjects() == []


async def test_a_repeated_scan_adopts_nothing_older_than_what_lies_in_deleted_items() -> None:
    bench = RoomBench()
    await bench.run(versioned(1, "other", booking_id="B-2"))
    await trashed_above(bench)
    assert await bench.run(versioned(1, booking_id="B-2"), look="room") == [Checked()]
    assert bench.subjects() == ["other"]
    verdicts = await bench.run(versioned(3, "late"), versioned(4, "removed"))
    assert [getattr(verdict, "outcome", None) for verdict in verdicts] == ["superseded", "superseded"]


async def test_a_repeated_scan_gives_up_a_known_event_that_is_older_than_what_lies_in_deleted_items() -> None:
    bench = RoomBench()
    await bench.run(versioned(1, "old"))
    await trashed_above(bench)
    bench.calendar.events[BOARD] = [kept for kept in bench.calendar.events[BOARD] if kept.ref.item_id != "o"]
    assert await bench.run(versioned(1, "old"), look="room") == [Checked()]
    assert bench.subjects() == []
    verdicts = await bench.run(versioned(3, "late"), versioned(4, "removed"))
    assert [getattr(verdict, "outcome", None) for verdict in verdicts] == ["superseded", "superseded"]


async def test_a_repeated_scan_lets_nothing_older_stand_in_for_an_event_that_was_deleted() -> None:
    """Adopted by the first scan, deleted since; and then an older create came late."""
    before = RoomBench()
    await before.run(versioned(4, "tea"))
    bench = RoomBench(before.calendar)
    await bench.run(versioned(1, "other", booking_id="B-2"))
    row = await bench.row()
    assert row is not None
    assert (row.version, row.written_digest) == (4, AS_MARKED)
    item = next(kept.ref.item_id for kept in bench.calendar.events[BOARD] if kept.event.subject == "tea")
    bench.calendar.people_delete(BOARD, item)
    older = RoomBench()
    await older.run(versioned(1, "old"))
    bench.calendar.events[BOARD] += older.calendar.events[BOARD]
    assert await bench.run(a_booking_command(booking_id="B-2"), look="room") == [Checked()]
    assert bench.subjects() == ["other"]
