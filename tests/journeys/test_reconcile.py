"""People were busy in a room: `roomsync reconcile` names what they did, and `--repair` has exactly that mended.

Two stories: one told through the queues with a worker that comes late, one of a room where a repair is too much.
"""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from adapters.rabbitmq.node import BrokerNode
from adapters.simulator import ItemCode, SimEvent
from tests.builders import a_command, an_event
from tests.contract.calendar_harness import a_room_event
from tests.program_harness import ProgramHarness
from tests.programs import Finished

pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]

BOARD, LOBBY, ATTIC = "board@acme.example", "lobby@acme.example", "attic@acme.example"
BOOKINGS = 40
DELETED, EDITED, COPIED = ["B-03", "B-04", "B-05"], ["B-10", "B-11"], ["B-20", "B-21"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What the operator saw, one after the other, and what Exchange held."""

    found: Finished
    found_json: Any
    before: list[SimEvent]
    asked: Finished
    waiting: int
    again: Finished
    after: list[SimEvent]
    repair: Counter[str]
    foreign: SimEvent
    rerun: Finished


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def story(broker: BrokerNode, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Story]:
    async with ProgramHarness(tmp_path_factory.mktemp("reconcile"), broker.url) as harness:
        await harness.publish(the_booking(number, BOARD) for number in range(BOOKINGS))
        await harness.work_off()
        foreign = be_busy(harness)
        found = await harness.run("reconcile")
        found_json = (await harness.run("reconcile", "--room", BOARD, "--json")).json()
        before = harness.exchange.calendar(BOARD)
        told_before = len(harness.results.messages)
        asked = await harness.run("reconcile", "--repair")
        waiting = await harness.waiting()
        counted = Counter(harness.exchange.counts.requests)
        await harness.work_off()
        repair = Counter(harness.exchange.counts.requests) - counted
        again = await harness.run("reconcile", "--tenant", "acme")
        rerun = await harness.run("reconcile", "--repair")
        assert len(harness.results.messages) == told_before
        yield Story(
            found=found,
            found_json=found_json,
            before=before,
            asked=asked,
            waiting=waiting,
            again=again,
            after=harness.exchange.calendar(BOARD),
            repair=repair,
            foreign=foreign,
            rerun=rerun,
        )


def the_booking(number: int, room: str) -> dict[str, object]:
    body = {"content_type": "text", "content": f"Secret plan {number}"}
    return a_command(booking_id=f"B-{number:02}", room=room, event=an_event(subject=f"Layoffs {number}", body=body))


def be_busy(harness: ProgramHarness) -> SimEvent:
    """Three deleted, two edited (one of them in its text only), two copied, and one of their own."""
    outlook, ours = harness.exchange.outlook, by_booking(harness, BOARD)
    for booking in DELETED:
        outlook.delete(BOARD, ours[booking].item_id)
    outlook.edit(BOARD, ours[EDITED[0]].item_id, subject="Mine now", location="Attic", categories=("Red",))
    outlook.edit(BOARD, ours[EDITED[1]].item_id, body="A plan no more")
    for booking in COPIED:
        outlook.copy(BOARD, ours[booking].item_id)
    event = a_room_event()
    return outlook.create(BOARD, subject="Lunch", start=event.starts_at, end=event.ends_at)


def by_booking(harness: ProgramHarness, room: str) -> dict[str, SimEvent]:
    return {(event.booking or "").removeprefix("acme/"): event for event in harness.exchange.calendar(room)}


async def test_exactly_what_people_did_is_named(story: Story) -> None:
    (room,) = story.found_json["rooms"]
    assert [(one["finding"], one["booking_id"], one["members"], one["surplus"]) for one in room["findings"]] == [
        *(("missing", booking, [], 0) for booking in DELETED),
        ("edited", EDITED[0], ["subject", "location", "categories"], 0),
        ("edited", EDITED[1], ["body"], 0),
        *(("surplus", booking, [], 1) for booking in COPIED),
    ]
    assert (room["known"], room["foreign"], room["being_written"]) == (BOOKINGS, [story.foreign.item_id], [])


async def test_the_plain_report_has_a_line_for_each_and_fails(story: Story) -> None:
    assert story.found.code == 1
    lines = story.found.out.splitlines()
    assert f"acme {BOARD} missing B-03 v1" in lines
    assert f"acme {BOARD} edited B-10 v1 subject, location, categories" in lines
    assert f"acme {BOARD} surplus B-20 v1 1 too many" in lines
    assert f"acme {BOARD} foreign {story.foreign.item_id}" in lines
    assert lines[-1] == "1 room: 3 missing, 2 edited, 2 surplus; 1 foreign event left alone"


async def test_nothing_of_what_stands_in_events_is_shown(story: Story) -> None:
    for finished in (story.found, story.asked, story.again):
        for word in ("Layoffs", "Mine now", "Lunch", "plan", "Attic"):
            assert word not in finished.said


async def test_a_look_without_a_repair_changes_nothing(story: Story) -> None:
    assert len(story.before) == BOOKINGS - len(DELETED) + len(COPIED) + 1


async def test_the_looks_wait_in_the_queue_while_no_worker_runs(story: Story) -> None:
    assert story.asked.code == 0, story.asked.said
    assert story.waiting == len(DELETED + EDITED + COPIED)
    assert "7 looks asked for. No worker is consuming: they wait in the queue." in story.asked.out


async def test_a_repair_mends_exactly_what_differed(story: Story) -> None:
    after = {event.booking: event for event in story.after if event.booking}
    assert len(story.after) == BOOKINGS + 1
    assert {event.subject for event in after.values()} == {f"Layoffs {number}" for number in range(BOOKINGS)}
    assert after[f"acme/{EDITED[0]}"].location == ""
    assert after[f"acme/{EDITED[1]}"].body == "Secret plan 11"
    kept = {event.item_id: event.change_key for event in story.before}
    untouched = [event for event in story.after if kept.get(event.item_id) == event.change_key]
    # Of the copied ones the first stays as it is.
    assert len(untouched) == BOOKINGS + 1 - len(DELETED) - len(EDITED)


async def test_a_repair_asks_exchange_for_no_more_than_it_needs(story: Story) -> None:
    assert story.repair == {"FindItem": 2, "CreateItem": 1, "UpdateItem": 1, "DeleteItem": 1}


async def test_the_event_of_other_people_is_left_as_it_was(story: Story) -> None:
    assert [event for event in story.after if event.booking is None] == [story.foreign]


async def test_afterwards_nothing_differs_and_there_is_nothing_to_repair(story: Story) -> None:
    assert (story.again.code, story.rerun.code) == (0, 0)
    assert "nothing differs; 1 foreign event left alone" in story.again.out
    assert "asked for" not in story.rerun.out


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def harness(broker: BrokerNode, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ProgramHarness]:
    async with ProgramHarness(tmp_path_factory.mktemp("share"), broker.url) as harness:
        await harness.publish(the_booking(number, room) for number in range(4) for room in (LOBBY, ATTIC))
        await harness.worker()
        await harness.results.wait_for(8)
        yield harness


@pytest.mark.asyncio(loop_scope="module")
async def test_a_repair_of_a_large_share_needs_a_yes(harness: ProgramHarness) -> None:
    ours = by_booking(harness, LOBBY)
    for booking in ("B-00", "B-01"):
        harness.exchange.outlook.delete(LOBBY, ours[booking].item_id)
    refused = await harness.run("reconcile", "--repair")
    assert refused.code == 1
    assert f"{LOBBY} (acme): 2 of 4 bookings (50 %)" in refused.err
    assert "Nothing was asked for" in refused.err

    assert (await harness.run("reconcile", "--repair", "--yes")).code == 0
    await harness.until(lambda: len(harness.exchange.calendar(LOBBY)) == 4, "the deleted events")


@pytest.mark.asyncio(loop_scope="module")
async def test_a_room_that_cannot_be_read_is_named_and_not_mended(harness: ProgramHarness) -> None:
    harness.exchange.faults.next(ItemCode(0, "ErrorAccessDenied"), room=ATTIC, operation="FindItem")
    finished = await harness.run("reconcile", "--room", ATTIC.upper(), "--repair", "--yes")
    assert finished.code == 1
    assert f"acme {ATTIC} unread rights_missing" in finished.out
    assert len(harness.exchange.calendar(ATTIC)) == 4


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param(["--tenant", "nobody"], "No tenant nobody is configured", id="unknown tenant"),
        pytest.param(["--room", "a@elsewhere.example"], "No tenant has the domain", id="foreign room"),
    ],
)
async def test_what_is_nobodys_is_wrong_usage(harness: ProgramHarness, options: list[str], words: str) -> None:
    finished = await harness.run("reconcile", *options)
    assert (finished.code, words in finished.err) == (2, True)


@pytest.mark.asyncio(loop_scope="module")
async def test_another_ledger_than_the_workers_asks_for_nothing(harness: ProgramHarness) -> None:
    config = harness.configure("other.toml", ledger="other.db")
    finished = await harness.run("reconcile", "--room", LOBBY, "--repair", "--yes", config=config)
    assert finished.code == 1
    assert "Another ledger is in use at this broker" in finished.err
