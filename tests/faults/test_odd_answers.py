"""Answers that a proxy, one server of many or one mailbox may give: they cost seconds, and one room at the most."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from adapters.simulator import Fault, HtmlPage, HttpStatus
from tests.faults.house import BOARD, LOBBY, House, a_house, as_published
from tests.faults.stories import SYNCED, warm_up

FOR_GOOD = 10_000
ERROR_PAGE = {"Location": "/ews/genericerrorpage.htm?aspxerrorpath=/ews/exchange.asmx"}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(tmp_path) as house:
        await warm_up(house)
        yield house


ONCE: Mapping[str, Fault] = {
    "302 to an error page": HttpStatus(302, headers=ERROR_PAGE),
    "302 to a login page": HttpStatus(302, headers={"Location": "/owa/auth/logon.aspx"}),
    **{str(status): HttpStatus(status) for status in (400, 403, 404, 405, 407, 413, 421, 425, 440, 499)},
    "a page": HtmlPage(),
}


@pytest.mark.parametrize("fault", [pytest.param(fault, id=name) for name, fault in ONCE.items()])
async def test_one_odd_answer_stops_neither_its_tenant_nor_another_room(house: House, fault: Fault) -> None:
    house.exchange.faults.next(fault, room=BOARD)
    house.put("B-0")
    house.put("L-0", room=LOBBY)
    await house.all_is_done()
    assert house.told("B-0.1")[-1] == "synced"
    assert not any("endpoint_wrong" in told or "access_blocked" in told for told in house.told("B-0.1"))
    assert tuple(house.told("L-0.1")) == SYNCED
    assert house.done_after_s("L-0.1") < 4.0
    assert house.breaker.error is None
    assert house.calendar() == as_published(("B-0", 1), ("W-b", 1))
    assert house.written() == 2


@pytest.mark.parametrize("status", [302, 403, 404, 421])
async def test_a_room_whose_answers_alone_are_odd_waits_alone(house: House, status: int) -> None:
    house.exchange.faults.next(HttpStatus(status), room=BOARD, times=FOR_GOOD)
    house.put("B-0")
    await house.quiet()
    for number in range(5):
        house.put(f"L-{number}", room=LOBBY)
        await house.quiet()
        assert tuple(house.told(f"L-{number}.1")) == SYNCED
    assert house.breaker.error is None
    house.exchange.faults.clear()
    await house.all_is_done()
    assert house.told("B-0.1")[-1] == "synced"
    assert house.calendar() == as_published(("B-0", 1), ("W-b", 1))


async def test_a_room_whose_answers_stay_odd_is_parked_for_its_own_trouble_and_the_others_work(house: House) -> None:
    house.exchange.faults.next(HttpStatus(404), room=BOARD, times=FOR_GOOD)
    house.put("B-0")
    house.put("L-0", room=LOBBY)
    await house.quiet()
    house.put("L-1", room=LOBBY)
    await house.all_is_done()
    assert house.told("B-0.1")[-1] == "failed: gave_up"
    assert {house.told(message)[-1] for message in ("L-0.1", "L-1.1")} == {"synced"}
    assert house.breaker.error is None


async def test_a_filter_that_takes_offence_at_one_booking_keeps_no_other_waiting(house: House) -> None:
    house.exchange.faults.next(HttpStatus(406), room=BOARD)
    for booking in ("B-0", "B-1", "B-2"):
        house.put(booking)
    await house.quiet()
    assert {tuple(house.told(f"B-{number}.1")) for number in range(3)} == {SYNCED}
    assert house.requests()["CreateItem"] == 4, "together, and then each by itself"


async def test_a_status_that_lasts_parks_nothing_and_stops_the_tenant(house: House) -> None:
    house.exchange.faults.next(HttpStatus(421), times=FOR_GOOD)
    house.put("B-0")
    house.put("L-0", room=LOBBY)
    await house.quiet()
    assert house.breaker.error is not None
    assert house.breaker.error.code == "endpoint_wrong"
    house.exchange.faults.clear()
    await house.all_is_done()
    assert {house.told(message)[-1] for message in ("B-0.1", "L-0.1")} == {"synced"}
