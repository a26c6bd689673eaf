"""The fake calendar keeps the contract of those it stands for."""

from dataclasses import replace

import pytest

from adapters.calendar import Gone, Remove, RoomAddress
from adapters.errors import Throttled, Transient, Unknown
from tests.contract.calendar_contract import CalendarContract
from tests.contract.calendar_harness import BOARD, Seen, a_create, a_room_event, without_zone
from tests.fakes import CalendarRequest, FakeCalendar, KeptEvent

WRITES: tuple[CalendarRequest, ...] = ("create", "update", "remove")
READS: tuple[CalendarRequest, ...] = ("find", "scan", "read")


def _seen(kept: KeptEvent) -> Seen:
    return Seen(item_id=kept.ref.item_id, mark=kept.mark, event=without_zone(kept.event))


class FakeWorld:
    def __init__(self, calendar: FakeCalendar) -> None:
        self._calendar = calendar

    def events(self, room: RoomAddress) -> list[Seen]:
        return [_seen(kept) for kept in self._calendar.events[room]]

    def trash(self, room: RoomAddress) -> list[Seen]:
        return [_seen(kept) for kept in self._calendar.trash[room]]

    def requests_count(self) -> int:
        return len(self._calendar.requests)

    def people_create(self, room: RoomAddress, subject: str) -> None:
        self._calendar.people_create(room, a_room_event(subject=subject))

    def people_rename(self, room: RoomAddress, item_id: str, subject: str) -> None:
        self._calendar.people_edit(room, item_id, subject=subject)

    def people_delete(self, room: RoomAddress, item_id: str) -> None:
        self._calendar.people_delete(room, item_id)

    def people_restore(self, room: RoomAddress, item_id: str) -> None:
        self._calendar.people_restore(room, item_id)

    def people_repeat(self, room: RoomAddress, item_id: str) -> None:
        self._calendar.people_repeat(room, item_id)

    def people_copy(self, room: RoomAddress, item_id: str) -> None:
        self._calendar.people_copy(room, item_id)

    def lose_next_reply(self) -> None:
        for kind in WRITES:
            self._calendar.fail_next(Unknown(), applied=True, kind=kind)
        for kind in READS:
            self._calendar.fail_next(Transient("unreachable"), kind=kind)

    def throttle_next(self, retry_after_s: float) -> None:
        self._calendar.fail_next(Throttled(retry_after_s))


class TestFakeCalendar(CalendarContract):
    @pytest.fixture
    def calendar(self) -> FakeCalendar:
        return FakeCalendar()

    @pytest.fixture
    def harness(self, calendar: FakeCalendar) -> FakeWorld:
        return FakeWorld(calendar)


async def test_a_fake_fails_as_often_as_told_and_then_works() -> None:
    calendar = FakeCalendar(Transient("unreachable"))
    assert isinstance((await calendar.apply(BOARD, [a_create()]))[0], Transient)
    await calendar.apply(BOARD, [a_create()])
    assert len(calendar.events[BOARD]) == 1


async def test_a_fake_can_fail_one_item_of_a_batch() -> None:
    calendar = FakeCalendar()
    calendar.fail_next(Throttled(5), index=1)
    outcomes = await calendar.apply(BOARD, [a_create("a"), a_create("b"), a_create("c")])
    assert [isinstance(outcome, Throttled) for outcome in outcomes] == [False, True, False]
    assert [kept.mark and kept.mark.booking_id for kept in calendar.events[BOARD]] == ["a", "c"]


async def test_a_fake_knows_nothing_of_unknown_ids() -> None:
    calendar = FakeCalendar()
    kept = calendar.people_create(BOARD, a_room_event())
    elsewhere = replace(kept.ref, item_id="elsewhere")
    assert await calendar.apply(BOARD, [Remove(ref=elsewhere)]) == [Gone()]
