"""What every calendar must do when it is read whole: tell what stands there, in the form that it was written in."""

from dataclasses import replace

import pytest

from adapters.calendar import Create, Done, EventBody, RoomCalendar, RoomEvent, Update
from adapters.errors import Throttled
from tests.contract.calendar_harness import (
    ALL_DAY,
    BOARD,
    EVERY_MEMBER,
    CalendarHarness,
    a_create,
    a_mark,
    a_room_event,
    created,
)


class CalendarReadingContract:
    """Part of `CalendarContract`."""

    @pytest.mark.parametrize(
        "event",
        [
            pytest.param(a_room_event(), id="defaults"),
            pytest.param(EVERY_MEMBER, id="every member"),
            pytest.param(ALL_DAY, id="all day"),
            pytest.param(a_room_event(subject="x" * 255, location="Größe 🎉" * 100), id="longest texts"),
            pytest.param(a_room_event(time_zone="Asia/Calcutta"), id="a link as zone"),
            pytest.param(a_room_event(time_zone="UTC", show_as="oof"), id="UTC"),
            pytest.param(a_room_event(body=EventBody(content="Bring a pen\nand paper")), id="a plain text"),
        ],
    )
    async def test_what_was_written_is_read_as_it_is_kept(self, calendar: RoomCalendar, event: RoomEvent) -> None:
        await created(calendar, Create(mark=a_mark(version=7), event=event))
        (read,) = (await calendar.read(BOARD, [])).events
        assert read.found.mark == a_mark(version=7)
        kept = calendar.as_stored(event)
        assert replace(read.members, body=kept.body) == kept
        assert kept.body in (None, read.members.body)

    async def test_what_people_changed_is_read_otherwise(
        self, calendar: RoomCalendar, harness: CalendarHarness
    ) -> None:
        (ref,) = await created(calendar, a_create())
        harness.people_rename(BOARD, ref.item_id, "Renamed")
        (read,) = (await calendar.read(BOARD, [])).events
        assert read.members == replace(calendar.as_stored(a_room_event()), subject="Renamed")

    async def test_an_event_that_people_made_a_series_is_read_so_and_an_update_makes_it_single_again(
        self, calendar: RoomCalendar, harness: CalendarHarness
    ) -> None:
        (ref,) = await created(calendar, a_create())
        harness.people_repeat(BOARD, ref.item_id)
        (read,) = (await calendar.read(BOARD, [])).events
        assert replace(read.members, body=None) == replace(
            calendar.as_stored(a_room_event()), body=None, recurrence=True
        )
        (outcome,) = await calendar.apply(BOARD, [Update(mark=a_mark(version=2), ref=ref, event=a_room_event())])
        assert isinstance(outcome, Done)
        (read,) = (await calendar.read(BOARD, [])).events
        assert read.members == calendar.as_stored(a_room_event())

    async def test_a_reading_holds_every_copy_and_where_other_peoples_events_lie(
        self, calendar: RoomCalendar, harness: CalendarHarness
    ) -> None:
        (ref,) = await created(calendar, a_create())
        harness.people_copy(BOARD, ref.item_id)
        harness.people_create(BOARD, "Lunch")
        reading = await calendar.read(BOARD, [])
        seen = harness.events(BOARD)
        ours = {each.item_id for each in seen if each.mark is not None}
        assert {read.found.ref.item_id for read in reading.events} == ours
        assert {ref.item_id for ref in reading.foreign} == {each.item_id for each in seen} - ours
        assert len(ours) == 2

    async def test_a_room_that_is_as_we_left_it_is_read_in_one_request(
        self, calendar: RoomCalendar, harness: CalendarHarness
    ) -> None:
        refs = await created(calendar, *(a_create(f"B-{number}") for number in range(20)))
        harness.people_create(BOARD, "Lunch")
        before = harness.requests_count()
        reading = await calendar.read(BOARD, refs)
        assert {read.members.body for read in reading.events} == {None}
        assert harness.requests_count() - before == 1

    async def test_a_throttled_reading_raises(self, calendar: RoomCalendar, harness: CalendarHarness) -> None:
        harness.throttle_next(12.5)
        with pytest.raises(Throttled) as throttled:
            await calendar.read(BOARD, [])
        assert throttled.value.retry_after_s == 12.5
