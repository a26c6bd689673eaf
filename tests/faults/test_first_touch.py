"""Faults that befall a room at its first touch, the scan, and rooms that roomsync may not or cannot read."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from adapters.simulator import (
    Fault,
    HttpStatus,
    LoseReply,
    RequestCode,
    ResetBefore,
    Throttle,
    TooManyConnections,
    TruncatedXml,
)
from tests.faults.stories import SYNCED, Words
from tests.faults.worker_harness import BOARD, LOBBY, WorkerHarness, a_worker_harness, as_published


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[WorkerHarness]:
    async with a_worker_harness(tmp_path) as harness:
        yield harness


WAITED_OUT: Mapping[str, tuple[Fault, tuple[float, float]]] = {
    "connection reset before": (ResetBefore(), (0.5, 1.0)),
    "reply lost": (LoseReply(), (0.5, 1.0)),
    "truncated XML": (TruncatedXml(), (0.5, 1.0)),
    "HTTP 500": (HttpStatus(500), (0.5, 1.0)),
    "HTTP 500 that asks for 7 s": (HttpStatus(500, retry_after=7), (7.0, 7.5)),
    "HTTP 502 that asks for 7 s": (HttpStatus(502, retry_after=7), (7.0, 7.5)),
    "HTTP 503 that asks for 7 s": (HttpStatus(503, retry_after=7), (7.0, 7.5)),
    "ErrorServerBusy for 5 s": (Throttle(5000), (5.0, 5.5)),
    "ErrorExceededConnectionCount": (TooManyConnections(), (0.5, 1.5)),
    "ErrorTimeoutExpired": (RequestCode("ErrorTimeoutExpired"), (0.5, 1.0)),
    "ErrorMailboxMoveInProgress": (RequestCode("ErrorMailboxMoveInProgress"), (0.5, 1.0)),
}


@pytest.mark.parametrize(("fault", "done_s"), [pytest.param(*row, id=name) for name, row in WAITED_OUT.items()])
async def test_a_scan_that_fails_is_asked_again_in_hand_and_no_earlier_than_exchange_named(
    harness: WorkerHarness, fault: Fault, done_s: tuple[float, float]
) -> None:
    harness.exchange.faults.next(fault, room=BOARD, operation="FindItem")
    harness.put("B-0")
    harness.put("L-0", room=LOBBY)
    await harness.quiet()
    assert tuple(harness.told("B-0.1")) == SYNCED
    assert done_s[0] <= harness.done_after_s("B-0.1") <= done_s[1]
    assert harness.done_after_s("L-0.1") == 0
    assert harness.requests() == {"FindItem": 2, "CreateItem": 1}
    assert harness.exchange.counts.early == 0


REFUSED: Mapping[str, tuple[str, str]] = {
    "ErrorNonExistentMailbox": ("ErrorNonExistentMailbox", "room_not_found"),
    "ErrorImpersonateUserDenied": ("ErrorImpersonateUserDenied", "rights_missing"),
    "ErrorAccessDenied": ("ErrorAccessDenied", "rights_missing"),
    "ErrorMailboxConfiguration": ("ErrorMailboxConfiguration", "mailbox_unusable"),
    "an unknown response code": ("ErrorNeverHeardOf", "exchange_refused"),
}


@pytest.mark.parametrize(("answer", "code"), [pytest.param(*row, id=name) for name, row in REFUSED.items()])
async def test_a_room_that_may_not_be_scanned_parks_its_commands_by_one_request(
    harness: WorkerHarness, answer: str, code: str
) -> None:
    harness.exchange.faults.next(RequestCode(answer), room=BOARD)
    for number in range(3):
        harness.put(f"B-{number}")
    harness.put("L-0", room=LOBBY)
    await harness.quiet()
    parked: list[Words] = [(f"failed: {code}",)] * 3
    assert [tuple(harness.told(f"B-{number}.1")) for number in range(3)] == parked
    assert tuple(harness.told("L-0.1")) == SYNCED
    assert harness.requests() == {"FindItem": 1}
    assert harness.breaker.error is None


async def test_a_room_outside_the_scope_goes_on_once_it_is_in_and_its_commands_are_replayed(
    harness: WorkerHarness,
) -> None:
    harness.exchange.access.deny(BOARD)
    harness.put("B-0")
    await harness.quiet()
    assert harness.told("B-0.1") == ["failed: rights_missing"]
    harness.exchange.access.allow(BOARD)
    harness.put("B-0")
    await harness.quiet()
    assert harness.told("B-0.1")[-1] == "synced"
    assert harness.calendar() == as_published(("B-0", 1))


async def test_a_room_that_does_not_exist_costs_the_others_nothing(tmp_path: Path) -> None:
    async with a_worker_harness(tmp_path, rooms={LOBBY}) as harness:
        harness.put("B-0")
        harness.put("L-0", room=LOBBY)
        await harness.quiet()
        assert harness.told("B-0.1") == ["failed: room_not_found"]
        assert tuple(harness.told("L-0.1")) == SYNCED
