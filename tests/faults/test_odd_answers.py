"""Answers that a proxy, one server of many or one mailbox may give: they cost seconds, and one room at the most."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from adapters.simulator import Fault, HtmlPage, HttpStatus
from tests.faults.stories import SYNCED, warm_up
from tests.faults.worker_harness import BOARD, LOBBY, WorkerHarness, a_worker_harness, as_published

FOR_GOOD = 10_000
ERROR_PAGE = {"Location": "/ews/genericerrorpage.htm?aspxerrorpath=/ews/exchange.asmx"}


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[WorkerHarness]:
    async with a_worker_harness(tmp_path) as harness:
        await warm_up(harness)
        yield harness


ONCE: Mapping[str, Fault] = {
    "302 to an error page": HttpStatus(302, headers=ERROR_PAGE),
    "302 to a login page": HttpStatus(302, headers={"Location": "/owa/auth/logon.aspx"}),
    **{str(status): HttpStatus(status) for status in (400, 403, 404, 405, 407, 413, 421, 425, 440, 499)},
    "a page": HtmlPage(),
}


@pytest.mark.parametrize("fault", [pytest.param(fault, id=name) for name, fault in ONCE.items()])
async def test_one_odd_answer_stops_neither_its_tenant_nor_another_room(harness: WorkerHarness, fault: Fault) -> None:
    harness.exchange.faults.next(fault, room=BOARD)
    harness.put("B-0")
    harness.put("L-0", room=LOBBY)
    await harness.all_is_done()
    assert harness.told("B-0.1")[-1] == "synced"
    assert not any("endpoint_wrong" in told or "access_blocked" in told for told in harness.told("B-0.1"))
    assert tuple(harness.told("L-0.1")) == SYNCED
    assert harness.done_after_s("L-0.1") < 4.0
    assert harness.breaker.error is None
    assert harness.calendar() == as_published(("B-0", 1), ("W-b", 1))
    assert harness.written() == 2


@pytest.mark.parametrize("status", [302, 403, 404, 421])
async def test_a_room_whose_answers_alone_are_odd_waits_alone(harness: WorkerHarness, status: int) -> None:
    harness.exchange.faults.next(HttpStatus(status), room=BOARD, times=FOR_GOOD)
    harness.put("B-0")
    await harness.quiet()
    for number in range(5):
        harness.put(f"L-{number}", room=LOBBY)
        await harness.quiet()
        assert tuple(harness.told(f"L-{number}.1")) == SYNCED
    assert harness.breaker.error is None
    harness.exchange.faults.clear()
    await harness.all_is_done()
    assert harness.told("B-0.1")[-1] == "synced"
    assert harness.calendar() == as_published(("B-0", 1), ("W-b", 1))


async def test_a_room_whose_answers_stay_odd_is_parked_for_its_own_trouble_and_the_others_work(
    harness: WorkerHarness,
) -> None:
    harness.exchange.faults.next(HttpStatus(404), room=BOARD, times=FOR_GOOD)
    harness.put("B-0")
    harness.put("L-0", room=LOBBY)
    await harness.quiet()
    harness.put("L-1", room=LOBBY)
    await harness.all_is_done()
    assert harness.told("B-0.1")[-1] == "failed: gave_up"
    assert {harness.told(message)[-1] for message in ("L-0.1", "L-1.1")} == {"synced"}
    assert harness.breaker.error is None


async def test_a_filter_that_takes_offence_at_one_booking_keeps_no_other_waiting(harness: WorkerHarness) -> None:
    harness.exchange.faults.next(HttpStatus(406), room=BOARD)
    for booking in ("B-0", "B-1", "B-2"):
        harness.put(booking)
    await harness.quiet()
    assert {tuple(harness.told(f"B-{number}.1")) for number in range(3)} == {SYNCED}
    assert harness.requests()["CreateItem"] == 4, "together, and then each by itself"


async def test_a_status_that_lasts_parks_nothing_and_stops_the_tenant(harness: WorkerHarness) -> None:
    harness.exchange.faults.next(HttpStatus(421), times=FOR_GOOD)
    harness.put("B-0")
    harness.put("L-0", room=LOBBY)
    await harness.quiet()
    assert harness.breaker.error is not None
    assert harness.breaker.error.code == "endpoint_wrong"
    harness.exchange.faults.clear()
    await harness.all_is_done()
    assert {harness.told(message)[-1] for message in ("B-0.1", "L-0.1")} == {"synced"}
