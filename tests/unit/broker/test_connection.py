"""What is written to the broker in one turn of the event loop leaves in one piece; what comes is read in small ones."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiormq.exceptions import AMQPConnectionError
from yarl import URL

from adapters.simulator.certificates import ca_file, server_context
from consumers.broker.connection import PIECE_BYTES, UNREAD_BYTES, FramesTogether, Sockets


class Remembering(asyncio.Transport):
    """A transport that only remembers what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.is_closed
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True


def a_writer(transport: Remembering) -> FramesTogether:
    reader = asyncio.StreamReader()
    return FramesTogether(transport, asyncio.StreamReaderProtocol(reader), reader)


async def the_turn(_: FramesTogether) -> None:
    await asyncio.sleep(0)


@pytest.mark.parametrize("end_of", [the_turn, FramesTogether.drain])
async def test_what_is_written_in_one_turn_leaves_in_one_piece_once(
    end_of: Callable[[FramesTogether], Awaitable[None]],
) -> None:
    transport = Remembering()
    writer = a_writer(transport)
    for frame in (b"a", bytearray(b"b"), memoryview(b"c")):
        writer.write(frame)
    assert transport.written == []
    await end_of(writer)
    assert transport.written == [b"abc"]
    writer.write(b"d")
    await asyncio.sleep(0)
    assert transport.written == [b"abc", b"d"]
    writer.close()


async def test_who_drains_waits_for_no_turn() -> None:
    transport = Remembering()
    writer = a_writer(transport)
    writer.write(b"a")
    with pytest.raises(StopIteration):
        writer.drain().send(None)
    assert transport.written == [b"a"]
    writer.close()


async def test_what_was_written_before_the_end_leaves_before_it() -> None:
    transport = Remembering()
    writer = a_writer(transport)
    writer.write(b"a")
    writer.close()
    assert (transport.written, transport.is_closed) == ([b"a"], True)
    await asyncio.sleep(0)
    assert transport.written == [b"a"]


class WithTls:
    """As what aiormq hands to a transport factory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def get_context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(ca_file(self._folder)))


@pytest.mark.parametrize("scheme", ["amqp", "amqps"])
async def test_a_flood_comes_whole_and_little_of_it_at_a_time(scheme: str, tmp_path: Path) -> None:
    flood = bytes(range(256)) * 4_000

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(4))
        # TLS makes a record of each, and no number of them fills a piece.
        for start in range(0, len(flood), 5_000):
            writer.write(flood[start : start + 5_000])
            await writer.drain()
        writer.close()

    tls = server_context(tmp_path)
    server = await asyncio.start_server(pour, "127.0.0.1", 0, ssl=tls if scheme == "amqps" else None)
    url = URL(f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    reader, writer = await Sockets().create(url, ssl_context_provider=WithTls(tmp_path))
    # Linux doubles what is asked for, for its own bookkeeping.
    assert writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) <= 2 * UNREAD_BYTES
    writer.write(b"AM")
    writer.write(b"QP")
    pieces = []
    while piece := await reader.read(len(flood)):
        pieces.append(piece)
    assert b"".join(pieces) == b"AMQP" + flood
    # A second one may come between the reader's being woken and its turn.
    assert max(map(len, pieces)) <= 2 * PIECE_BYTES
    writer.close()
    await writer.wait_closed()
    server.close()
    await server.wait_closed()


async def test_a_broker_that_is_not_there_is_an_error_of_the_client_s() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(AMQPConnectionError):
            await Sockets().create(URL(f"amqp://127.0.0.1:{port}"), ssl_context_provider=None)
