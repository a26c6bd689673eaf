"""Bodies without end, inflated or not: read to a bound, in both ways of sending, and nobody reads on afterwards."""

import asyncio
import gzip
import threading
import time
import zlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from adapters.errors import CalendarError, Misconfigured, Transient, Unknown
from adapters.ews.calendar import EwsCalendar
from adapters.ews.settings import BasicAuth, EwsSettings, NtlmAuth
from adapters.exchange import response_body as bodies
from adapters.exchange.http import READ_LIMIT_BYTES, ReplyLost
from adapters.exchange.response_body import Body
from adapters.simulator import Simulator
from tests.contract.calendar_harness import BOARD, a_create
from tests.unit.ews.on_simulator import ACCOUNT, PASSWORD, settings_for
from tests.unit.ews.raw_server import an_answer, raw_server, read_request
from tests.waiting import until

LIMIT_S = 20
BOMB = gzip.compress(b" " * (64 * 2**20))


@pytest.fixture(params=[BasicAuth, NtlmAuth], ids=["basic", "ntlm"])
def settings(request: pytest.FixtureRequest, simulator: Simulator) -> EwsSettings:
    """Each way of sending."""
    auth = request.param(username=ACCOUNT, password=PASSWORD)
    return replace(settings_for(simulator), ca_file=None, auth=auth, request_timeout_s=LIMIT_S)


async def _endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
        await writer.drain()


async def _inflating(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(an_answer("200 OK", "Content-Type: text/xml", "Content-Encoding: gzip", body=BOMB))
    await writer.drain()


async def _page_without_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM\r\nWWW-Authenticate: Basic\r\n\r\n")
    while True:
        writer.write(b"x" * 0x10000)
        await writer.drain()


@pytest.mark.parametrize("script", [_endless, _inflating, _page_without_end])
async def test_an_answer_without_end_is_given_up_and_makes_the_tenant_doubtful(
    settings: EwsSettings, script: object
) -> None:
    async with raw_server(script) as url:  # type: ignore[arg-type]  # a script
        calendar = EwsCalendar(replace(settings, service_url=url))
        begun_s = time.monotonic()
        (written,) = await calendar.apply(BOARD, [a_create()])
        with pytest.raises(CalendarError) as read:
            await calendar.scan(BOARD)
        await calendar.close()
    assert isinstance(written, Unknown)
    assert isinstance(read.value, Transient)
    assert read.value.code == "answer_too_large"
    assert [error.doubt and error.doubt.code for error in (written, read.value)] == ["endpoint_wrong"] * 2
    assert time.monotonic() - begun_s < LIMIT_S


@pytest.fixture
async def longest_wait_s() -> AsyncIterator[list[float]]:
    """How long the event loop did nothing else, at the most."""
    longest, is_over = [0.0], asyncio.Event()

    async def watch() -> None:
        while not is_over.is_set():
            begun_s = time.monotonic()
            await asyncio.sleep(0)
            longest[0] = max(longest[0], time.monotonic() - begun_s)

    watching = asyncio.create_task(watch())
    yield longest
    is_over.set()
    await watching


async def test_inflating_gives_way_to_others(simulator: Simulator, longest_wait_s: list[float]) -> None:
    async with raw_server(_inflating) as url:
        calendar = EwsCalendar(replace(settings_for(simulator), ca_file=None, service_url=url))
        with pytest.raises(CalendarError):
            await calendar.scan(BOARD)
        await calendar.close()
    assert longest_wait_s[0] < 0.5


async def _continue_for_ever(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    while True:
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)


async def test_no_thread_reads_on_after_its_time_out(simulator: Simulator) -> None:
    auth = NtlmAuth(username=ACCOUNT, password=PASSWORD)
    settings = replace(settings_for(simulator), ca_file=None, auth=auth, request_timeout_s=0.4)
    async with raw_server(_continue_for_ever) as url:
        calendar = EwsCalendar(replace(settings, service_url=url))
        assert isinstance((await calendar.apply(BOARD, [a_create()]))[0], Unknown)
        await calendar.close()
        await until(lambda: not any(thread.name == "ews" for thread in threading.enumerate()))


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        pytest.param("", b"x" * 300_000, id="plain"),
        pytest.param("gzip", gzip.compress(b"x" * 300_000), id="gzip"),
        pytest.param("gzip", gzip.compress(b"x" * 100_000) * 3, id="gzip of three members"),
        pytest.param("gzip", gzip.compress(b"x" * 300_000) + b"\0" * 99, id="gzip with an end of zeros"),
        pytest.param("deflate", zlib.compress(b"x" * 300_000), id="deflate"),
        pytest.param("Deflate", zlib.compress(b"x" * 300_000)[2:-4], id="deflate without its head"),
    ],
)
def test_a_body_is_inflated_whatever_pieces_it_comes_in(encoding: str, packed: bytes) -> None:
    for size in (1, 7, 100_000):
        body = Body(encoding, READ_LIMIT_BYTES)
        for start in range(0, len(packed), max(size, len(packed) // 500)):
            more = body.feed(packed[start : start + max(size, len(packed) // 500)])
            while more:
                more = body.feed(b"")
        assert body.whole() == b"x" * 300_000


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        pytest.param("gzip", gzip.compress(b"x" * 300)[:-9], id="cut off"),
        pytest.param("gzip", b"<html>", id="not packed at all"),
        pytest.param("gzip", gzip.compress(b"x") + gzip.compress(b"x" * 300)[:-9], id="its second member cut off"),
        pytest.param("gzip", gzip.compress(b"") * 2000, id="members without end"),
        pytest.param("deflate", b"\xff\xff\xff", id="neither form"),
        pytest.param("deflate", b"x", id="a byte"),
        pytest.param("br", b"", id="what was not asked for"),
        pytest.param("gzip, gzip", b"", id="twice"),
    ],
)
def test_a_body_that_cannot_be_inflated_is_a_lost_reply(encoding: str, packed: bytes) -> None:
    with pytest.raises(ReplyLost):
        _fed(encoding, packed)


def _fed(encoding: str, packed: bytes) -> bytes:
    body = Body(encoding, READ_LIMIT_BYTES)
    more = body.feed(packed)
    while more:
        more = body.feed(b"")
    return body.whole()


def test_inflating_goes_in_small_steps() -> None:
    body = Body("gzip", READ_LIMIT_BYTES)
    assert body.feed(BOMB)
    assert len(body._whole) <= bodies._STEP_BYTES


async def _repeated_header(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    packed = gzip.compress(b"<html>")
    writer.write(an_answer("404 Not Found", "Content-Encoding: gzip", "Content-Encoding: gzip", body=packed))
    await writer.drain()


async def test_a_repeated_header_counts_once_in_both_ways_of_sending(settings: EwsSettings) -> None:
    async with raw_server(_repeated_header) as url:
        calendar = EwsCalendar(replace(settings, service_url=url))
        with pytest.raises(Misconfigured):
            await calendar.scan(BOARD)
        await calendar.close()
