"""What posts requests: how long its connections are kept, and that each request has a deadline of its own."""

import asyncio
import time
from dataclasses import replace

import pytest

from adapters.ews.aiohttp_transport import BasicHttp
from adapters.ews.ntlm_transport import Lines, SessionHttp
from adapters.ews.settings import BasicAuth, EwsSettings, NtlmAuth
from adapters.exchange.http import Answer, ReplyLost
from adapters.simulator import Simulator
from tests.contract.calendar_world import BOARD
from tests.unit.ews.on_simulator import ACCOUNT, PASSWORD, settings_for
from tests.unit.ews.raw_server import an_answer, raw_server, read_request


class IdleLine:
    """A line that only knows whether it was closed."""

    is_closed = False

    def post(self, body: bytes, *, anchor: str, deadline: float) -> Answer:
        raise AssertionError

    def close(self) -> None:
        self.is_closed = True


def test_a_line_that_was_idle_for_long_is_replaced() -> None:
    patient, hasty = Lines(IdleLine), Lines(IdleLine, idle_limit_s=0)
    for lines, is_kept in ((patient, True), (hasty, False)):
        line = lines.take()
        lines.give_back(line)
        assert (lines.take() is line) is is_kept
        assert isinstance(line, IdleLine)
        assert line.is_closed is not is_kept


def test_a_line_that_comes_back_after_the_end_is_closed() -> None:
    lines = Lines(IdleLine)
    line = lines.take()
    lines.close()
    lines.give_back(line)
    assert lines.take() is not line
    assert isinstance(line, IdleLine)
    assert line.is_closed


@pytest.mark.parametrize(
    ("http_of", "auth"),
    [
        (BasicHttp, BasicAuth(username=ACCOUNT, password=PASSWORD)),
        (SessionHttp, NtlmAuth(username=ACCOUNT, password=PASSWORD)),
    ],
)
async def test_each_request_has_its_own_deadline(
    simulator: Simulator, http_of: type[BasicHttp] | type[SessionHttp], auth: BasicAuth | NtlmAuth
) -> None:
    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(an_answer("503 Service Unavailable"))
        await reader.read()

    async with raw_server(answer_once) as url:
        http = http_of(replace(settings_for(simulator, ca_file=None), service_url=url, auth=auth))
        answer = await http.post(b"<a/>", anchor=BOARD, deadline=time.monotonic() + 60)
        assert answer.status == 503
        async with asyncio.timeout(5):
            with pytest.raises(ReplyLost):
                await http.post(b"<a/>", anchor=BOARD, deadline=time.monotonic() + 0.2)
        await http.close()


@pytest.fixture
def settings(simulator: Simulator) -> EwsSettings:
    """Basic, to a server that a test runs."""
    return settings_for(simulator, ca_file=None)


async def connections_of_two_requests(settings: EwsSettings, *, idle_limit_s: float) -> int:
    count = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        while await read_request(reader):
            writer.write(an_answer("503 Service Unavailable"))

    async with raw_server(answer) as url:
        http = BasicHttp(replace(settings, service_url=url), idle_limit_s=idle_limit_s)
        for _ in range(2):
            await http.post(b"<a/>", anchor=BOARD, deadline=time.monotonic() + 60)
        await http.close()
    return count


async def test_a_connection_that_was_idle_for_long_is_replaced(settings: EwsSettings) -> None:
    assert await connections_of_two_requests(settings, idle_limit_s=60) == 1
    assert await connections_of_two_requests(settings, idle_limit_s=0) == 2


async def test_a_request_outlives_the_end_of_what_posts_it(settings: EwsSettings) -> None:
    arrived, may_answer, closed = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        arrived.set()
        await may_answer.wait()
        writer.write(an_answer("503 Service Unavailable"))
        if not await reader.read():
            closed.set()

    async with asyncio.timeout(10), raw_server(answer) as url:
        http = BasicHttp(replace(settings, service_url=url))
        posting = asyncio.create_task(http.post(b"<a/>", anchor=BOARD, deadline=time.monotonic() + 60))
        await arrived.wait()
        await http.close()
        may_answer.set()
        assert (await posting).status == 503
        await closed.wait()
        # Who holds it still may use it, and leaves nothing open.
        closed.clear()
        assert (await http.post(b"<a/>", anchor=BOARD, deadline=time.monotonic() + 60)).status == 503
        await closed.wait()


async def test_a_body_of_any_length_goes_out_in_one_piece(settings: EwsSettings) -> None:
    requests: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            requests.append(await read_request(reader))
            writer.write(an_answer("503 Service Unavailable"))

    async with raw_server(answer) as url:
        http = BasicHttp(replace(settings, service_url=url))
        for length in (1, 3_000_000):
            await http.post(b"x" * length, anchor=BOARD, deadline=time.monotonic() + 60)
            head, _, body = requests[-1].partition(b"\r\n\r\n")
            assert len(body) == length
            assert b"transfer-encoding" not in head.lower()
        await http.close()
