"""From a message to the event in the room's calendar: what each command does there, member by member."""

from collections.abc import AsyncIterator
from datetime import datetime
from itertools import count
from typing import Any

import pytest
import pytest_asyncio

from adapters.rabbitmq.node import BrokerNode
from adapters.simulator import ItemCode, PropertyKey, SimEvent, Throttle
from tests.bare_publisher import publish_bare
from tests.builders import END, START, a_body, a_command, an_event
from tests.program_harness import ProgramHarness

pytestmark = [pytest.mark.broker, pytest.mark.asyncio(loop_scope="module")]

_numbers = count(1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def harness(broker: BrokerNode, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ProgramHarness]:
    async with ProgramHarness(tmp_path_factory.mktemp("commands"), broker.url) as harness:
        await harness.worker()
        yield harness


@pytest.fixture
def room() -> str:
    """A room that no other test uses."""
    return f"room-{next(_numbers)}@acme.example"


async def test_a_create_writes_every_member_and_both_marks(harness: ProgramHarness, room: str) -> None:
    event = an_event(
        body={"content_type": "html", "content": "<p>Bring the <b>plans</b></p>"},
        location="Third floor",
        categories=["SpaceIQ", "Grün"],
        organizer={"name": "Ada", "email": "ada@acme.example"},
        attendees=[{"name": "Bob", "email": "bob@acme.example", "type": "optional"}],
        sensitivity="private",
        show_as="tentative",
    )
    result = await harness.sync(a_command(room=room, version=7, event=event))

    written = the_event(harness, room)
    assert (result["outcome"], result["item_id"], result["warnings"]) == ("synced", written.item_id, [])
    assert (written.booking, written.version) == ("acme/B-1001", "7")
    assert (written.subject, written.location, written.categories) == (
        "Design review",
        "Third floor",
        ("SpaceIQ", "Grün"),
    )
    assert (written.start, written.end) == (instant(START), instant(END))
    assert (written.start_zone, written.end_zone) == ("Romance Standard Time", "Romance Standard Time")
    assert (written.body_type, written.body) == ("HTML", "<p>Bring the <b>plans</b></p>")
    assert (written.sensitivity, written.show_as, written.all_day) == ("Private", "Tentative", False)
    assert (written.attendees, written.is_meeting, written.reminder_set) == ((), False, False)


async def test_an_update_writes_absent_members_as_their_defaults(harness: ProgramHarness, room: str) -> None:
    full = an_event(location="Attic", categories=["A"], body={"content_type": "text", "content": "x"}, show_as="oof")
    await harness.sync(a_command(room=room, event=full | {"sensitivity": "private"}))
    await harness.sync(a_command(room=room, command="update", version=2, event=an_event(subject="Bare")))

    bare = the_event(harness, room)
    assert (bare.subject, bare.location, bare.categories, bare.body) == ("Bare", "", (), "")
    assert (bare.sensitivity, bare.show_as, bare.version) == ("Normal", "Busy", "2")


async def test_what_people_added_to_our_event_stays_on_it(harness: ProgramHarness, room: str) -> None:
    await harness.sync(a_command(room=room))
    ours = the_event(harness, room)
    foreign = {PropertyKey("2f6c1f3e-5f0b-4f7e-9a55-0d9c8f2d1a11", "colour", "String"): "blue"}
    harness.exchange.outlook.edit(
        room, ours.item_id, importance="High", reminder_set=True, properties=ours.properties | foreign
    )
    await harness.sync(a_command(room=room, command="update", version=2, event=an_event(subject="Moved up")))

    after = the_event(harness, room)
    assert (after.subject, after.importance, after.reminder_set) == ("Moved up", "High", True)
    assert foreign.items() <= after.properties.items()


async def test_an_event_without_our_mark_is_never_touched(harness: ProgramHarness, room: str) -> None:
    theirs = harness.exchange.outlook.create(room, subject="Design review", start=instant(START), end=instant(END))
    await harness.sync(a_command(room=room))
    await harness.sync(a_command(room=room, command="update", version=2, event=an_event(subject="Other")))
    await harness.sync(a_command(room=room, command="cancel", version=3))

    assert harness.exchange.calendar(room) == [theirs]


async def test_an_all_day_event_lasts_from_midnight_to_midnight_of_its_zone(harness: ProgramHarness, room: str) -> None:
    start, end = "2026-12-01T00:00:00+01:00", "2026-12-03T00:00:00+01:00"
    await harness.sync(a_command(room=room, event=an_event(start=start, end=end, all_day=True)))

    written = the_event(harness, room)
    assert (written.all_day, written.start, written.end) == (True, instant(start), instant(end))
    assert written.start_zone == "Romance Standard Time"


@pytest.mark.parametrize(
    ("start", "end"),
    [
        pytest.param("2026-03-29T01:30:00+01:00", "2026-03-29T03:30:00+02:00", id="over the hour that is skipped"),
        pytest.param("2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00", id="over the hour that comes twice"),
        pytest.param("2026-10-25T02:15:00+01:00", "2026-10-25T02:45:00+01:00", id="in the second of the two hours"),
    ],
)
async def test_instants_hold_when_clocks_change(start: str, end: str, harness: ProgramHarness, room: str) -> None:
    await harness.sync(a_command(room=room, event=an_event(start=start, end=end)))

    written = the_event(harness, room)
    assert (written.start, written.end) == (instant(start), instant(end))
    assert written.start_zone == "Romance Standard Time"


async def test_an_all_day_event_on_the_day_of_a_clock_change_is_a_day(harness: ProgramHarness, room: str) -> None:
    start, end = "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"
    await harness.sync(a_command(room=room, event=an_event(start=start, end=end, all_day=True)))

    written = the_event(harness, room)
    assert (written.all_day, written.start, written.end) == (True, instant(start), instant(end))


async def test_an_old_name_of_a_zone_is_understood(harness: ProgramHarness, room: str) -> None:
    result = await harness.sync(a_command(room=room, event=an_event(time_zone="Asia/Calcutta")))
    assert result["warnings"] == []
    assert the_event(harness, room).start_zone == "India Standard Time"


async def test_a_zone_that_exchange_does_not_know_becomes_utc_with_a_warning(
    harness: ProgramHarness, room: str
) -> None:
    harness.exchange.faults.next(ItemCode(0, "ErrorTimeZone"), room=room, operation="CreateItem")
    result = await harness.sync(a_command(room=room, event=an_event(time_zone="Pacific/Bougainville")))

    written = the_event(harness, room)
    assert [(warning["code"], warning["member"]) for warning in result["warnings"]] == [
        ("time_zone_as_utc", "/event/time_zone")
    ]
    assert (written.start_zone, written.start, written.end) == ("UTC", instant(START), instant(END))


async def test_a_move_takes_the_booking_from_one_room_to_the_other(harness: ProgramHarness, room: str) -> None:
    left = f"left-{room}"
    await harness.sync(a_command(room=left))
    move = await harness.send(a_command(room=room, command="move", previous_room=left, version=2))
    moved, removed = sorted(await harness.results.about(move, count=2), key=lambda result: result["derived"])

    assert (moved["outcome"], moved["command"], moved["room"]) == ("synced", "move", room)
    assert (removed["outcome"], removed["command"], removed["room"]) == ("removed", "cancel", left)
    assert (removed["derived"], removed["version"]) == (True, 2)
    assert the_event(harness, room).version == "2"
    assert harness.exchange.calendar(left) == []


async def test_an_early_end_shortens_the_event(harness: ProgramHarness, room: str) -> None:
    early = "2026-12-01T09:20:00+01:00"
    await harness.sync(a_command(room=room))
    await harness.sync(a_command(room=room, command="end", version=2, event=an_event(end=early)))
    assert the_event(harness, room).end == instant(early)


async def test_an_end_before_the_start_takes_the_event_away(harness: ProgramHarness, room: str) -> None:
    await harness.sync(a_command(room=room))
    result = await harness.sync(a_command(room=room, command="end", version=2, event=an_event(end=START)))
    assert result["outcome"] == "removed"
    assert harness.exchange.calendar(room) == []


async def test_a_cancel_moves_the_event_to_deleted_items(harness: ProgramHarness, room: str) -> None:
    await harness.sync(a_command(room=room))
    result = await harness.sync(a_command(room=room, command="cancel", version=2))
    assert (result["outcome"], harness.exchange.calendar(room)) == ("removed", [])
    assert [event.booking for event in harness.exchange.deleted_items(room)] == ["acme/B-1001"]


async def test_a_late_older_version_is_superseded_even_after_the_cancel(harness: ProgramHarness, room: str) -> None:
    await harness.sync(a_command(room=room, command="cancel", version=5))
    result = await harness.sync(a_command(room=room, version=4))
    assert (result["outcome"], harness.exchange.calendar(room)) == ("superseded", [])


async def test_a_version_with_other_content_is_refused_and_a_repeated_one_confirmed(
    harness: ProgramHarness, room: str
) -> None:
    await harness.sync(a_command(room=room))
    again = await harness.sync(a_command(room=room, command="update"))
    other = await harness.sync(a_command(room=room, event=an_event(subject="Another")))
    assert again["outcome"] == "synced"
    assert (other["outcome"], other["error"]["code"]) == ("failed", "version_reused")
    assert the_event(harness, room).subject == "Design review"


async def test_a_room_is_the_same_in_any_case(harness: ProgramHarness, room: str) -> None:
    result = await harness.sync(a_command(room=room.upper()))
    assert (result["outcome"], result["room"]) == ("synced", room)


async def test_a_message_under_another_routing_key_is_processed_once(harness: ProgramHarness, room: str) -> None:
    message_id = await harness.send(a_command(room=room), key="no-room-at-all")
    assert (await harness.results.only(message_id))["outcome"] == "synced"

    await harness.sync(a_command(room=room, booking_id="B-after"))
    assert len(await harness.results.about(message_id)) == 1
    assert harness.exchange.counts.by_room[room, "CreateItem"] == 2


async def test_a_message_without_id_and_content_type_is_taken(harness: ProgramHarness, room: str) -> None:
    await publish_bare(harness.url, harness.names.commands, room, a_body(room=room))
    await harness.results.until(lambda: any(told["room"] == room for told in harness.results.told), "its result", 30)
    (result,) = [told for told in harness.results.told if told["room"] == room]
    assert (result["outcome"], result["message_id"]) == ("synced", None)


PUBLISHERS_OWN: dict[str, Any] = {
    "user_id": "guest",
    "expiration": 600,
    "headers": {"CC": ["elsewhere"], "trace": "t-1", "x-death": "?"},
}


async def test_a_deferred_message_keeps_only_what_may_be_published_again(harness: ProgramHarness, room: str) -> None:
    harness.exchange.faults.next(Throttle(back_off_ms=70_000), room=room)
    message_id = await harness.send(a_command(room=room), app_id="spaceiq", **PUBLISHERS_OWN)
    deferred = await harness.deferred(message_id, 60)

    assert (deferred.user_id, deferred.expiration, deferred.app_id) == (None, None, "spaceiq")
    assert deferred.headers.keys().isdisjoint({"CC", "x-death"})
    assert deferred.headers["trace"] == "t-1"
    assert deferred.headers["x-roomsync-publisher"] == "guest"
    assert deferred.headers["x-roomsync-attempts"] == 0
    assert deferred.headers["x-roomsync-error-code"] == "throttled"
    assert (deferred.headers["x-roomsync-room"], deferred.headers["x-roomsync-version"]) == (room, 1)


async def test_a_parked_message_keeps_only_what_may_be_published_again(harness: ProgramHarness, room: str) -> None:
    command = a_command(room=room, event=None)
    parked = await harness.failed.of(await harness.send(command, app_id="spaceiq", **PUBLISHERS_OWN))

    assert (parked.user_id, parked.expiration, parked.app_id) == (None, None, "spaceiq")
    assert parked.headers.keys().isdisjoint({"CC", "x-death"})
    assert parked.headers["x-roomsync-publisher"] == "guest"


def the_event(harness: ProgramHarness, room: str) -> SimEvent:
    """The one event in a room's calendar."""
    (event,) = harness.exchange.calendar(room)
    return event


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
