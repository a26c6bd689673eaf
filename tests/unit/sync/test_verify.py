from dataclasses import replace
from datetime import UTC, datetime

from adapters.calendar import BookingId, FoundEvent, ItemRef, Mark
from adapters.ledger import LedgerRow, State
from consumers.sync.verify import judge, judge_first_touch
from tests.room_harness import versioned
from tests.rows import ITEM, KEY, NEW, present_as

WRITING = NEW.settled(state=State.WRITING)
V5 = versioned(5, "five")


def found(version: int, item: str = "AAMk1", minute: int = 0) -> FoundEvent:
    return FoundEvent(
        mark=mark(version), ref=ItemRef(item_id=item), created_at=datetime(2026, 11, 20, 9, minute, tzinfo=UTC)
    )


def mark(version: int) -> Mark:
    return Mark(booking_id=BookingId(KEY.booking_id), version=version)


def test_the_highest_version_is_adopted_and_the_others_are_surplus() -> None:
    judgement = judge(WRITING, [found(1, "a"), found(3, "b"), found(2, "c")])
    assert (judgement.row.state, judgement.row.version) == (State.PRESENT, 3)
    assert [ref.item_id for ref in judgement.surplus] == ["a", "c"]


def test_of_equal_versions_the_oldest_item_is_kept() -> None:
    judgement = judge(WRITING, [found(2, "young", minute=5), found(2, "old", minute=1)])
    assert judgement.row.item == ItemRef(item_id="old")
    assert [ref.item_id for ref in judgement.surplus] == ["young"]


def test_nothing_at_or_below_a_removal_is_adopted() -> None:
    judgement = judge(WRITING.settled(removed_version=3), [found(3), found(2)])
    assert judgement.row.state is State.ABSENT
    assert len(judgement.surplus) == 2


def test_nothing_found_after_a_create_of_unknown_fate_is_absent() -> None:
    assert judge(WRITING, []).row == NEW


def test_a_missing_event_stays_wanted_with_its_content() -> None:
    row = judge(present_as(V5), []).row
    assert (row.state, row.version, row.item, row.written_digest) == (State.PRESENT, 5, None, None)
    assert row.snapshot is not None


def test_a_missing_event_that_a_removal_barred_is_absent() -> None:
    assert judge(present_as(V5, removed_version=6), []).row.state is State.ABSENT


def test_older_content_keeps_the_rows_version_and_is_known_to_be_older() -> None:
    row = judge(present_as(V5), [found(4, "b")]).row
    assert (row.version, row.item, row.written_digest) == (5, ItemRef(item_id="b"), None)


def test_the_same_version_under_another_id_keeps_what_is_known() -> None:
    row = judge(present_as(V5), [found(5, "moved")]).row
    assert row == present_as(V5, item=ItemRef(item_id="moved"))


def test_an_event_that_people_touched_keeps_the_change_key_that_was_written() -> None:
    touched_since = replace(found(5), ref=replace(ITEM, change_key="2"))
    assert judge(present_as(V5), [touched_since]).row == present_as(V5)


def test_a_newer_version_leaves_no_old_content_in_the_row() -> None:
    row = judge(present_as(V5), [found(6, "new")]).row
    assert (row.version, row.command_digest, row.snapshot) == (6, None, None)


def touched(row: LedgerRow, in_calendar: list[int], in_trash: list[int]) -> LedgerRow:
    events = [found(version, f"v{version}") for version in in_calendar]
    return judge_first_touch(row, events, [mark(version) for version in in_trash]).row


def test_first_touch_makes_the_highest_trashed_version_a_tombstone() -> None:
    row = touched(NEW, [], [2, 4])
    assert (row.state, row.version, row.removed_version) == (State.ABSENT, 4, 4)


def test_first_touch_keeps_an_event_that_is_newer_than_the_trash() -> None:
    row = touched(NEW, [5], [4])
    assert (row.state, row.version, row.removed_version) == (State.PRESENT, 5, 4)


def test_first_touch_keeps_an_event_whose_copy_lies_in_the_trash() -> None:
    row = touched(NEW, [5], [5])
    assert (row.state, row.version, row.removed_version) == (State.PRESENT, 5, 4)


def test_first_touch_drops_an_event_older_than_what_was_removed() -> None:
    judgement = judge_first_touch(NEW, [found(3)], [mark(4)])
    assert judgement.row.state is State.ABSENT
    assert len(judgement.surplus) == 1


def test_first_touch_leaves_a_row_that_knows_as_much_as_it_is() -> None:
    row = present_as(V5)
    assert judge_first_touch(row, [found(5, ITEM.item_id)], []).row.version == 5
