"""Whoever reaches the worker's port cannot hold it up: not by asking slowly, not by reading slowly, not by number."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from prometheus_client import Gauge

from consumers.broker.parsing import Reader
from tests.builders import Tenants, a_tenant
from tests.unit.worker.operating import Insides
from worker.http import CONNECTIONS_MAX, LARGE_AT_ONCE, Server, serve
from worker.settings import HttpSettings
from worker.snapshot import LANES_SHOWN

HALF = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "


@pytest.fixture
def insides() -> Insides:
    insides = Insides()
    insides.consuming()
    return insides


@asynccontextmanager
async def serving(insides: Insides, *, lasts_s: float = 10) -> AsyncIterator[Server]:
    settings = HttpSettings(bind="127.0.0.1:0")
    server = await serve(settings, insides.view, insides.metrics.registry, lasts_s=lasts_s)
    try:
        yield server
    finally:
        await server.close()


@asynccontextmanager
async def connected(server: Server) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    host, port = server.address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def got(server: Server, path: str) -> tuple[int, bytes]:
    async with asyncio.timeout(1), connected(server) as (reader, writer):
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        head, _, body = (await reader.read(-1)).partition(b"\r\n\r\n")
        return int(head.split()[1]), body


async def is_ended(reader: asyncio.StreamReader) -> bool:
    try:
        await reader.read(-1)
    except ConnectionError:
        return True
    return reader.at_eof()


async def test_a_request_that_is_never_finished_is_given_up(insides: Insides) -> None:
    async with serving(insides, lasts_s=0.2) as server, connected(server) as (reader, writer):
        writer.write(HALF)
        async with asyncio.timeout(5):
            assert await is_ended(reader)


async def test_a_connection_that_says_nothing_is_given_up(insides: Insides) -> None:
    async with serving(insides, lasts_s=0.2) as server, connected(server) as (reader, _), asyncio.timeout(5):
        assert await is_ended(reader)


async def test_beside_half_sent_requests_health_is_told_within_a_second(insides: Insides) -> None:
    async with serving(insides) as server, AsyncExitStack() as half_sent:
        opened = [await half_sent.enter_async_context(connected(server)) for _ in range(CONNECTIONS_MAX + 50)]
        for _, writer in opened:
            writer.write(HALF)
        assert await got(server, "/healthz") == (200, b'{"alive": true}')
        async with asyncio.timeout(5):
            assert await is_ended(opened[0][0])


async def test_large_pages_that_nobody_reads_are_few_and_given_up(insides: Insides) -> None:
    large = Gauge("large", "More than the system's buffers hold.", ["what"], registry=insides.metrics.registry)
    for number in range(1000):
        large.labels(f"{number}" + "x" * 20_000).set(1)
    async with serving(insides, lasts_s=3) as server, AsyncExitStack() as slow:
        readers = []
        for _ in range(LARGE_AT_ONCE):
            reader, writer = await slow.enter_async_context(connected(server))
            writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            await reader.readexactly(12)
            readers.append(reader)
        assert ((await got(server, "/status"))[0], (await got(server, "/healthz"))[0]) == (503, 200)
        async with asyncio.timeout(20):
            assert await is_ended(readers[0])
        assert (await got(server, "/status"))[0] == 200


async def test_a_connection_serves_one_request(insides: Insides) -> None:
    async with serving(insides) as server, connected(server) as (reader, writer):
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n" * 2)
        async with asyncio.timeout(5):
            assert (await reader.read(-1)).count(b"HTTP/1.1 200") == 1


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        pytest.param(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", 404, id="another page"),
        pytest.param(b"POST /status HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n", 405, id="a body"),
        pytest.param(b"GET /healthz HTTP/1.1\r\nX: " + b"a" * 9000 + b"\r\n\r\n", 400, id="a long header"),
        pytest.param(b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", 400, id="a long path"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, id="TLS"),
    ],
)
async def test_what_is_no_request_of_ours_is_refused(request_head: bytes, status: int, insides: Insides) -> None:
    async with serving(insides) as server:
        async with asyncio.timeout(5), connected(server) as (reader, writer):
            writer.write(request_head)
            assert f" {status} ".encode() in await reader.read(200)
        assert (await got(server, "/healthz"))[0] == 200


async def test_status_shows_the_busiest_rooms_and_counts_the_others(insides: Insides) -> None:
    insides.reader = Reader(Tenants(a_tenant()), insides.intake.clocks)
    for number in range(3 * LANES_SHOWN):
        for _ in range(2 if number == 250 else 1):
            insides.intake.lanes.put(*insides.arrived(room=f"room-{number}@acme.example"))
    async with serving(insides) as server:
        told = json.loads((await got(server, "/status"))[1])
        one = json.loads((await got(server, "/status?room=room-7@acme.example"))[1])
    await insides.intake.lanes.stop(0)
    assert (len(told["lanes"]), told["lanes_left_out"]) == (LANES_SHOWN, 2 * LANES_SHOWN)
    assert told["waiting"] + told["in_work"] == 301
    assert "room-250@acme.example" in {lane["room"] for lane in told["lanes"]}
    assert [lane["room"] for lane in one["lanes"]] == ["room-7@acme.example"]
