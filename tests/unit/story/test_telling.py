"""What becomes of commands, and what is found in calendars, comes into the bookings' stories."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, cast

import pytest

from adapters.errors import Refused, Throttled, Unknown
from adapters.story import Entry, What
from consumers.broker.delivery import ParsedDelivery
from consumers.broker.headers import RoomsyncHeaders
from consumers.messages.command import parse_command
from consumers.messages.disposition import (
    Checked,
    CheckLater,
    Completed,
    DeadLettered,
    Decision,
    Deferred,
    Finished,
    Problem,
)
from consumers.messages.violations import BadMessage, KnownMembers, Violation
from consumers.policy import SyncPolicy
from consumers.settlement.settle import Settler
from consumers.story.telling import Storyteller
from tests.builders import Tenants, a_body, a_tenant, look_headers
from tests.fake_broker import FakeMessage, FakeSession
from tests.fakes import FakeCalendar
from tests.room_harness import BOARD, RoomHarness, VirtualTime, a_cancel, versioned


class Desk:
    """A settler that tells, and a command that is handed out anew each time."""

    def __init__(self, **headers: object) -> None:
        self.time = VirtualTime()
        self.headers = headers
        self.entries: list[Entry] = []
        self.session = FakeSession()
        observer = Storyteller(self.entries.append, self.time.now)
        self.settler = Settler(policy=SyncPolicy(), clocks=self.time.clocks(), observer=observer)

    @property
    def delivery(self) -> ParsedDelivery:
        message = FakeMessage(a_body(command="update", version=4), self.session, headers=self.headers)
        return ParsedDelivery(
            message=cast(Any, message),
            session=cast(Any, self.session),
            command=parse_command(message.body, Tenants(a_tenant())),
            backend="ews",
            notes=RoomsyncHeaders.read(message.headers),
            first_seen_at=self.time.now(),
            received_s=self.time.monotonic(),
        )

    def told(self) -> list[tuple[str, str | None, int | None, int | None]]:
        assert {(each.message_id, each.version, each.command) for each in self.entries} <= {("m-1", 4, "update")}
        return [(each.what.value, each.code, each.wait_s, each.attempt) for each in self.entries]


LATER = Deferred(wait_s=70, problem=Problem.of(Throttled(70)), counts_attempt=False)


@pytest.mark.parametrize(
    ("verdict", "told"),
    [
        pytest.param(Completed(outcome=Finished.SUPERSEDED), ("superseded", None, None, 1), id="superseded"),
        pytest.param(Completed(outcome=Finished.SYNCED), ("unchanged", None, None, 1), id="nothing to write"),
        pytest.param(Completed(outcome=Finished.REMOVED), ("not_there", None, None, 1), id="nothing to remove"),
        pytest.param(LATER, ("deferred", "throttled", 60, 0), id="deferred, by its tier"),
        pytest.param(DeadLettered(problem=Problem.coded("too_old")), ("parked", "too_old", None, 1), id="parked"),
    ],
)
async def test_a_verdict_is_one_entry(verdict: Completed | Deferred | DeadLettered, told: tuple[object, ...]) -> None:
    desk = Desk()
    await desk.settler.settle([desk.delivery], verdict)
    assert desk.told() == [told]


async def test_exchange_s_own_words_are_kept_and_a_code_s_sentence_is_not() -> None:
    desk = Desk()
    for error in (Refused("event_refused", detail="ErrorFoo"), Refused("event_refused")):
        await desk.settler.settle([desk.delivery], DeadLettered(problem=Problem.of(error)))
    assert [each.detail for each in desk.entries] == ["Exchange refused this event's content. [ErrorFoo]", None]


async def test_a_command_that_goes_back_to_its_queue_is_told() -> None:
    desk = Desk()
    await desk.settler.release([desk.delivery])
    assert desk.told() == [("released", None, None, None)]


async def test_a_look_is_told_when_it_is_ordered_when_it_is_postponed_and_when_it_is_over() -> None:
    desk = Desk(**look_headers("booking", version=4))
    await desk.settler.carry_out([Decision([desk.delivery], CheckLater("booking"))])
    await desk.settler.settle([desk.delivery], LATER)
    await desk.settler.settle([desk.delivery], Checked())
    assert desk.told() == [
        ("look_ordered", None, 300, None),
        ("look_ordered", "throttled", 60, None),
        ("looked", None, None, None),
    ]


async def test_a_look_at_a_whole_room_is_no_booking_s_story() -> None:
    desk = Desk(**look_headers("room", version=4))
    await desk.settler.carry_out([Decision([desk.delivery], CheckLater("room"))])
    await desk.settler.settle([desk.delivery], LATER)
    await desk.settler.settle([desk.delivery], Checked())
    await desk.settler.release([desk.delivery])
    assert desk.told() == []


async def test_what_the_broker_did_not_take_is_no_part_of_a_story() -> None:
    desk = Desk()
    desk.session.refuse = {"deferred"}
    await desk.settler.settle([desk.delivery], LATER)
    assert desk.told() == []


@pytest.mark.parametrize("booking", ["B-7", None])
async def test_a_message_that_is_none_is_told_where_its_booking_is_known(booking: str | None) -> None:
    desk = Desk()
    known = KnownMembers(booking_id=cast(Any, booking), version=4, command="update")
    bad = BadMessage((Violation.of("naive_time", "/event/start"),), known)
    await desk.settler.park_unreadable(desk.delivery.message, cast(Any, desk.session), bad)
    told = [("parked", "naive_time", None, None)] if booking else []
    assert desk.told() == told
    assert [(each.key.tenant, each.key.room, each.key.booking_id) for each in desk.entries] == [("", "", "B-7")] * len(
        told
    )


class Bench(RoomHarness):
    """A room whose stories are remembered."""

    def __init__(self, *errors: Throttled, **policy: object) -> None:
        super().__init__(FakeCalendar(*errors), **policy)
        self.entries: list[Entry] = []
        self.room = replace(self.room, note=self.entries.append)

    @property
    def item_id(self) -> str:
        """Of the oldest event in the room."""
        return self.calendar.events[BOARD][0].ref.item_id

    def told(self) -> list[tuple[str, int | None, str | None]]:
        return [(each.what.value, each.version, each.detail) for each in self.entries]


def effects(verdicts: Iterable[object]) -> list[str | None]:
    return [verdict.effect if isinstance(verdict, Completed) else None for verdict in verdicts]


async def test_a_verdict_says_what_its_write_did() -> None:
    harness = Bench()
    first = await harness.run(versioned(1))
    second = await harness.run(versioned(2, "Other"), versioned(1))
    third = await harness.run(versioned(3, "Other"))
    fourth = await harness.run(a_cancel(4))
    fifth = await harness.run(a_cancel(5))
    assert effects([*first, *second, *third, *fourth, *fifth]) == [
        "created",
        "changed",
        None,
        "changed",
        "removed",
        None,
    ]
    assert harness.told() == []


async def test_a_wait_in_hand_is_told_and_a_short_one_is_not() -> None:
    harness = Bench()
    await harness.run(versioned(1))
    harness.calendar.fail_next(Throttled(7))
    await harness.run(versioned(2, "Other"))
    harness.calendar.fail_next(Throttled(0.2))
    await harness.run(versioned(3, "Another"))
    assert [(each.what, each.version, each.code, each.wait_s) for each in harness.entries] == [
        (What.HELD, 2, "throttled", 8)
    ]


async def test_an_event_that_people_deleted_is_told_once_it_is_missed() -> None:
    harness = Bench()
    await harness.run(versioned(1))
    harness.calendar.people_delete(BOARD, harness.item_id)
    await harness.run(versioned(2, "Other"))
    assert harness.told() == [("gone", 1, None)]


async def test_a_create_whose_reply_was_lost_is_found() -> None:
    harness = Bench()
    harness.calendar.fail_next(Unknown(), applied=True, kind="create")
    await harness.run(versioned(1))
    harness.let_pass(harness.room.policy.claim_s + 1)
    verdicts = await harness.run(versioned(1))
    assert harness.told() == [("found", 1, None)]
    assert effects(verdicts) == [None]


async def test_an_event_that_people_deleted_and_brought_back_is_found() -> None:
    harness = Bench()
    await harness.run(versioned(1))
    trashed = harness.calendar.people_delete(BOARD, harness.item_id)
    harness.calendar.people_restore(BOARD, trashed.ref.item_id)
    await harness.run(versioned(1), look="booking")
    assert harness.told() == [("found", 1, None)]


async def test_a_refused_create_that_left_nothing_is_not_missed() -> None:
    harness = Bench()
    harness.calendar.fail_next(Refused("mailbox_full"), kind="create")
    await harness.run(versioned(1))
    await harness.run(versioned(2))
    assert harness.told() == []


async def test_copies_are_counted_and_what_a_look_writes_is_told() -> None:
    harness = Bench()
    await harness.run(versioned(1))
    harness.calendar.people_copy(BOARD, harness.item_id)
    await harness.run(versioned(1), look="booking")
    harness.calendar.people_delete(BOARD, harness.item_id)
    await harness.run(versioned(1), look="booking")
    assert harness.told() == [("copies", None, "1"), ("gone", 1, None), ("mended", 1, None)]


async def test_a_new_ledger_tells_what_it_found_in_the_room() -> None:
    harness = Bench()
    await harness.run(versioned(2))
    again = Bench()
    again.room = replace(again.room, calendar=harness.calendar)
    await again.run(versioned(1))
    assert again.told() == [("found", 2, None)]


async def test_a_look_that_finds_nothing_new_tells_nothing() -> None:
    harness = Bench()
    await harness.run(versioned(1))
    await harness.run(versioned(1), look="booking")
    assert harness.told() == []
