"""Requests over aiohttp: what goes out, how long connections are kept, deadlines, the end."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from adapters.errors import Misconfigured, Transient
from adapters.exchange.aiohttp_transport import AiohttpTransport, HttpSettings
from adapters.exchange.authorizer import Authorizer, BasicAuthorizer
from adapters.exchange.http import IDLE_LIMIT_S, ReplyLost
from adapters.simulator import Simulator
from tests.contract.calendar_harness import BOARD
from tests.unit.ews.on_simulator import running_simulator
from tests.unit.ews.raw_server import an_answer, raw_server, read_request


def a_transport(
    url: str,
    authorizer: Authorizer | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    ca_file: Path | None = None,
    concurrency: int = 4,
    idle_limit_s: float = IDLE_LIMIT_S,
) -> AiohttpTransport:
    settings = HttpSettings(url=url, ca_file=ca_file, concurrency=concurrency, headers=headers or {})
    return AiohttpTransport(settings, authorizer or BasicAuthorizer("svc", "hunter2"), idle_limit_s=idle_limit_s)


def soon() -> float:
    return time.monotonic() + 60


class Tokens:
    """An authorizer whose tokens last for one request each."""

    def __init__(self) -> None:
        self.count = 0

    async def authorization(self, *, deadline: float, refused: str | None = None) -> str:
        self.count += 1
        return f"Bearer {self.count}"


class NoToken:
    """An authorizer that has no token to give."""

    async def authorization(self, *, deadline: float, refused: str | None = None) -> str:
        raise Misconfigured("credentials_rejected")


async def test_a_request_goes_out_with_its_fixed_headers_in_their_order_and_nothing_else() -> None:
    (request,) = await requests_of(
        1, headers={"User-Agent": "x", "Accept-Encoding": "gzip", "Content-Type": "text/xml"}
    )
    assert request.partition(b"\r\n\r\n")[0].split(b"\r\n")[2:] == [
        b"User-Agent: x",
        b"Accept-Encoding: gzip",
        b"Content-Type: text/xml",
        b"Authorization: Basic c3ZjOmh1bnRlcjI=",
        b"X-AnchorMailbox: board@acme.example",
        b"Accept: */*",
        b"Content-Length: 4",
    ]


async def test_the_authorizer_is_asked_for_each_request() -> None:
    requests = await requests_of(2, Tokens())
    assert [b"Authorization: Bearer 1\r\n" in requests[0], b"Authorization: Bearer 2\r\n" in requests[1]] == [
        True,
        True,
    ]


async def requests_of(
    count: int, authorizer: Authorizer | None = None, *, headers: Mapping[str, str] | None = None
) -> list[bytes]:
    requests: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            requests.append(await read_request(reader))
            writer.write(an_answer("503 Service Unavailable"))

    async with raw_server(answer) as url:
        http = a_transport(url, authorizer, headers=headers)
        for _ in range(count):
            await http.post(b"<a/>", anchor=BOARD, deadline=soon())
        await http.close()
    return requests


async def test_nothing_is_sent_without_an_authorization() -> None:
    async def never(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        pytest.fail("a connection was made")

    async with raw_server(never) as url:
        http = a_transport(url, NoToken())
        with pytest.raises(Misconfigured):
            await http.post(b"<a/>", anchor=BOARD, deadline=soon())
        await http.close()


async def test_nothing_is_sent_when_the_authorization_took_all_the_time() -> None:
    class Slow(Tokens):
        async def authorization(self, *, deadline: float, refused: str | None = None) -> str:
            while time.monotonic() < deadline:
                pass
            return await super().authorization(deadline=deadline, refused=refused)

    http = a_transport("https://127.0.0.1:1/", Slow())
    with pytest.raises(Transient, match="no time left"):
        await http.post(b"<a/>", anchor=BOARD, deadline=time.monotonic() + 0.01)
    await http.close()


async def test_the_tenants_own_authority_is_trusted_in_place_of_the_public_ones() -> None:
    async with running_simulator() as simulator:
        assert await status_of(simulator, simulator.ca_file) == 401
        with pytest.raises(Misconfigured) as untrusted:
            await status_of(simulator, None)
        assert untrusted.value.code == "untrusted_certificate"


async def status_of(simulator: Simulator, ca_file: Path | None) -> int:
    http = a_transport(simulator.url, ca_file=ca_file)
    try:
        return (await http.post(b"<a/>", anchor=BOARD, deadline=soon())).status
    finally:
        await http.close()


async def test_headers_of_an_answer_take_names_in_any_case_and_equal_ones_are_joined() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(an_answer("401 Unauthorized", "WWW-Authenticate: Basic", "WWW-Authenticate: NTLM"))

    async with raw_server(answer) as url:
        http = a_transport(url)
        headers = (await http.post(b"<a/>", anchor=BOARD, deadline=soon())).headers
        await http.close()
    assert headers["www-authenticate"] == headers["WWW-AUTHENTICATE"] == "Basic, NTLM"


async def test_each_request_has_its_own_deadline() -> None:
    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(an_answer("503 Service Unavailable"))
        await reader.read()

    async with raw_server(answer_once) as url:
        http = a_transport(url)
        assert (await http.post(b"<a/>", anchor=BOARD, deadline=soon())).status == 503
        async with asyncio.timeout(5):
            with pytest.raises(ReplyLost):
                await http.post(b"<a/>", anchor=BOARD, deadline=time.monotonic() + 0.2)
        await http.close()


async def connections_of_two_requests(*, idle_limit_s: float) -> int:
    count = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        while await read_request(reader):
            writer.write(an_answer("503 Service Unavailable"))

    async with raw_server(answer) as url:
        http = a_transport(url, idle_limit_s=idle_limit_s)
        for _ in range(2):
            await http.post(b"<a/>", anchor=BOARD, deadline=soon())
        await http.close()
    return count


async def test_a_connection_that_was_idle_for_long_is_replaced() -> None:
    assert await connections_of_two_requests(idle_limit_s=60) == 1
    assert await connections_of_two_requests(idle_limit_s=0) == 2


async def test_a_request_outlives_the_end_of_what_posts_it() -> None:
    arrived, may_answer, closed = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        arrived.set()
        await may_answer.wait()
        writer.write(an_answer("503 Service Unavailable"))
        if not await reader.read():
            closed.set()

    async with asyncio.timeout(10), raw_server(answer) as url:
        http = a_transport(url)
        posting = asyncio.create_task(http.post(b"<a/>", anchor=BOARD, deadline=soon()))
        await arrived.wait()
        await http.close()
        may_answer.set()
        assert (await posting).status == 503
        await closed.wait()
        # Who holds it still may use it, and leaves nothing open.
        closed.clear()
        assert (await http.post(b"<a/>", anchor=BOARD, deadline=soon())).status == 503
        await closed.wait()


async def test_a_body_of_any_length_goes_out_in_one_piece() -> None:
    requests: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            requests.append(await read_request(reader))
            writer.write(an_answer("503 Service Unavailable"))

    async with raw_server(answer) as url:
        http = a_transport(url)
        for length in (1, 3_000_000):
            await http.post(b"x" * length, anchor=BOARD, deadline=soon())
            head, _, body = requests[-1].partition(b"\r\n\r\n")
            assert len(body) == length
            assert b"transfer-encoding" not in head.lower()
        await http.close()
