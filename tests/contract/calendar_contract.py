"""What every calendar must do, whatever stands behind it: a fake that passes cannot drift from what it stands for."""

import pytest

from adapters.calendar import (
    BookingId,
    Create,
    Done,
    Gone,
    Operation,
    Remove,
    RoomCalendar,
    RoomEvent,
    Update,
)
from adapters.errors import CalendarError, Throttled, Transient, Unknown
from tests.contract.calendar_harness import (
    ALL_DAY,
    BOARD,
    EVERY_MEMBER,
    LOBBY,
    CalendarHarness,
    a_create,
    a_mark,
    a_room_event,
    created,
    marks,
    without_zone,
)
from tests.contract.calendar_reading_contract import CalendarReadingContract


class CalendarContract(CalendarReadingContract):
    """Inherited by a test class for each calendar, which provides the fixtures `calendar` (of tenant `acme`) and
    `harness`."""

    @pytest.mark.parametrize(
        "event",
        [
            pytest.param(a_room_event(), id="defaults"),
            pytest.param(EVERY_MEMBER, id="every member"),
            pytest.param(ALL_DAY, id="all day"),
            pytest.param(a_room_event(subject=""), id="no subject"),
            pytest.param(a_room_event(subject="x" * 255), id="longest subject"),
            pytest.param(a_room_event(show_as="free"), id="free"),
            pytest.param(a_room_event(show_as="oof"), id="out of office"),
            pytest.param(a_room_event(time_zone="Asia/Calcutta"), id="a link as zone"),
        ],
    )
    async def test_a_created_event_lies_there_as_it_was_given(
        self, calendar: RoomCalendar, harness: CalendarHarness, event: RoomEvent
    ) -> None:
        await created(calendar, Create(mark=a_mark(version=7), event=event))
        (seen,) = harness.events(BOARD)
        assert seen.mark == a_mark(version=7)
        assert seen.event == without_zone(event)

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            pytest.param(EVERY_MEMBER, a_room_event(), id="everything back to its default"),
            pytest.param(a_room_event(), EVERY_MEMBER, id="everything set"),
            pytest.param(EVERY_MEMBER, a_room_event(subject=""), id="subject emptied"),
            pytest.param(a_room_event(), ALL_DAY, id="now all day"),
            pytest.param(ALL_DAY, a_room_event(), id="no longer all day"),
            pytest.param(a_room_event(), a_room_event(time_zone="Asia/Tokyo"), id="another zone"),
        ],
    )
    async def test_an_update_overwrites_every_member_and_the_mark(
        self, calendar: RoomCalendar, harness: CalendarHarness, before: RoomEvent, after: RoomEvent
    ) -> None:
        (ref,) = await created(calendar, Create(mark=a_mark(version=1), event=before))
        (outcome,) = await calendar.apply(BOARD, [Update(mark=a_mark(version=2), ref=ref, event=after)])
        assert isinstance(outcome, Done)
        (seen,) = harness.events(BOARD)
        assert seen.mark == a_mark(version=2)
        assert seen.event == without_zone(after)

    async def test_an_update_wins_over_what_people_changed_meanwhile(
        self, calendar: RoomCalendar, harness: CalendarHarness
    ) -> None:
        (ref,) = await created(calendar, a_create())
        harness.people_rename(BOARD, ref.item_id, "Changed in Outlook")
        (outcome,) = await calendar.apply(BOARD, [Update(mark=a_mark(version=2), ref=ref, event=a_room_event())])
        assert isinstance(outcome, Done)
        assert harness.events(BOARD)[0].event.subject == "Design review"

    async def test_an_updated_event_keeps_its_id(self, calendar: RoomCalendar, harness: CalendarHarness) -> None:
        (ref,) = await created(calendar, a_create())
        (outcome,) = await calendar.apply(BOARD, [Update(mark=a_mark(version=2), ref=ref, event=a_room_event())])
        assert isinstance(outcome, Done)
        assert outcome.ref is not None
        assert outcome.ref.item_id == ref.item_id == harness.events(BOARD)[0].item_id

    async def test_a_removed_event_lies_in_deleted_items(
        self, calendar: RoomCalendar, harness: CalendarHarness
    ) -> None:
        (ref,) = await created(calendar, a_create())
        assert await calendar.apply(BOARD, [Remove(ref=ref)]) == [Done()]
        assert harness.events(BOARD) == []
        assert marks(harness.trash(BOARD)) == [a_mark()]

    async def test_a_second_removal_finds_it_gone(self, calendar: RoomCalendar) -> None:
        (ref,) = await created(calendar, a_create())
        await calendar.apply(BOARD, [Remove(ref=ref)])
        assert await calendar.apply(BOARD, [Remove(ref=ref)]) == [Gone()]

    async def test_updating_what_people_deleted_finds_it_gone(
        self, calendar: RoomCalendar, harness: CalendarHarness
    ) -> None:
        (ref,) = await created(calendar, a_create())
        harness.people_delete(BOARD, ref.item_id)
        update = Update(mark=a_mark(version=2), ref=ref, event=a_room_event())
        assert await calendar.apply(BOARD, [update]) == [Gone()]
        assert harness.events(BOARD) == []

    async def test_an_event_that_people_restored_has_another_id(
        self, calendar: RoomCalendar, harness: CalendarHarness
    ) -> None:
        (ref,) = await created(calendar, a_create())
        harness.people_delete(BOARD, ref.item_id)
        harness.people_restore(BOARD, harness.trash(BOARD)[0].item_id)
        assert await calendar.apply(BOARD, [Remove(ref=ref)]) == [Gone()]
        (found,) = await calendar.find(BOARD, [BookingId("B-1001")])
        assert found.ref.item_id != ref.item_id

    async def test_outcomes_come_in_the_order_of_the_operations(
        self, calendar: RoomCalendar, harness: CalendarHarness
    ) -> None:
        kept, lost, removed = await created(calendar, a_create("a"), a_create("b"), a_create("c"))
        harness.people_delete(BOARD, lost.item_id)
        outcomes = await calendar.apply(
            BOARD,
            [
                Remove(ref=removed),
                a_create("d"),
                Update(mark=a_mark("b", 2), ref=lost, event=a_room_event()),
                Update(mark=a_mark("a", 2), ref=kept, event=a_room_event()),
            ],
        )
        assert [type(outcome) for outcome in outcomes] == [Done, Done, Gone, Done]
        assert marks(harness.events(BOARD)) == [a_mark("a", 2), a_mark("d")]

    async def test_every_kind_of_operation_costs_one_request(
        self, calendar: RoomCalendar, harness: CalendarHarness
    ) -> None:
        first, second = await created(calendar, a_create("a"), a_create("b"))
        before = harness.requests_count()
        operations: list[Operation] = [
            a_create("c"),
            Remove(ref=first),
            a_create("d"),
            Update(mark=a_mark("b", 2), ref=second, event=a_room_event()),
        ]
        await calendar.apply(BOARD, operations)
        assert harness.requests_count() - before == 3

    async def test_nothing_to_do_asks_nothing(self, calendar: RoomCalendar, harness: CalendarHarness) -> None:
        assert await calendar.apply(BOARD, []) == []
        assert await calendar.find(BOARD, []) == []
        assert harness.requests_count() == 0

    async def test_repeating_a_create_makes_a_second_event(
        self, calendar: RoomCalendar, harness: CalendarHarness
    ) -> None:
        await created(calendar, a_create(), a_create())
        assert marks(harness.events(BOARD)) == [a_mark(), a_mark()]

    async def test_find_tells_versions_ids_and_times_of_every_copy(
        self, calendar: RoomCalendar, harness: CalendarHarness
    ) -> None:
        (ref,) = await created(calendar, a_create(version=4))
        harness.people_copy(BOARD, ref.item_id)
        found = await calendar.find(BOARD, [BookingId("B-1001")])
        assert [event.mark for event in found] == [a_mark(version=4)] * 2
        assert {event.ref.item_id for event in found} == {seen.item_id for seen in harness.events(BOARD)}
        assert all(event.created_at.tzinfo for event in found)

    async def test_find_compares_bookings_exactly(self, calendar: RoomCalendar) -> None:
        await created(calendar, a_create("B-1"), a_create("b-1"), a_create("B-10"), a_create("B-"))
        assert [event.mark for event in await calendar.find(BOARD, [BookingId("b-1")])] == [a_mark("b-1")]

    async def test_find_takes_odd_characters_in_booking_ids(self, calendar: RoomCalendar) -> None:
        odd = "S-7/2026-12-01'\"<&>%{}" + "x" * 178
        await created(calendar, a_create(odd), a_create("other"))
        assert [event.mark for event in await calendar.find(BOARD, [BookingId(odd)])] == [a_mark(odd)]

    async def test_find_of_many_bookings_is_one_request(self, calendar: RoomCalendar, harness: CalendarHarness) -> None:
        await created(calendar, *(a_create(f"B-{number}") for number in range(20)))
        before = harness.requests_count()
        found = await calendar.find(BOARD, [BookingId(f"B-{number}") for number in range(5, 25)])
        assert {event.mark.booking_id for event in found} == {f"B-{number}" for number in range(5, 20)}
        assert harness.requests_count() - before == 1

    async def test_find_leaves_out_other_rooms_other_peoples_events_and_the_trash(
        self, calendar: RoomCalendar, harness: CalendarHarness
    ) -> None:
        (trashed,) = await created(calendar, a_create())
        await created(calendar, a_create(), room=LOBBY)
        harness.people_delete(BOARD, trashed.item_id)
        harness.people_create(BOARD, "Lunch")
        assert await calendar.find(BOARD, [BookingId("B-1001")]) == []

    async def test_a_mark_survives_what_people_do(self, calendar: RoomCalendar, harness: CalendarHarness) -> None:
        (ref,) = await created(calendar, a_create(version=3))
        harness.people_rename(BOARD, ref.item_id, "Renamed")
        assert [event.mark for event in await calendar.find(BOARD, [BookingId("B-1001")])] == [a_mark(version=3)]

    async def test_a_scan_reads_calendar_and_deleted_items_at_once(
        self, calendar: RoomCalendar, harness: CalendarHarness
    ) -> None:
        _, removed = await created(calendar, a_create("kept", 2), a_create("removed", 5))
        await calendar.apply(BOARD, [Remove(ref=removed)])
        harness.people_create(BOARD, "Lunch")
        before = harness.requests_count()
        scan = await calendar.scan(BOARD)
        assert [event.mark for event in scan.events] == [a_mark("kept", 2)]
        assert list(scan.trashed) == [a_mark("removed", 5)]
        assert harness.requests_count() - before == 1

    async def test_an_empty_room_scans_empty(self, calendar: RoomCalendar) -> None:
        scan = await calendar.scan(BOARD)
        assert (scan.events, scan.trashed) == ((), ())

    async def test_a_write_whose_reply_is_lost_is_unknown_and_sent_once(
        self, calendar: RoomCalendar, harness: CalendarHarness
    ) -> None:
        harness.lose_next_reply()
        outcomes = await calendar.apply(BOARD, [a_create("a"), a_create("b")])
        assert [type(outcome) for outcome in outcomes] == [Unknown, Unknown]
        assert marks(harness.events(BOARD)) == [a_mark("a"), a_mark("b")]
        assert harness.requests_count() == 1

    async def test_a_read_whose_reply_is_lost_may_be_repeated(
        self, calendar: RoomCalendar, harness: CalendarHarness
    ) -> None:
        harness.lose_next_reply()
        with pytest.raises(Transient):
            await calendar.scan(BOARD)
        assert (await calendar.scan(BOARD)).events == ()

    async def test_a_throttled_write_tells_how_long_to_wait_and_asks_no_more(
        self, calendar: RoomCalendar, harness: CalendarHarness
    ) -> None:
        (ref,) = await created(calendar, a_create("a"))
        before = harness.requests_count()
        harness.throttle_next(12.5)
        outcomes = await calendar.apply(BOARD, [a_create("b"), Remove(ref=ref)])
        assert [outcome.retry_after_s for outcome in outcomes if isinstance(outcome, Throttled)] == [12.5, 12.5]
        assert harness.requests_count() - before == 1
        assert marks(harness.events(BOARD)) == [a_mark("a")]

    async def test_a_throttled_read_raises(self, calendar: RoomCalendar, harness: CalendarHarness) -> None:
        harness.throttle_next(12.5)
        with pytest.raises(Throttled) as throttled:
            await calendar.find(BOARD, [BookingId("B-1001")])
        assert throttled.value.retry_after_s == 12.5

    async def test_no_error_shows_a_subject_or_a_person(self, calendar: RoomCalendar, harness: CalendarHarness) -> None:
        harness.lose_next_reply()
        (outcome,) = await calendar.apply(BOARD, [a_create(subject="Layoffs")])
        assert isinstance(outcome, CalendarError)
        assert "Layoffs" not in repr(outcome) + str(outcome)
