"""What posts NTLM requests: how long its connections are kept, and that each request has a deadline of its own."""

import asyncio
import time

import pytest

from adapters.ews.ntlm_transport import Lines, SessionHttp
from adapters.ews.settings import NtlmAuth
from adapters.exchange.http import Answer, ReplyLost
from adapters.simulator import Simulator
from tests.contract.calendar_harness import BOARD
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


async def test_each_request_has_its_own_deadline(simulator: Simulator) -> None:
    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(an_answer("503 Service Unavailable"))
        await reader.read()

    async with raw_server(answer_once) as url:
        auth = NtlmAuth(username=ACCOUNT, password=PASSWORD)
        http = SessionHttp(settings_for(simulator, ca_file=None, service_url=url, auth=auth))
        answer = await http.post(b"<a/>", anchor=BOARD, deadline=time.monotonic() + 60)
        assert answer.status == 503
        async with asyncio.timeout(5):
            with pytest.raises(ReplyLost):
                await http.post(b"<a/>", anchor=BOARD, deadline=time.monotonic() + 0.2)
        await http.close()
