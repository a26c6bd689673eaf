"""What histories of the exactness machine taught: where an answer, a claim or a scan leaves a doubt behind."""

from dataclasses import replace

from adapters.errors import Refused, Unknown
from adapters.ledger import ClaimRequest, CompareAndSwap
from consumers.messages.disposition import Checked, Completed, DeadLettered, Finished
from tests.room_harness import BOARD, RoomHarness, a_cancel, versioned


async def test_an_unreadable_room_leaves_no_version_of_a_booking_without_its_verdict() -> None:
    harness = RoomHarness()
    harness.calendar.fail_next(Refused("rights_missing"), kind="scan")
    verdicts = await harness.run(versioned(1), versioned(2, "new"))
    assert [type(verdict) for verdict in verdicts] == [DeadLettered, DeadLettered]


async def test_after_a_refused_update_content_that_seems_unchanged_is_written_all_the_same() -> None:
    harness = RoomHarness()
    await harness.run(versioned(1, "tea"))
    harness.calendar.fail_next(Refused(), applied=True, kind="update")
    await harness.run(versioned(2, "milk"))
    await harness.run(versioned(3, "tea"))
    assert harness.subjects() == ["tea"]


async def test_after_a_refused_removal_content_that_seems_unchanged_is_written_all_the_same() -> None:
    harness = RoomHarness()
    await harness.run(versioned(1, "tea"))
    harness.calendar.fail_next(Refused(), applied=True, kind="remove")
    await harness.run(a_cancel(2))
    await harness.run(versioned(3, "tea"))
    assert harness.subjects() == ["tea"]


async def test_a_version_that_a_look_found_is_written_again_if_it_was_overwritten_before_its_command_came() -> None:
    harness = RoomHarness()
    await harness.run(versioned(1, "tea"))
    old = harness.calendar.events[BOARD][0]
    harness.calendar.fail_next(Unknown(), applied=True, kind="update")
    await harness.run(versioned(3, "rum"))
    harness.let_pass(100)
    await harness.run(versioned(2, "milk"))
    harness.calendar.events[BOARD] = [replace(old, ref=harness.calendar.events[BOARD][0].ref)]
    assert await harness.run(versioned(2, "milk"), look="booking") == [Checked()]
    (verdict,) = await harness.run(versioned(3, "rum"))
    assert isinstance(verdict, Completed)
    assert harness.subjects() == ["rum"]


async def test_a_second_look_follows_also_where_the_first_one_was_refused() -> None:
    harness = RoomHarness()
    harness.calendar.fail_next(Unknown(), kind="create")
    await harness.run(versioned(1))
    harness.let_pass(100)
    harness.calendar.fail_next(Refused("rights_missing"), kind="find")
    (verdict,) = await harness.run(a_cancel(2))
    assert isinstance(verdict, DeadLettered)
    assert [look for _, look in harness.checks] == ["booking"]


async def test_a_scan_keeps_what_deleted_items_tell_of_a_booking_that_somebody_claimed() -> None:
    harness = RoomHarness()
    await harness.run(versioned(1))
    before = await harness.row()
    assert before is not None
    await harness.run(versioned(2, "new"))
    await harness.run(a_cancel(3))
    restored = RoomHarness(harness.calendar)
    await restored.ledger.swap([CompareAndSwap(before=None, after=before)])
    await restored.ledger.claim([ClaimRequest(row=before, version=2)], for_s=90.0)
    restored.let_pass(100)
    await restored.run(versioned(1, "other", booking_id="B-2"))
    row = await restored.row()
    assert row is not None
    assert row.removed_version == 2
    assert row.claim is not None
    (verdict,) = await restored.run(versioned(2, "new"))
    assert isinstance(verdict, Completed)
    assert verdict.outcome == Finished.SUPERSEDED


async def test_a_removal_behind_a_newer_event_bars_what_is_older_before_it_is_sent_away_with_it() -> None:
    harness = RoomHarness()
    harness.calendar.fail_next(Unknown(), kind="create")
    await harness.run(a_cancel(4), versioned(5, "new"))
    row = await harness.row()
    assert row is not None
    assert row.removed_version == 4
