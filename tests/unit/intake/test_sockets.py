"""What is written to the broker in one turn of the event loop leaves in one piece, in order, and none of it stays."""

import asyncio
import socket

import pytest
from aiormq.exceptions import AMQPConnectionError
from yarl import URL

from consumers.intake.sockets import UNREAD_BYTES, FramesTogether, Sockets


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


async def test_what_is_written_in_one_turn_leaves_in_one_piece() -> None:
    transport = Remembering()
    writer = a_writer(transport)
    for frame in (b"a", bytearray(b"b"), memoryview(b"c")):
        writer.write(frame)
    assert transport.written == []
    await asyncio.sleep(0)
    assert transport.written == [b"abc"]
    writer.write(b"d")
    await asyncio.sleep(0)
    assert transport.written == [b"abc", b"d"]
    writer.close()


async def test_who_drains_waits_for_no_turn_and_nothing_is_written_twice() -> None:
    transport = Remembering()
    writer = a_writer(transport)
    writer.write(b"a")
    await writer.drain()
    assert transport.written == [b"a"]
    writer.write(b"b")
    await asyncio.sleep(0)
    assert transport.written == [b"a", b"b"]
    writer.close()


async def test_what_was_written_before_the_end_leaves_before_it() -> None:
    transport = Remembering()
    writer = a_writer(transport)
    writer.write(b"a")
    writer.close()
    assert (transport.written, transport.is_closed) == ([b"a"], True)
    await asyncio.sleep(0)
    assert transport.written == [b"a"]


async def test_little_lies_unread_in_the_system() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readexactly(4))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await Sockets().create(URL(f"amqp://127.0.0.1:{port}"), ssl_context_provider=None)
    # Linux doubles what is asked for, for its own bookkeeping.
    assert writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) <= 2 * UNREAD_BYTES
    writer.write(b"AM")
    writer.write(b"QP")
    assert await reader.read() == b"AMQP"
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
