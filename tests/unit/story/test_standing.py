"""Why a room is free or booked: the table of cases, and the sentences that answer."""

from dataclasses import dataclass, field, replace

import pytest

from adapters.calendar import RoomAddress
from adapters.ledger import Claim, LedgerRow, State
from adapters.story import Entry, What
from consumers.broker.queue_names import QueueNames
from consumers.story.reading import RoomStory, stories_of
from consumers.story.words import Queues, of_standing
from tests.unit.story.entries import BOARD, KEY, a_row, a_story, an_entry, minute

QUEUES = Queues(names=QueueNames())
LOBBY = RoomAddress("lobby@acme.example")
MANY = 600
CLAIM = Claim(token="t", version=2, remaining_s=30.0)


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is known, and the answer to it."""

    row: LedgerRow | None
    entries: list[Entry] = field(default_factory=list)
    answer: str


CASES = {
    "booked": Case(
        row=a_row(State.PRESENT, 3),
        entries=[an_entry(What.CREATED, 1), an_entry(What.CHANGED, 3), an_entry(What.UNCHANGED, 3)],
        answer="booked by version 3 since 2026-11-20 09:01:00 UTC (synced)",
    ),
    "booked longer than the story goes back": Case(
        row=a_row(State.PRESENT, 3),
        entries=[an_entry(What.SUPERSEDED, 2)],
        answer="booked by version 3 since before this story begins",
    ),
    "found in the calendar by a new ledger": Case(
        row=a_row(State.PRESENT, 3),
        entries=[an_entry(What.FOUND, 3)],
        answer="booked by version 3 since 2026-11-20 09:00:00 UTC (found there)",
    ),
    "booked, and edited by people": Case(
        row=a_row(State.PRESENT, 1),
        entries=[an_entry(What.CREATED), an_entry(What.EDITED, detail="subject, location")],
        answer="booked by version 1 since 2026-11-20 09:00:00 UTC (synced); since then people changed the event in the "
        "calendar: subject, location (seen 2026-11-20 09:01:00 UTC)",
    ),
    "edited, and written again since": Case(
        row=a_row(State.PRESENT, 2),
        entries=[an_entry(What.CREATED), an_entry(What.EDITED, detail="subject"), an_entry(What.CHANGED, 2)],
        answer="booked by version 2 since 2026-11-20 09:02:00 UTC (synced)",
    ),
    "deleted by people": Case(
        row=a_row(State.PRESENT, 1),
        entries=[an_entry(What.CREATED), an_entry(What.GONE)],
        answer="free, and should not be: version 1 is settled, but its event was not in the calendar at 2026-11-20 "
        "09:01:00 UTC; the booking's next version or `roomsync reconcile --repair` writes it again",
    ),
    "deleted by people, and mended": Case(
        row=a_row(State.PRESENT, 1),
        entries=[an_entry(What.CREATED), an_entry(What.GONE), an_entry(What.MENDED)],
        answer="booked by version 1 since 2026-11-20 09:00:00 UTC (synced)",
    ),
    "a row that lost its event before the story begins": Case(
        row=a_row(State.PRESENT, 1, item=None),
        answer="free, and should not be: version 1 is settled, but its event was not in the calendar; the booking's "
        "next version or `roomsync reconcile --repair` writes it again",
    ),
    "cancelled": Case(
        row=a_row(State.ABSENT, 4),
        entries=[an_entry(What.CREATED, 3), an_entry(What.REMOVED, 4, command="cancel")],
        answer="free: version 4 (cancel) removed it at 2026-11-20 09:01:00 UTC",
    ),
    "cancelled longer than the story goes back": Case(
        row=a_row(State.ABSENT, 4), answer="free: version 4 is settled as removed, before this story begins"
    ),
    "being written": Case(
        row=a_row(State.PRESENT, 1, claim=CLAIM),
        entries=[an_entry(What.CREATED)],
        answer="being written, or the end of a write is still unknown and the booking rests (version 1 is settled)",
    ),
    "a worker died of an update": Case(
        row=a_row(State.PRESENT, 1, claim=replace(CLAIM, remaining_s=-1.0)),
        entries=[an_entry(What.CREATED)],
        answer="booked as before, unless a write that ended badly was applied; the next one looks first (version 1 is "
        "settled)",
    ),
    "a create that Exchange refused": Case(
        row=a_row(State.WRITING, 0),
        entries=[an_entry(What.PARKED, 1, code="mailbox_full")],
        answer="free, unless a write that ended badly was applied; the next one looks first (nothing is settled yet), "
        "although version 1 came: parked at 2026-11-20 09:00:00 UTC: The room's mailbox is over its quota "
        "(mailbox_full); it lies in roomsync.failed. Raise the quota or clear the mailbox; then replay.",
    ),
    "a create with an unknown outcome": Case(
        row=a_row(State.WRITING, 0, claim=CLAIM),
        entries=[an_entry(What.DEFERRED, 1, code="outcome_unknown", wait_s=MANY)],
        answer="being written, or the end of a write is still unknown and the booking rests (nothing is settled "
        "yet), although version 1 came: it waits in roomsync.deferred.600 until 2026-11-20 09:10:00 UTC: "
        "The reply was lost or unreadable; the write may or may not have been applied (outcome_unknown)",
    ),
    "parked before anything was written": Case(
        row=None,
        entries=[an_entry(What.PARKED, 2, command="create", code="room_not_found", detail="No mailbox [Gone]")],
        answer="free: nothing of this booking was ever settled here, although version 2 (create) came: parked at "
        "2026-11-20 09:00:00 UTC: No mailbox [Gone] (room_not_found); it lies in roomsync.failed. Correct the "
        "room's address where it is published, or create the room mailbox; then replay.",
    ),
    "an update that waits": Case(
        row=a_row(State.PRESENT, 1),
        entries=[an_entry(What.CREATED), an_entry(What.DEFERRED, 2, code="throttled", wait_s=MANY)],
        answer="booked by version 1 since 2026-11-20 09:00:00 UTC (synced), although version 2 came: it waits in "
        "roomsync.deferred.600 until 2026-11-20 09:11:00 UTC: Exchange asked to wait before the next request to this "
        "room (throttled)",
    ),
    "an update that was replayed": Case(
        row=a_row(State.PRESENT, 1),
        entries=[an_entry(What.CREATED), an_entry(What.PARKED, 2), an_entry(What.REPLAYED, 2, actor="olga")],
        answer="booked by version 1 since 2026-11-20 09:00:00 UTC (synced), although version 2 came: it lies in its "
        "partition's queue, or a worker has it in hand since 2026-11-20 09:02:00 UTC",
    ),
    "an old failure that something newer made harmless": Case(
        row=a_row(State.PRESENT, 3),
        entries=[an_entry(What.PARKED, 2, code="mailbox_full"), an_entry(What.CREATED, 3)],
        answer="booked by version 3 since 2026-11-20 09:01:00 UTC (synced)",
    ),
    "of two that wait the newest is the reason": Case(
        row=None,
        entries=[an_entry(What.DEFERRED, 2, code="throttled", wait_s=MANY), an_entry(What.PARKED, 1)],
        answer="free: nothing of this booking was ever settled here, although version 2 came: it waits in "
        "roomsync.deferred.600 until 2026-11-20 09:10:00 UTC: Exchange asked to wait before the next request to this "
        "room (throttled)",
    ),
    "a message that is none": Case(
        row=None,
        entries=[an_entry(What.PARKED, None, code="naive_time")],
        answer="free: nothing of this booking was ever settled here, although a message came: parked at 2026-11-20 "
        "09:00:00 UTC: A time has no offset from UTC (naive_time); it lies in roomsync.failed. End the time "
        "with Z or an offset such as +01:00.",
    ),
}


def told(case: Case) -> RoomStory:
    (story,) = stories_of([case.row] if case.row else [], a_story(*case.entries), minute(5))
    return story


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in CASES.items()])
def test_the_answer_says_how_it_stands_since_when_and_why(case: Case) -> None:
    assert of_standing(told(case).standing, BOARD, QUEUES) == f"{BOARD}: {case.answer}"


def test_a_booking_that_moved_is_said_to_be_elsewhere() -> None:
    left = a_row(State.ABSENT, 2)
    came = a_row(State.PRESENT, 2, key=replace(KEY, room=LOBBY))
    there, here = stories_of([left, came], [an_entry(What.REMOVED, 2)], minute(5))
    assert (there.room, there.elsewhere, here.elsewhere) == (LOBBY, None, LOBBY)
    said = of_standing(here.standing, here.room, QUEUES, elsewhere=here.elsewhere)
    assert said == f"{BOARD}: free: version 2 removed it at 2026-11-20 09:00:00 UTC, it is in {LOBBY}"


def test_a_room_that_was_left_behind_is_not_where_the_booking_is() -> None:
    left_behind = a_row(State.PRESENT, 1, key=replace(KEY, room=LOBBY))
    _, here = stories_of([a_row(State.ABSENT, 2), left_behind], [], minute(5))
    assert (here.room, here.elsewhere) == (BOARD, None)


def test_a_message_that_a_worker_has_in_hand_is_said_to_be_there() -> None:
    (story,) = stories_of([], [an_entry(What.RELEASED)], minute(5))
    in_hand = Queues(names=QueueNames(), lanes=frozenset({(KEY.tenant, BOARD)}))
    assert "it waits its turn at the worker, or is being worked on" in of_standing(story.standing, BOARD, in_hand)


def test_a_booking_that_nobody_ever_heard_of_has_no_story() -> None:
    assert stories_of([], [], minute(5)) == []
