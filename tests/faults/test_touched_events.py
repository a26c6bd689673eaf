"""Faults that befall updates and removals of events which stand there, some of them changed by people."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from adapters.simulator import (
    CodeAlthoughApplied,
    Fault,
    HttpStatus,
    ItemCode,
    LoseReply,
    RequestCode,
    ResetBefore,
    Throttle,
    TruncatedXml,
)
from tests.faults.stories import LOOKED_FOR, SYNCED, Words
from tests.faults.worker_harness import BOARD, WorkerHarness, a_worker_harness, as_published

REMOVED: Words = ("removed",)
REMOVED_AFTER_LOOKING: Words = (*LOOKED_FOR[:-1], "removed")
UPDATE, CANCEL = {"command": "update"}, {"command": "cancel"}


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[WorkerHarness]:
    """Three bookings stand in the room."""
    async with a_worker_harness(tmp_path) as harness:
        for number in range(3):
            harness.put(f"B-{number}")
        await harness.all_is_done()
        harness.count_anew()
        yield harness


def item_id(harness: WorkerHarness, booking: str) -> str:
    return next(event.item_id for event in harness.events() if str(event.booking).endswith(booking))


async def put_three(harness: WorkerHarness, **command: str) -> list[Words]:
    """A new version of each booking; what each is told."""
    for number in range(3):
        harness.put(f"B-{number}", 2, **command)
    await harness.all_is_done()
    return [tuple(harness.told(f"B-{number}.2")) for number in range(3)]


BEFALLS_UPDATES: Mapping[str, tuple[Fault, list[Words], dict[str, int]]] = {
    "reply lost": (LoseReply(), [LOOKED_FOR] * 3, {"UpdateItem": 1, "FindItem": 2}),
    "reset before": (ResetBefore(), [LOOKED_FOR] * 3, {"UpdateItem": 2, "FindItem": 2}),
    "truncated XML": (TruncatedXml(), [LOOKED_FOR] * 3, {"UpdateItem": 1, "FindItem": 2}),
    "HTTP 500": (HttpStatus(500), [LOOKED_FOR] * 3, {"UpdateItem": 2, "FindItem": 2}),
    "busy": (Throttle(5000), [SYNCED] * 3, {"UpdateItem": 2}),
    "one conflicting item": (ItemCode(1, "ErrorIrresolvableConflict"), [SYNCED] * 3, {"UpdateItem": 2}),
    "one stale item": (ItemCode(1, "ErrorStaleObject"), [SYNCED] * 3, {"UpdateItem": 2}),
    "one refused item": (
        ItemCode(1, "ErrorQuotaExceeded"),
        [SYNCED, ("failed: mailbox_full",), SYNCED],
        {"UpdateItem": 1},
    ),
    "one item timed out, applied": (
        CodeAlthoughApplied("ErrorTimeoutExpired", index=1),
        [SYNCED, LOOKED_FOR, SYNCED],
        {"UpdateItem": 1, "FindItem": 2},
    ),
}


@pytest.mark.parametrize(
    ("fault", "told", "requests"), [pytest.param(*row, id=name) for name, row in BEFALLS_UPDATES.items()]
)
async def test_an_update_is_true_once_and_the_event_keeps_its_place(
    harness: WorkerHarness, fault: Fault, told: list[Words], requests: dict[str, int]
) -> None:
    ids = {event.item_id for event in harness.events()}
    harness.exchange.faults.next(fault, room=BOARD, operation="UpdateItem")
    assert await put_three(harness, **UPDATE) == told
    assert harness.requests() == requests
    versions = [1 if words[-1].startswith("failed") else 2 for words in told]
    assert harness.calendar() == as_published(*((f"B-{number}", version) for number, version in enumerate(versions)))
    assert {event.item_id for event in harness.events()} == ids


BEFALLS_REMOVALS: Mapping[str, tuple[Fault, list[Words], dict[str, int]]] = {
    "reply lost": (LoseReply(), [REMOVED_AFTER_LOOKING] * 3, {"DeleteItem": 1, "FindItem": 2}),
    "reset before": (ResetBefore(), [REMOVED_AFTER_LOOKING] * 3, {"DeleteItem": 2, "FindItem": 2}),
    "busy": (Throttle(5000), [REMOVED] * 3, {"DeleteItem": 2}),
    "mailbox on the move": (RequestCode("ErrorMailboxMoveInProgress"), [REMOVED] * 3, {"DeleteItem": 2}),
    "one item timed out, not applied": (
        ItemCode(1, "ErrorTimeoutExpired"),
        [REMOVED, REMOVED_AFTER_LOOKING, REMOVED],
        {"DeleteItem": 2, "FindItem": 2},
    ),
}


@pytest.mark.parametrize(
    ("fault", "told", "requests"), [pytest.param(*row, id=name) for name, row in BEFALLS_REMOVALS.items()]
)
async def test_a_removal_is_true_once(
    harness: WorkerHarness, fault: Fault, told: list[Words], requests: dict[str, int]
) -> None:
    harness.exchange.faults.next(fault, room=BOARD, operation="DeleteItem")
    assert await put_three(harness, **CANCEL) == told
    assert harness.requests() == requests
    assert harness.calendar() == []
    assert len(harness.exchange.deleted_items(BOARD)) == 3


async def test_a_refused_removal_is_parked_and_its_older_versions_stay_away(harness: WorkerHarness) -> None:
    harness.exchange.faults.next(ItemCode(1, "ErrorAccessDenied"), room=BOARD, operation="DeleteItem")
    assert await put_three(harness, **CANCEL) == [REMOVED, ("failed: rights_missing",), REMOVED]
    harness.put("B-1", 1)
    await harness.all_is_done()
    assert harness.told("B-1.1")[-1] == "superseded"
    assert harness.calendar() == as_published(("B-1", 1)), "what could not be removed stands there, unchanged"


async def test_an_event_deleted_in_outlook_is_written_anew_by_the_next_version(harness: WorkerHarness) -> None:
    harness.exchange.outlook.delete(BOARD, item_id(harness, "B-1"))
    assert await put_three(harness, **UPDATE) == [SYNCED] * 3
    assert harness.requests() == {"UpdateItem": 1, "FindItem": 1, "CreateItem": 1}
    assert harness.calendar() == as_published(("B-0", 2), ("B-1", 2), ("B-2", 2))


async def test_an_event_deleted_in_outlook_counts_as_removed(harness: WorkerHarness) -> None:
    harness.exchange.outlook.delete(BOARD, item_id(harness, "B-1"))
    assert await put_three(harness, **CANCEL) == [REMOVED] * 3
    assert harness.requests() == {"DeleteItem": 1, "FindItem": 1}
    assert harness.calendar() == []


async def test_an_event_deleted_and_brought_back_in_outlook_is_found_under_its_new_id(harness: WorkerHarness) -> None:
    deleted = harness.exchange.outlook.delete(BOARD, item_id(harness, "B-1"))
    harness.exchange.outlook.restore(BOARD, deleted.item_id)
    assert await put_three(harness, **UPDATE) == [SYNCED] * 3
    assert harness.requests() == {"UpdateItem": 2, "FindItem": 1}
    assert harness.calendar() == as_published(("B-0", 2), ("B-1", 2), ("B-2", 2))


async def test_an_item_not_found_that_is_a_lie_doubles_nothing(harness: WorkerHarness) -> None:
    harness.exchange.faults.next(ItemCode(1, "ErrorItemNotFound"), room=BOARD, operation="UpdateItem")
    assert await put_three(harness, **UPDATE) == [SYNCED] * 3
    assert harness.calendar() == as_published(("B-0", 2), ("B-1", 2), ("B-2", 2))
