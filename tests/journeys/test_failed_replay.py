"""Rights were missing, then granted: what a replay foretells comes true, message by message.

Fewer rooms and bookings than an operator's bad day; ROOMSYNC_FAILED_BOOKINGS asks for more.
"""

import os
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from adapters.rabbitmq.node import BrokerNode
from tests.builders import a_command, an_event
from tests.program_harness import ProgramHarness
from tests.programs import Finished

pytestmark = [pytest.mark.broker, pytest.mark.timeout(600)]

BOOKINGS = int(os.environ.get("ROOMSYNC_FAILED_BOOKINGS", "25"))
ROOMS = [f"room-{number}@acme.example" for number in range(5)]
FIRST, LAST = "B-000", f"B-{BOOKINGS - 1:03}"
GONE, RENAMED = "B-001", "B-002"


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What the operator saw, one after the other."""

    listed: Any
    groups: str
    shown: Finished
    shown_personal: Finished
    dry: Any
    depth_after_dry: int
    requests_for_preview: Counter[str]
    replayed: Any
    depth: int
    events: dict[str, str]
    audit: Any
    audited: Any
    told: list[dict[str, Any]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def story(broker: BrokerNode, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Story]:
    async with ProgramHarness(tmp_path_factory.mktemp("failed"), broker.url, collects_failed=False) as harness:
        yield await tell(harness)


async def tell(harness: ProgramHarness) -> Story:
    exchange, failed = harness.exchange, harness.names.failed
    for room in ROOMS:
        exchange.access.deny(room)
    await harness.publish(the_booking(number) for number in range(BOOKINGS))
    await harness.work_off(within_s=300)
    listed = (await harness.run("failed", "list", "--code", "rights_missing", "--json")).json()
    groups = (await harness.run("failed", "list", "--group-by", "code")).out
    shown = await harness.run("failed", "show", listed["messages"][0]["id"])
    shown_personal = await harness.run("failed", "show", listed["messages"][0]["id"], "--personal")
    for room in ROOMS:
        exchange.access.allow(room)
    await harness.worker()
    # Meanwhile the publisher went on: one booking was cancelled, one is booked in a newer version.
    await harness.sync(a_command(command="cancel", booking_id=GONE, version=2, room=room_of(1)))
    await harness.sync(a_command(booking_id=RENAMED, version=2, room=room_of(2), event=an_event(subject="Newer")))
    counted = Counter(exchange.counts.requests)
    dry = (await harness.run("failed", "replay", "--code", "rights_missing", "--dry-run", "--json")).json()
    requests_for_preview = Counter(exchange.counts.requests) - counted
    depth_after_dry = await harness.depth(failed)
    arguments = ("--code", "rights_missing", "--yes", "--wait", "--json", "--rate", "50", "--operator", "ada@desk")
    replayed = await harness.run("failed", "replay", *arguments)
    assert replayed.code == 0, replayed.said
    audit = (await harness.run("failed", "audit", "--json")).json()
    audited = (await harness.run("failed", "audit", audit[0]["audit"], "--json")).json()
    return Story(
        listed=listed,
        groups=groups,
        shown=shown,
        shown_personal=shown_personal,
        dry=dry,
        depth_after_dry=depth_after_dry,
        requests_for_preview=requests_for_preview,
        replayed=replayed.json(),
        depth=await harness.depth(failed),
        events={
            (event.booking or "").removeprefix("acme/"): event.subject
            for room in ROOMS
            for event in exchange.calendar(room)
        },
        audit=audit,
        audited=audited,
        told=harness.results.told,
    )


def room_of(number: int) -> str:
    return ROOMS[number % len(ROOMS)]


def the_booking(number: int) -> dict[str, object]:
    return a_command(booking_id=f"B-{number:03}", room=room_of(number), event=an_event(subject=f"Secret {number}"))


async def test_every_refused_command_is_listed_with_its_reason_and_without_its_subject(story: Story) -> None:
    assert story.listed["total"] == story.listed["matched"] == BOOKINGS
    assert {message["code"] for message in story.listed["messages"]} == {"rights_missing"}
    assert {message["booking_id"] for message in story.listed["messages"]} >= {FIRST, LAST}
    assert "Secret" not in str(story.listed)
    code, count, _, meaning = story.groups.splitlines()[0].split("\t")
    assert (code, int(count), meaning[:19]) == ("rights_missing", BOOKINGS, "The service account")


async def test_one_message_is_explained_and_people_are_shown_on_demand_only(story: Story) -> None:
    told = story.shown.out
    assert "Add the room to the management scope" in told
    assert "2026-12-01T08:00:00.000Z" in told
    assert "nothing is known of the booking" in told
    assert "Secret" not in told
    assert '"Secret' in story.shown_personal.out


async def test_the_preview_foretells_each_message_and_asks_exchange_for_nothing(story: Story) -> None:
    will = {message["booking_id"]: message["will"] for message in story.dry["plan"]["messages"]}
    assert will == {f"B-{number:03}": "create" for number in range(BOOKINGS)} | {
        GONE: "superseded",
        RENAMED: "superseded",
    }
    assert story.requests_for_preview == {}
    assert story.depth_after_dry == BOOKINGS


async def test_what_was_foretold_is_what_the_results_tell(story: Story) -> None:
    counts = story.replayed["replay"]["counts"]
    assert counts == {
        "published": BOOKINGS,
        "gone": 0,
        "synced": BOOKINGS - 2,
        "superseded": 2,
        "no_result_yet": 0,
        "unforeseen": 0,
    }


async def test_every_event_is_in_place_and_the_queue_is_empty(story: Story) -> None:
    expected = {f"B-{number:03}": f"Secret {number}" for number in range(BOOKINGS)} | {RENAMED: "Newer"}
    del expected[GONE]
    assert story.events == expected
    assert story.depth == 0


async def test_the_audit_says_who_when_what_and_how_it_ended(story: Story) -> None:
    (record,) = story.audit
    assert (record["action"], record["operator"], record["selection"]) == (
        "replay",
        "ada@desk",
        "--code rights_missing",
    )
    assert record["counts"] == story.replayed["replay"]["counts"]
    assert record["finished_at"] > record["begun_at"]
    assert {message["id"] for message in story.audited["messages"]} == {one["id"] for one in story.listed["messages"]}


async def test_a_replayed_command_counts_its_attempts_anew(story: Story) -> None:
    assert {told["attempts"] for told in story.told if told["outcome"] == "synced"} == {1}
