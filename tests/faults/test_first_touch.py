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
from tests.faults.house import BOARD, LOBBY, House, a_house, as_published
from tests.faults.stories import SYNCED, Words


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(tmp_path) as house:
        yield house


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
    house: House, fault: Fault, done_s: tuple[float, float]
) -> None:
    house.exchange.faults.next(fault, room=BOARD, operation="FindItem")
    house.put("B-0")
    house.put("L-0", room=LOBBY)
    await house.quiet()
    assert tuple(house.told("B-0.1")) == SYNCED
    assert done_s[0] <= house.done_after_s("B-0.1") <= done_s[1]
    assert house.done_after_s("L-0.1") == 0
    assert house.requests() == {"FindItem": 2, "CreateItem": 1}
    assert house.exchange.counts.early == 0


REFUSED: Mapping[str, tuple[str, str]] = {
    "ErrorNonExistentMailbox": ("ErrorNonExistentMailbox", "room_not_found"),
    "ErrorImpersonateUserDenied": ("ErrorImpersonateUserDenied", "rights_missing"),
    "ErrorAccessDenied": ("ErrorAccessDenied", "rights_missing"),
    "ErrorMailboxConfiguration": ("ErrorMailboxConfiguration", "mailbox_unusable"),
    "an unknown response code": ("ErrorNeverHeardOf", "exchange_refused"),
}


@pytest.mark.parametrize(("answer", "code"), [pytest.param(*row, id=name) for name, row in REFUSED.items()])
async def test_a_room_that_may_not_be_scanned_parks_its_commands_by_one_request(
    house: House, answer: str, code: str
) -> None:
    house.exchange.faults.next(RequestCode(answer), room=BOARD)
    for number in range(3):
        house.put(f"B-{number}")
    house.put("L-0", room=LOBBY)
    await house.quiet()
    parked: list[Words] = [(f"failed: {code}",)] * 3
    assert [tuple(house.told(f"B-{number}.1")) for number in range(3)] == parked
    assert tuple(house.told("L-0.1")) == SYNCED
    assert house.requests() == {"FindItem": 1}
    assert house.breaker.error is None


async def test_a_room_outside_the_scope_goes_on_once_it_is_in_and_its_commands_are_replayed(house: House) -> None:
    house.exchange.access.deny(BOARD)
    house.put("B-0")
    await house.quiet()
    assert house.told("B-0.1") == ["failed: rights_missing"]
    house.exchange.access.allow(BOARD)
    house.put("B-0")
    await house.quiet()
    assert house.told("B-0.1")[-1] == "synced"
    assert house.calendar() == as_published(("B-0", 1))


async def test_a_room_that_does_not_exist_costs_the_others_nothing(tmp_path: Path) -> None:
    async with a_house(tmp_path, rooms={LOBBY}) as house:
        house.put("B-0")
        house.put("L-0", room=LOBBY)
        await house.quiet()
        assert house.told("B-0.1") == ["failed: room_not_found"]
        assert tuple(house.told("L-0.1")) == SYNCED
