"""People change events between two versions of a booking: the next one puts everything right, whatever it holds."""

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
import pytest_asyncio

from adapters.rabbitmq.node import BrokerNode
from adapters.simulator import SimEvent
from adapters.simulator.outlook import Outlook
from tests.builders import a_command, an_event
from tests.chaos.judge import differences
from tests.program_harness import ProgramHarness

pytestmark = [pytest.mark.broker, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(60)]

_numbers = count(1)
CONTENT = an_event(
    location="Third floor", categories=["SpaceIQ"], body={"content_type": "text", "content": "Bring the plans"}
)
OTHER = an_event(subject="Retrospective", location="Attic", show_as="tentative")

Doing = Callable[[ProgramHarness, SimEvent], None]
REPEAT = "repeat"
"""How Outlook makes an event recurring, where the simulator has it."""


def edited(**members: object) -> Doing:
    return lambda harness, event: _ignore(harness.exchange.outlook.edit(event.room, event.item_id, **members))


def edited_times(harness: ProgramHarness, event: SimEvent) -> None:
    later = timedelta(hours=3)
    harness.exchange.outlook.edit(event.room, event.item_id, start=event.start + later, end=event.end + 2 * later)


def edited_all_over(harness: ProgramHarness, event: SimEvent) -> None:
    edited_times(harness, event)
    edited(subject="Mine", body="x", location="", categories=("Red",), sensitivity="Private", show_as="Free")(
        harness, event
    )


def deleted(harness: ProgramHarness, event: SimEvent) -> None:
    harness.exchange.outlook.delete(event.room, event.item_id)


def deleted_for_good(harness: ProgramHarness, event: SimEvent) -> None:
    harness.exchange.store.remove(_item(harness, event))


def moved_away(harness: ProgramHarness, event: SimEvent) -> None:
    harness.exchange.store.move(_item(harness, event), "recoverableitemsdeletions")


def restored(harness: ProgramHarness, event: SimEvent) -> None:
    trashed = harness.exchange.outlook.delete(event.room, event.item_id)
    harness.exchange.outlook.restore(event.room, trashed.item_id)


def edited_then_deleted(harness: ProgramHarness, event: SimEvent) -> None:
    edited_all_over(harness, event)
    deleted(harness, event)


def restored_then_edited(harness: ProgramHarness, event: SimEvent) -> None:
    restored(harness, event)
    (restored_event,) = harness.exchange.calendar(event.room)
    edited_all_over(harness, restored_event)


def replaced_by_a_copy(harness: ProgramHarness, event: SimEvent) -> None:
    harness.exchange.outlook.copy(event.room, event.item_id)
    deleted(harness, event)


def replaced_by_their_own(harness: ProgramHarness, event: SimEvent) -> None:
    harness.exchange.outlook.create("elsewhere@acme.example", subject="Mine", start=event.start, end=event.end)
    deleted(harness, event)


def made_recurring(harness: ProgramHarness, event: SimEvent) -> None:
    getattr(harness.exchange.outlook, REPEAT)(event.room, event.item_id)


def _item(harness: ProgramHarness, event: SimEvent) -> Any:  # noqa: ANN401 - an item of the simulator's store
    item = harness.exchange.store.find(event.item_id)
    assert item is not None
    return item


def _ignore(_: object) -> None:
    """What a lambda gives back."""


DOINGS = [
    pytest.param(edited(subject="Mine"), id="renamed"),
    pytest.param(edited(body="A plan no more"), id="another text"),
    pytest.param(edited(location="", categories=("Red",)), id="another place and colour"),
    pytest.param(edited(sensitivity="Private", show_as="Free"), id="private and free"),
    pytest.param(edited_times, id="at another time"),
    pytest.param(edited_all_over, id="changed all over"),
    pytest.param(deleted, id="deleted"),
    pytest.param(deleted_for_good, id="deleted for good"),
    pytest.param(moved_away, id="moved to another folder"),
    pytest.param(restored, id="deleted and restored"),
    pytest.param(edited_then_deleted, id="changed and deleted"),
    pytest.param(restored_then_edited, id="restored and changed"),
    pytest.param(replaced_by_a_copy, id="replaced by a copy"),
    pytest.param(replaced_by_their_own, id="replaced by one elsewhere"),
    pytest.param(
        made_recurring,
        id="made recurring",
        marks=pytest.mark.skipif(
            not hasattr(Outlook, REPEAT), reason="the simulator lets nobody make an event recurring yet"
        ),
    ),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def harness(broker: BrokerNode, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ProgramHarness]:
    async with ProgramHarness(tmp_path_factory.mktemp("people"), broker.url) as harness:
        await harness.worker()
        yield harness


@pytest.fixture
def room() -> str:
    """A room that no other test uses."""
    return f"room-{next(_numbers)}@acme.example"


@pytest.mark.parametrize("content", [pytest.param(CONTENT, id="same"), pytest.param(OTHER, id="other")])
@pytest.mark.parametrize("people_do", DOINGS)
async def test_the_next_version_puts_right_what_people_did(
    harness: ProgramHarness, room: str, people_do: Doing, content: dict[str, object]
) -> None:
    await harness.sync(a_command(room=room, event=CONTENT))
    people_do(harness, the_event(harness, room))
    command = a_command(command="update", room=room, version=2, event=content)
    result = await harness.sync(command)
    assert result["outcome"] == "synced"
    assert list(wrong(command, the_event(harness, room))) == []


@pytest.mark.parametrize("content", [pytest.param(CONTENT, id="same"), pytest.param(OTHER, id="other")])
async def test_a_copy_stays_until_the_room_is_reconciled(
    harness: ProgramHarness, room: str, content: dict[str, object]
) -> None:
    await harness.sync(a_command(room=room, event=CONTENT))
    original = the_event(harness, room)
    copy = harness.exchange.outlook.copy(room, original.item_id)
    command = a_command(command="update", room=room, version=2, event=content)
    await harness.sync(command)
    by_id = {event.item_id: event for event in harness.exchange.calendar(room)}
    assert by_id.pop(copy.item_id) == copy
    (ours,) = by_id.values()
    assert list(wrong(command, ours)) == []

    finished = await harness.run("reconcile", "--room", room, "--repair", "--yes")
    assert finished.code == 0, finished.said
    await harness.until(lambda: len(harness.exchange.calendar(room)) == 1, "the copy")
    assert list(wrong(command, the_event(harness, room))) == []


async def test_reconcile_finds_nothing_after_versions_of_the_same_content(harness: ProgramHarness, room: str) -> None:
    for version, content in enumerate((CONTENT, OTHER, CONTENT, CONTENT), 1):
        await harness.sync(a_command(command="update", room=room, version=version, event=content))
    finished = await harness.run("reconcile", "--room", room)
    assert (finished.code, "nothing differs" in finished.out) == (0, True), finished.said


async def test_the_same_version_again_leaves_what_people_did(harness: ProgramHarness, room: str) -> None:
    command = a_command(room=room, event=CONTENT)
    await harness.sync(command)
    deleted(harness, the_event(harness, room))
    asked = harness.exchange.counts.requests.total()
    assert (await harness.sync(command))["outcome"] == "synced"
    assert harness.exchange.counts.requests.total() == asked
    assert harness.exchange.calendar(room) == []


def wrong(command: dict[str, Any], event: SimEvent) -> Iterator[str]:
    """How an event differs from what was published."""
    yield from differences(command, event)
    is_recurring = "is_recurring"
    if getattr(event, is_recurring, False):
        yield "it recurs"


def the_event(harness: ProgramHarness, room: str) -> SimEvent:
    (event,) = harness.exchange.calendar(room)
    return event
