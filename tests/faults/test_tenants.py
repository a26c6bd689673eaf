"""Trouble that is the whole tenant's: nothing is parked, nothing is lost, and no other tenant notices."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.simulator import BlockedByPolicy, Fault, HtmlPage, HttpStatus, RequestCode, Unauthorized
from tests.faults.house import BOARD, ELSEWHERE, LOBBY, House, a_house, as_published
from tests.faults.stories import SYNCED, warm_up

FOR_GOOD = 10_000
MINUTE_S, HOUR_S = 60.0, 3600.0


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(tmp_path) as house:
        await warm_up(house)
        yield house


def put_one_each(house: House, version: int = 1) -> None:
    house.put("B-0", version)
    house.put("L-0", version, room=LOBBY)
    house.put("E-0", version, room=ELSEWHERE)


async def lasts(house: House, for_s: float) -> None:
    """Let the trouble last; what comes back meanwhile is worked on."""
    until_s = house.time.passed_s + for_s
    while (due_s := house.queues.next_due_s()) is not None and due_s <= until_s:
        await house.come_back()
    house.time.pass_until(until_s)


def asked(house: House) -> int:
    """Requests to the tenant's Exchange since the rooms were warm."""
    return sum(house.requests(BOARD).values()) + sum(house.requests(LOBBY).values())


def both_stand_there_once(house: House) -> bool:
    board, lobby = as_published(("B-0", 1), ("W-b", 1)), as_published(("L-0", 1), ("W-l", 1))
    return (house.calendar(BOARD), house.calendar(LOBBY)) == (board, lobby) and house.written() == 2


STOPS_THE_TENANT = {
    "403 with X-EWS-Policy-Reason": (BlockedByPolicy(), "ews_blocked"),
    "403 without a reason": (HttpStatus(403), "access_blocked"),
    "404": (HttpStatus(404), "endpoint_wrong"),
    "ErrorImpersonationDenied": (RequestCode("ErrorImpersonationDenied"), "impersonation_denied"),
    "ErrorPasswordExpired": (RequestCode("ErrorPasswordExpired"), "credentials_rejected"),
    "401 for good": (Unauthorized(), "credentials_rejected"),
}
every_trouble = pytest.mark.parametrize(
    ("fault", "code"), [pytest.param(*row, id=name) for name, row in STOPS_THE_TENANT.items()]
)


@every_trouble
async def test_a_stopped_tenants_commands_wait_a_minute_and_then_go_on_once_it_is_mended(
    house: House, fault: Fault, code: str
) -> None:
    house.exchange.faults.next(fault, times=FOR_GOOD)
    put_one_each(house)
    await house.quiet()
    assert house.breaker.error is not None
    assert house.breaker.error.code == code
    house.exchange.faults.clear()
    await house.all_is_done()
    for message_id in ("B-0.1", "L-0.1"):
        assert set(house.told(message_id)) == {f"back in 60 s: {code}", "synced"}
    assert house.breaker.error is None
    assert both_stand_there_once(house)


@every_trouble
async def test_a_stopped_tenant_stops_no_other_one(house: House, fault: Fault, code: str) -> None:
    del code
    house.exchange.faults.next(fault, times=FOR_GOOD)
    put_one_each(house)
    await house.quiet()
    assert tuple(house.told("E-0.1")) == SYNCED
    assert house.done_after_s("E-0.1") == 0


async def test_a_tenant_stopped_for_more_than_a_day_loses_and_parks_nothing(house: House) -> None:
    house.exchange.faults.next(BlockedByPolicy(), times=FOR_GOOD)
    put_one_each(house)
    await house.quiet()
    await lasts(house, 26 * HOUR_S)
    for message_id in ("B-0.1", "L-0.1"):
        assert house.told(message_id).count("delayed: ews_blocked") == 1
        assert house.told(message_id)[-1] == "back in 300 s: ews_blocked"
    house.exchange.faults.clear()
    await house.all_is_done()
    assert {house.told(message_id)[-1] for message_id in ("B-0.1", "L-0.1")} == {"synced"}
    assert both_stand_there_once(house)


async def test_a_blocked_tenant_is_asked_at_most_once_a_minute(house: House) -> None:
    house.exchange.faults.next(BlockedByPolicy(), times=FOR_GOOD)
    put_one_each(house)
    await house.quiet()
    opened_by = asked(house)
    assert opened_by <= 2, "both rooms may have been asked before the first answer came"
    await lasts(house, 10 * MINUTE_S)
    assert 1 <= asked(house) - opened_by <= 10


async def test_rejected_credentials_are_tried_so_seldom_that_no_account_is_locked(house: House) -> None:
    house.exchange.faults.next(Unauthorized(), times=FOR_GOOD)
    put_one_each(house)
    await house.quiet()
    await lasts(house, 4 * MINUTE_S)
    assert asked(house) <= 5
    before = asked(house)
    await lasts(house, HOUR_S)
    assert asked(house) - before <= 4


async def test_one_401_costs_two_seconds_and_a_second_request(house: House) -> None:
    house.exchange.faults.next(Unauthorized(), room=BOARD)
    house.put("B-0")
    await house.quiet()
    assert tuple(house.told("B-0.1")) == SYNCED
    assert 2.0 <= house.done_after_s("B-0.1") <= 3.0
    assert house.breaker.error is None
    assert house.requests() == {"CreateItem": 2}


async def test_two_rooms_that_meet_a_401_for_a_moment_are_both_written_once(house: House) -> None:
    house.exchange.faults.next(Unauthorized(), times=2)
    put_one_each(house)
    await house.all_is_done()
    assert {tuple(house.told(message_id)) for message_id in ("B-0.1", "L-0.1")} == {SYNCED}
    assert house.breaker.error is None
    assert both_stand_there_once(house)


async def test_a_refused_connection_is_tried_three_times_and_then_waited_for(house: House) -> None:
    await house.exchange.stop()
    put_one_each(house)
    await house.quiet()
    assert house.told("B-0.1") == ["back in 15 s: unreachable"]
    assert house.told("L-0.1") == ["back in 15 s: unreachable"]
    assert tuple(house.told("E-0.1")) == SYNCED
    assert house.breaker.error is None, "a server that is down says nothing about the tenant's settings"
    await house.exchange.start()
    await house.all_is_done()
    assert house.told("B-0.1") == ["back in 15 s: unreachable", "synced"]
    assert house.requests() == {"CreateItem": 1}
    assert both_stand_there_once(house)


async def test_a_server_that_is_down_for_a_day_parks_what_it_kept_waiting_and_a_replay_writes_it(house: House) -> None:
    await house.exchange.stop()
    put_one_each(house)
    await house.all_is_done()
    assert house.told("B-0.1")[-1] == "failed: gave_up"
    assert house.time.passed_s >= 24 * HOUR_S
    await house.exchange.start()
    put_one_each(house)
    await house.all_is_done()
    assert house.told("B-0.1")[-1] == "synced"
    assert both_stand_there_once(house)


async def test_a_page_in_place_of_an_answer_costs_two_seconds_where_it_proves_that_nothing_was_written(
    tmp_path: Path,
) -> None:
    async with a_house(tmp_path) as house:
        house.exchange.faults.next(HtmlPage(), room=BOARD, operation="FindItem")
        house.put("B-0")
        await house.quiet()
        assert house.told("B-0.1") == ["synced"]
        assert 2.0 <= house.done_after_s("B-0.1") <= 3.0
        assert house.breaker.error is None
        assert house.calendar() == as_published(("B-0", 1))
