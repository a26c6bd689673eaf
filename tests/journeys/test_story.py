"""What befell a booking, and `roomsync status --booking` that tells it: why is this room free, or still booked?

One story in the order of its chapters; each test looks at what was told at one of them.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio

from adapters.rabbitmq.node import BrokerNode
from adapters.simulator import ItemCode, Throttle
from tests.builders import a_command, an_event
from tests.program_harness import QUICK_CLAIMS, ProgramHarness

pytestmark = [pytest.mark.broker, pytest.mark.timeout(180)]

BOARD, LOBBY = "board@acme.example", "lobby@acme.example"
SUBJECT, PERSON = "Merger-with-Zzyzx", "quinquagesima"
TRANSIENT = ItemCode(0, "ErrorMailboxStoreUnavailable")


@dataclass
class Told:
    """What `status --booking` told at each chapter, once also for people; and every byte of the ledger."""

    lines: list[str] = field(default_factory=list)
    rooms: dict[str, dict[str, Any]] = field(default_factory=dict)
    ledger: bytes = b""

    async def hear(self, chapter: str, harness: ProgramHarness, booking: str = "B-1", room: str = BOARD) -> None:
        """What is told once two answers are alike: the worker writes a story down within a second, not at once."""
        earlier = None
        for _ in range(10):
            told = (await harness.run("status", "--booking", booking, "--json")).json()
            self.rooms[chapter] = next(each for each in told["rooms"] if each["room"] == room)
            if self.rooms[chapter]["story"] == earlier:
                return
            earlier = self.rooms[chapter]["story"]

    def answer(self, chapter: str) -> str:
        return str(self.rooms[chapter]["answer"])

    def story(self, chapter: str) -> list[tuple[str, int | None]]:
        return [(entry["what"], entry["version"]) for entry in self.rooms[chapter]["story"]]


def the_booking(version: int, command: str = "update", **members: Any) -> dict[str, Any]:  # noqa: ANN401 - a command's
    people = [{"name": PERSON, "email": f"{PERSON}@acme.example", "type": "required"}]
    event = an_event(subject=f"{SUBJECT} {version}", attendees=people)
    given = {"booking_id": "B-1", "version": version, "room": BOARD, "event": event} | members
    return a_command(command=command, **given)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told(broker: BrokerNode, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Told]:
    told = Told()
    async with ProgramHarness(tmp_path_factory.mktemp("story"), broker.url, sync=QUICK_CLAIMS) as harness:
        await harness.worker()
        await be_throttled(harness, told)
        await be_deferred(harness, told)
        await be_meddled_with(harness, told)
        await be_cancelled(harness, told)
        await be_parked_and_replayed(harness, told)
        await be_moved(harness, told)
        told.ledger = b"".join(file.read_bytes() for file in harness.folder.glob("ledger.db*"))
        yield told


async def be_throttled(harness: ProgramHarness, told: Told) -> None:
    harness.exchange.faults.next(Throttle(back_off_ms=2000), room=BOARD, operation="CreateItem")
    await harness.sync(the_booking(1, "create"))
    await told.hear("created", harness)


async def be_deferred(harness: ProgramHarness, told: Told) -> None:
    harness.exchange.faults.next(TRANSIENT, room=BOARD, operation="UpdateItem", times=3)
    message_id = await harness.send(the_booking(2))
    deferred = await harness.deferred(message_id, 15)
    await told.hear("deferred", harness)
    await harness.bring_back(deferred)
    await harness.results.only(message_id)


async def be_meddled_with(harness: ProgramHarness, told: Told) -> None:
    (event,) = harness.exchange.calendar(BOARD)
    harness.exchange.outlook.edit(BOARD, event.item_id, location="Attic")
    assert (await harness.run("reconcile", "--room", BOARD)).code == 1
    await told.hear("edited", harness)
    harness.exchange.outlook.delete(BOARD, event.item_id)
    await harness.run("reconcile", "--room", BOARD)
    await told.hear("deleted", harness)
    await harness.sync(the_booking(3))
    await harness.sync(the_booking(3))
    await harness.sync(the_booking(2))
    await told.hear("written again", harness)


async def be_cancelled(harness: ProgramHarness, told: Told) -> None:
    await harness.sync(the_booking(4, "cancel", event=None))
    await told.hear("cancelled", harness)
    told.lines = (await harness.run("status", "--booking", "B-1", "--tenant", "acme")).out.splitlines()


async def be_parked_and_replayed(harness: ProgramHarness, told: Told) -> None:
    harness.exchange.access.deny(BOARD)
    message_id = await harness.send(the_booking(5))
    parked = await harness.failed.of(message_id)
    await told.hear("parked", harness)
    harness.exchange.access.allow(BOARD)
    await harness.bring_back(parked)
    await harness.results.about(message_id, count=2)
    await told.hear("replayed", harness)


async def be_moved(harness: ProgramHarness, told: Told) -> None:
    await harness.sync(the_booking(1, "create", booking_id="B-2"))
    move = the_booking(2, "move", booking_id="B-2", room=LOBBY, previous_room=BOARD)
    await harness.results.about(await harness.send(move), count=2)
    await told.hear("moved away", harness, "B-2")
    await told.hear("moved in", harness, "B-2", LOBBY)


async def test_the_whole_story_is_told_in_its_order(told: Told) -> None:
    assert told.story("replayed") == [
        ("held", 1),
        ("created", 1),
        *[("held", 2)] * held_count(told),
        ("deferred", 2),
        ("changed", 2),
        ("edited", 2),
        ("gone", 2),
        ("gone", 2),
        ("created", 3),
        ("unchanged", 3),
        ("superseded", 2),
        ("removed", 4),
        ("parked", 5),
        ("created", 5),
    ]


def held_count(told: Told) -> int:
    """Waits of less than a second are not told, and which waits are longer is left to chance."""
    return told.story("replayed").count(("held", 2))


async def test_what_stands_there_is_said_with_its_version_and_since_when(told: Told) -> None:
    created = next(entry for entry in told.rooms["created"]["story"] if entry["what"] == "created")
    assert told.answer("created").startswith(f"{BOARD}: booked by version 1 since {created['at'][:10]}")
    assert told.rooms["created"]["since"] == created["at"]
    assert told.rooms["created"]["messages"] == []


async def test_a_wait_is_told_with_its_reason(told: Told) -> None:
    held = told.rooms["created"]["story"][0]
    assert (held["what"], held["code"]) == ("held", "throttled")
    assert 2 <= held["wait_s"] <= 4


async def test_a_deferred_command_is_said_to_wait_and_until_when(told: Told) -> None:
    (message,) = told.rooms["deferred"]["messages"]
    assert (message["place"], message["version"], message["code"]) == ("deferred", 2, "store_unavailable")
    assert "booked by version 1" in told.answer("deferred")
    assert f".deferred.15 until {message['until'][:10]}" in told.answer("deferred")


async def test_what_people_did_in_outlook_is_told_without_what_they_wrote(told: Told) -> None:
    assert "booked by version 2" in told.answer("edited")
    assert "people changed the event in the calendar: location" in told.answer("edited")
    assert "Attic" not in json.dumps(told.rooms)


async def test_an_event_that_people_deleted_is_missed(told: Told) -> None:
    assert told.rooms["deleted"]["holds"] == "missing"
    assert "free, and should not be: version 2 is settled" in told.answer("deleted")
    assert "booked by version 3" in told.answer("written again")


async def test_a_cancelled_booking_is_free_by_the_version_that_cancelled_it(told: Told) -> None:
    assert f"{BOARD}: free: version 4 (cancel) removed it at " in told.answer("cancelled")


async def test_a_parked_command_is_the_reason_why_the_room_is_free(told: Told) -> None:
    answer = told.answer("parked")
    assert answer.startswith(f"{BOARD}: free, unless a write that ended badly was applied")
    assert "(version 4 is settled), although version 5 (update) came: parked at " in answer
    assert "(rights_missing); it lies in " in answer
    assert "then replay." in answer
    assert "booked by version 5" in told.answer("replayed")


async def test_a_booking_that_moved_is_free_here_and_booked_there(told: Told) -> None:
    assert told.answer("moved away").endswith(f"it is in {LOBBY}")
    assert f"{LOBBY}: booked by version 2" in told.answer("moved in")


async def test_people_read_the_answer_first_and_then_a_line_for_each_entry(told: Told) -> None:
    first, *rest = told.lines
    assert first == f"[acme] {told.answer('cancelled')}"
    assert len(rest) == len(told.rooms["cancelled"]["story"])
    assert rest[-1].endswith("version 4 cancel      removed the event")


async def test_no_person_is_in_the_ledger_nor_a_subject_in_any_story(told: Told) -> None:
    assert PERSON.encode() not in told.ledger
    assert SUBJECT not in json.dumps(told.rooms) + json.dumps(told.lines)
