"""The socket to the broker: what is written together leaves together, and little of a flood lies in it unread."""

import asyncio
import socket
from typing import Any

import aio_pika
from aiormq.connection import TransportFactory
from aiormq.exceptions import AMQPConnectionError
from yarl import URL

UNREAD_BYTES = 64 * 1024
"""What the system may hold unread. Left to itself it holds megabytes, and what comes behind a flood waits for all."""


class BrokerConnection(aio_pika.Connection):
    """aio-pika's plain connection over such a socket."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # as in aio-pika
        super().__init__(*args, **kwargs)
        self.kwargs["transport_factory"] = Sockets()


class FramesTogether(asyncio.StreamWriter):
    """Gives the system in one call what is written in one turn of the event loop.

    aiormq writes each acknowledgement and each publication by itself. After each system call the thread has to wait
    for Python's lock, which is worth several frames where other threads are busy: a quarter of the event loop's time.
    """

    def __init__(
        self, transport: asyncio.WriteTransport, protocol: asyncio.StreamReaderProtocol, reader: asyncio.StreamReader
    ) -> None:
        self._turns = asyncio.get_running_loop()
        self._frames: list[bytes | bytearray | memoryview] = []
        super().__init__(transport, protocol, reader, self._turns)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """As in asyncio, at the end of this turn at the latest."""
        if not self._frames:
            self._turns.call_soon(self._hand_over)
        self._frames.append(data)

    def _hand_over(self) -> None:
        frames, self._frames = self._frames, []
        if frames:
            super().write(b"".join(frames))

    async def drain(self) -> None:
        """As in asyncio."""
        self._hand_over()
        await super().drain()

    def write_eof(self) -> None:
        """As in asyncio."""
        self._hand_over()
        super().write_eof()

    def close(self) -> None:
        """As in asyncio."""
        self._hand_over()
        super().close()


class Sockets(TransportFactory):
    """Opens them for aiormq."""

    async def create(self, url: URL, **kwargs: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:  # noqa: ANN401  # as in aiormq
        """Connect, with TLS for `amqps`. Raises `AMQPConnectionError`."""
        provider = kwargs.pop("ssl_context_provider")
        tls = await provider.get_context() if url.scheme == "amqps" else None
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        loop = asyncio.get_running_loop()
        host, port = url.host or "", url.port or 0
        try:
            transport, _ = await loop.create_connection(lambda: protocol, host, port, ssl=tls, **kwargs)
        except OSError as trouble:
            raise AMQPConnectionError(*trouble.args) from trouble
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, UNREAD_BYTES)
        return reader, FramesTogether(transport, protocol, reader)
