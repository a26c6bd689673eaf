"""Trouble that is the whole tenant's: nothing is parked, nothing is lost, and no other tenant notices."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.simulator import BlockedByPolicy, Fault, HtmlPage, HttpStatus, RequestCode, Unauthorized
from tests.faults.stories import SYNCED, warm_up
from tests.faults.worker_harness import BOARD, ELSEWHERE, LOBBY, WorkerHarness, a_worker_harness, as_published

FOR_GOOD = 10_000
MINUTE_S, HOUR_S = 60.0, 3600.0


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[WorkerHarness]:
    async with a_worker_harness(tmp_path) as harness:
        await warm_up(harness)
        yield harness


def put_one_each(harness: WorkerHarness, version: int = 1) -> None:
    harness.put("B-0", version)
    harness.put("L-0", version, room=LOBBY)
    harness.put("E-0", version, room=ELSEWHERE)


async def lasts(harness: WorkerHarness, for_s: float) -> None:
    """Let the trouble last; what comes back meanwhile is worked on."""
    until_s = harness.time.passed_s + for_s
    while (due_s := harness.queues.next_due_s()) is not None and due_s <= until_s:
        await harness.come_back()
    harness.time.pass_until(until_s)


def asked(harness: WorkerHarness) -> int:
    """Requests to the tenant's Exchange since the rooms were warm."""
    return sum(harness.requests(BOARD).values()) + sum(harness.requests(LOBBY).values())


def both_stand_there_once(harness: WorkerHarness) -> bool:
    board, lobby = as_published(("B-0", 1), ("W-b", 1)), as_published(("L-0", 1), ("W-l", 1))
    return (harness.calendar(BOARD), harness.calendar(LOBBY)) == (board, lobby) and harness.written() == 2


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
    harness: WorkerHarness, fault: Fault, code: str
) -> None:
    harness.exchange.faults.next(fault, times=FOR_GOOD)
    put_one_each(harness)
    await harness.quiet()
    assert harness.breaker.error is not None
    assert harness.breaker.error.code == code
    harness.exchange.faults.clear()
    await harness.all_is_done()
    for message_id in ("B-0.1", "L-0.1"):
        assert set(harness.told(message_id)) == {f"back in 60 s: {code}", "synced"}
    assert harness.breaker.error is None
    assert both_stand_there_once(harness)


@every_trouble
async def test_a_stopped_tenant_stops_no_other_one(harness: WorkerHarness, fault: Fault, code: str) -> None:
    del code
    harness.exchange.faults.next(fault, times=FOR_GOOD)
    put_one_each(harness)
    await harness.quiet()
    assert tuple(harness.told("E-0.1")) == SYNCED
    assert harness.done_after_s("E-0.1") == 0


async def test_a_tenant_stopped_for_more_than_a_day_loses_and_parks_nothing(harness: WorkerHarness) -> None:
    harness.exchange.faults.next(BlockedByPolicy(), times=FOR_GOOD)
    put_one_each(harness)
    await harness.quiet()
    await lasts(harness, 26 * HOUR_S)
    for message_id in ("B-0.1", "L-0.1"):
        assert harness.told(message_id).count("delayed: ews_blocked") == 1
        assert harness.told(message_id)[-1] == "back in 300 s: ews_blocked"
    harness.exchange.faults.clear()
    await harness.all_is_done()
    assert {harness.told(message_id)[-1] for message_id in ("B-0.1", "L-0.1")} == {"synced"}
    assert both_stand_there_once(harness)


async def test_a_blocked_tenant_is_asked_at_most_once_a_minute(harness: WorkerHarness) -> None:
    harness.exchange.faults.next(BlockedByPolicy(), times=FOR_GOOD)
    put_one_each(harness)
    await harness.quiet()
    opened_by = asked(harness)
    assert opened_by <= 2, "both rooms may have been asked before the first answer came"
    await lasts(harness, 10 * MINUTE_S)
    assert 1 <= asked(harness) - opened_by <= 10


async def test_rejected_credentials_are_tried_so_seldom_that_no_account_is_locked(harness: WorkerHarness) -> None:
    harness.exchange.faults.next(Unauthorized(), times=FOR_GOOD)
    put_one_each(harness)
    await harness.quiet()
    await lasts(harness, 4 * MINUTE_S)
    assert asked(harness) <= 5
    before = asked(harness)
    await lasts(harness, HOUR_S)
    assert asked(harness) - before <= 4


async def test_one_401_costs_two_seconds_and_a_second_request(harness: WorkerHarness) -> None:
    harness.exchange.faults.next(Unauthorized(), room=BOARD)
    harness.put("B-0")
    await harness.quiet()
    assert tuple(harness.told("B-0.1")) == SYNCED
    assert 2.0 <= harness.done_after_s("B-0.1") <= 3.0
    assert harness.breaker.error is None
    assert harness.requests() == {"CreateItem": 2}


async def test_two_rooms_that_meet_a_401_for_a_moment_are_both_written_once(harness: WorkerHarness) -> None:
    harness.exchange.faults.next(Unauthorized(), times=2)
    put_one_each(harness)
    await harness.all_is_done()
    assert {tuple(harness.told(message_id)) for message_id in ("B-0.1", "L-0.1")} == {SYNCED}
    assert harness.breaker.error is None
    assert both_stand_there_once(harness)


async def test_a_refused_connection_is_tried_three_times_and_then_waited_for(harness: WorkerHarness) -> None:
    await harness.exchange.stop()
    put_one_each(harness)
    await harness.quiet()
    assert harness.told("B-0.1") == ["back in 15 s: unreachable"]
    assert harness.told("L-0.1") == ["back in 15 s: unreachable"]
    assert tuple(harness.told("E-0.1")) == SYNCED
    assert harness.breaker.error is None, "a server that is down says nothing about the tenant's settings"
    await harness.exchange.start()
    await harness.all_is_done()
    assert harness.told("B-0.1") == ["back in 15 s: unreachable", "synced"]
    assert harness.requests() == {"CreateItem": 1}
    assert both_stand_there_once(harness)


async def test_a_server_that_is_down_for_a_day_parks_what_it_kept_waiting_and_a_replay_writes_it(
    harness: WorkerHarness,
) -> None:
    await harness.exchange.stop()
    put_one_each(harness)
    await harness.all_is_done()
    assert harness.told("B-0.1")[-1] == "failed: gave_up"
    assert harness.time.passed_s >= 24 * HOUR_S
    await harness.exchange.start()
    put_one_each(harness)
    await harness.all_is_done()
    assert harness.told("B-0.1")[-1] == "synced"
    assert both_stand_there_once(harness)


async def test_a_page_in_place_of_an_answer_costs_two_seconds_where_it_proves_that_nothing_was_written(
    tmp_path: Path,
) -> None:
    async with a_worker_harness(tmp_path) as harness:
        harness.exchange.faults.next(HtmlPage(), room=BOARD, operation="FindItem")
        harness.put("B-0")
        await harness.quiet()
        assert harness.told("B-0.1") == ["synced"]
        assert 2.0 <= harness.done_after_s("B-0.1") <= 3.0
        assert harness.breaker.error is None
        assert harness.calendar() == as_published(("B-0", 1))
