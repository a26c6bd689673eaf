"""A worker's line to the broker, which can be cut: the broker misses the worker, who goes on without it."""

import asyncio
from contextlib import suppress
from typing import Self

_READ_BYTES = 65536


class Cable:
    """Forwards a loopback port to another one. Cut once, it stays so.

    Args:
        port: of the broker.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self._ends: set[asyncio.StreamWriter] = set()
        self._is_cut = False
        self._server: asyncio.Server

    @property
    def port(self) -> int:
        """The port to connect to."""
        return int(self._server.sockets[0].getsockname()[1])

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.cut()
        self._server.close()

    def cut(self) -> None:
        """Break all connections, and new ones at once."""
        # It goes on listening: its port would be given to the next cable, and the worker behind this one came through.
        self._is_cut = True
        for end in self._ends:
            end.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        self._ends |= {writer, far_writer}
        await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(_READ_BYTES):
            writer.write(chunk)
            await writer.drain()
    writer.close()
