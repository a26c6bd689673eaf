"""Scripted trouble: every fault's shape on the wire, what of the request is applied, and whom a script meets."""

import asyncio
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import Any

import aiohttp
import pytest
from lxml import etree

from adapters.simulator import (
    BlockedByPolicy,
    CodeAlthoughApplied,
    ErrorAlthoughApplied,
    Fault,
    HtmlPage,
    HttpStatus,
    ItemCode,
    LateApply,
    LateReply,
    LoseReply,
    RequestCode,
    ResetBefore,
    Simulator,
    SoapFault200,
    StopBatch,
    Throttle,
    ThrottleInside,
    ThrottleItem,
    TooManyConnections,
    TruncatedXml,
    Unauthorized,
)
from tests.unit.simulator.soap_client import ROOM, SoapClient, an_item, create_item, find_item
from tests.waiting import until

BACK_OFF = {"BackOffMilliseconds": "297749"}


def booked(simulator: Simulator) -> list[str | None]:
    return [event.booking for event in simulator.calendar(ROOM)]


async def three(soap: SoapClient) -> Any:  # noqa: ANN401  # a Reply, named by its module
    return await soap.create(*(an_item(booking=f"acme/B-{n}") for n in range(3)))


@pytest.mark.parametrize(
    ("fault", "code", "values"),
    [
        pytest.param(Throttle(297749), "ErrorServerBusy", BACK_OFF, id="busy for a time"),
        pytest.param(Throttle(None), "ErrorServerBusy", {}, id="busy without a time"),
        pytest.param(
            TooManyConnections(),
            "ErrorExceededConnectionCount",
            {"Policy": "MaxConcurrency", "BackOffMilliseconds": "0"},
            id="too many connections",
        ),
        pytest.param(RequestCode("ErrorMailboxMoveInProgress"), "ErrorMailboxMoveInProgress", {}, id="any code"),
    ],
)
async def test_a_refused_request_is_a_soap_fault_with_http_500(
    fault: Fault, code: str, values: dict[str, str], simulator: Simulator, soap: SoapClient
) -> None:
    simulator.faults.next(fault)
    reply = await three(soap)
    assert (reply.status, reply.fault, reply.values()) == (500, code, values)
    assert reply.texts("faultcode") == [f"a:{code}"]
    assert reply.headers["Content-Type"].startswith("text/xml")
    assert booked(simulator) == []
    assert (await three(soap)).codes == ["NoError"] * 3, "the next request is served"


async def test_a_fault_may_come_with_http_200_and_without_detail(simulator: Simulator, soap: SoapClient) -> None:
    simulator.faults.next(SoapFault200("ErrorNonExistentMailbox"))
    reply = await three(soap)
    assert (reply.status, reply.fault) == (200, "")
    assert reply.texts("faultcode") == ["a:ErrorNonExistentMailbox"]
    assert booked(simulator) == []


async def test_one_busy_item_spares_the_others(simulator: Simulator, soap: SoapClient) -> None:
    simulator.faults.next(ThrottleItem(1, 3000))
    reply = await three(soap)
    assert (reply.status, reply.codes) == (200, ["NoError", "ErrorServerBusy", "NoError"])
    assert reply.values() == {"BackOffMilliseconds": "3000"}
    assert booked(simulator) == ["acme/B-0", "acme/B-2"]
    await soap.post(find_item())
    assert simulator.counts.early == 1, "the item named a time for its mailbox"


async def test_the_server_may_be_busy_inside_an_internal_error(simulator: Simulator, soap: SoapClient) -> None:
    simulator.faults.next(ThrottleInside(3000))
    reply = await three(soap)
    assert (reply.status, reply.codes) == (200, ["ErrorInternalServerError"] * 3)
    assert reply.values()["InnerErrorResponseCode"] == "ErrorServerBusy"
    assert booked(simulator) == []


async def test_one_item_is_refused_with_any_code(simulator: Simulator, soap: SoapClient) -> None:
    simulator.faults.next(ItemCode(0, "ErrorQuotaExceeded"))
    assert (await three(soap)).codes == ["ErrorQuotaExceeded", "NoError", "NoError"]
    assert booked(simulator) == ["acme/B-1", "acme/B-2"]


async def test_a_code_may_be_a_lie(simulator: Simulator, soap: SoapClient) -> None:
    simulator.faults.next(CodeAlthoughApplied("ErrorTimeoutExpired"))
    assert (await three(soap)).fault == "ErrorTimeoutExpired"
    assert len(booked(simulator)) == 3


async def test_the_code_of_one_item_may_be_a_lie(simulator: Simulator, soap: SoapClient) -> None:
    simulator.faults.next(CodeAlthoughApplied("ErrorInternalServerError", index=1))
    assert (await three(soap)).codes == ["NoError", "ErrorInternalServerError", "NoError"]
    assert len(booked(simulator)) == 3


@pytest.mark.parametrize(
    ("fault", "codes", "bookings"),
    [
        (StopBatch(1), ["NoError", "NoError", "ErrorBatchProcessingStopped"], ["acme/B-0", "acme/B-1"]),
        (
            StopBatch(1, "ErrorMailboxStoreUnavailable"),
            ["NoError", "ErrorMailboxStoreUnavailable", "ErrorBatchProcessingStopped"],
            ["acme/B-0"],
        ),
    ],
)
async def test_a_stopped_batch_warns_for_the_items_that_never_ran(
    fault: Fault, codes: list[str], bookings: list[str], simulator: Simulator, soap: SoapClient
) -> None:
    simulator.faults.next(fault)
    reply = await three(soap)
    assert reply.codes == codes
    assert [message.get("ResponseClass") for message in reply.all("m:CreateItemResponseMessage")][-1] == "Warning"
    assert booked(simulator) == bookings


@pytest.mark.parametrize(
    ("fault", "status", "headers", "applied"),
    [
        pytest.param(HttpStatus(503), 503, {}, 0, id="503"),
        pytest.param(HttpStatus(503, retry_after=7), 503, {"Retry-After": "7"}, 0, id="503 with seconds"),
        pytest.param(
            HttpStatus(429, retry_after="Sat, 21 Nov 2026 09:00:00 GMT"),
            429,
            {"Retry-After": "Sat, 21 Nov 2026 09:00:00 GMT"},
            0,
            id="429 with a date",
        ),
        pytest.param(HttpStatus(502, headers={"X-Proxy": "p"}), 502, {"X-Proxy": "p"}, 0, id="502"),
        pytest.param(ErrorAlthoughApplied(), 500, {}, 3, id="500 although applied"),
        pytest.param(
            Unauthorized(), 401, {"WWW-Authenticate": 'Basic realm="simulator"'}, 0, id="credentials rejected"
        ),
        pytest.param(
            BlockedByPolicy(), 403, {"X-EWS-Policy-Reason": "EWS is disabled for this user or tenant"}, 0, id="blocked"
        ),
        pytest.param(HtmlPage(), 200, {}, 0, id="maintenance page"),
    ],
)
async def test_trouble_outside_ews_comes_as_a_web_page(
    fault: Fault, status: int, headers: dict[str, str], applied: int, simulator: Simulator, soap: SoapClient
) -> None:
    simulator.faults.next(fault)
    reply = await three(soap)
    assert reply.status == status
    assert headers.items() <= reply.headers.items()
    assert reply.headers["Content-Type"].startswith("text/html")
    assert reply.body.startswith(b"<!DOCTYPE html>")
    assert len(booked(simulator)) == applied


async def test_a_date_in_retry_after_names_a_time_of_full_seconds(simulator: Simulator, soap: SoapClient) -> None:
    simulator.faults.next(HttpStatus(503, retry_after=60, as_date=True))
    reply = await soap.create(an_item())
    named_at = parsedate_to_datetime(reply.headers["Retry-After"])
    assert 58 < (named_at - datetime.now(UTC)).total_seconds() <= 61
    await soap.create(an_item())
    assert simulator.counts.early == 1


async def test_seconds_in_retry_after_name_a_time(simulator: Simulator, soap: SoapClient) -> None:
    simulator.faults.next(HttpStatus(503, retry_after=60))
    await three(soap)
    await three(soap)
    assert simulator.counts.early == 1


@pytest.mark.parametrize(("fault", "applied"), [(ResetBefore(), 0), (LoseReply(), 3)])
async def test_a_connection_is_reset_before_or_after_the_write(
    fault: Fault, applied: int, simulator: Simulator, soap: SoapClient
) -> None:
    simulator.faults.next(fault)
    with pytest.raises(aiohttp.ClientError):
        await three(soap)
    assert len(booked(simulator)) == applied
    assert [said.status for said in simulator.requests] == [0]
    assert len((await three(soap)).ids) == 3


async def test_a_late_reply_writes_at_the_end_of_its_delay(simulator: Simulator, soap: SoapClient) -> None:
    simulator.faults.next(LateReply(0.2))
    asked_at = monotonic()
    pending = asyncio.create_task(three(soap))
    await until(lambda: simulator.counts.faults)
    assert booked(simulator) == []
    assert (await pending).codes == ["NoError"] * 3
    assert monotonic() - asked_at >= 0.2


async def test_a_late_write_lands_after_the_client_was_cut_off(simulator: Simulator, soap: SoapClient) -> None:
    simulator.faults.next(LateApply(0.2))
    with pytest.raises(aiohttp.ClientError):
        await three(soap)
    assert booked(simulator) == []
    await simulator.settled()
    assert len(booked(simulator)) == 3


async def test_an_answer_may_end_in_the_middle_although_applied(simulator: Simulator, soap: SoapClient) -> None:
    simulator.faults.next(TruncatedXml())
    reply = await three(soap)
    assert reply.status == 200
    with pytest.raises(etree.XMLSyntaxError):
        etree.fromstring(reply.body)
    assert len(booked(simulator)) == 3


async def test_a_script_meets_only_the_room_and_the_operation_that_it_names(
    simulator: Simulator, soap: SoapClient
) -> None:
    simulator.faults.next(
        RequestCode("ErrorMailboxFailover"), room="Board@acme.example", operation="CreateItem", times=2
    )
    assert (await soap.create(an_item(), room="other@acme.example")).status == 200
    assert (await soap.post(find_item())).status == 200
    assert simulator.faults.pending == 2
    assert [(await soap.post(create_item(an_item()))).status for _ in range(3)] == [500, 500, 200]
    assert simulator.counts.faults == {"RequestCode": 2}


async def test_scripts_are_played_in_their_order_and_can_be_cleared(simulator: Simulator, soap: SoapClient) -> None:
    for code in ("ErrorMailboxFailover", "ErrorADUnavailable", "ErrorTimeoutExpired"):
        simulator.faults.next(RequestCode(code))
    assert [(await soap.post(find_item())).fault for _ in range(2)] == ["ErrorMailboxFailover", "ErrorADUnavailable"]
    simulator.faults.clear()
    assert (await soap.post(find_item())).status == 200


async def test_random_trouble_is_the_same_for_the_same_seed(simulator: Simulator, soap: SoapClient) -> None:
    async def statuses() -> list[int]:
        simulator.faults.rate(0.5, seed=7, kinds=[RequestCode("ErrorMailboxFailover")])
        return [(await soap.post(find_item())).status for _ in range(20)]

    first = await statuses()
    assert await statuses() == first
    assert 0 < first.count(500) < 20
    simulator.faults.clear()
    assert (await soap.post(find_item())).status == 200
