"""A client of AMQP without opinions: publishes any bytes as properties and headers, and shows them as they lie there.

aio-pika gives every message an id of its own making, and raises at what it cannot decode.
"""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pamqp import base, body, commands, frame, header
from pamqp.constants import FRAME_END_CHAR

FRAME_MAX_BYTES = 131072
_METHOD, _HEADER, _BODY = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Lying:
    """A message as it lies in a queue. `properties`: flags and values, as they stand in its header frame."""

    routing_key: bytes
    properties: bytes
    body: bytes


class BareClient:
    """One channel."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    @asynccontextmanager
    async def connected(cls, url: str) -> AsyncIterator["BareClient"]:
        """Closed in order at the end; what was got and not acknowledged is then back in its queue."""
        parts = urlsplit(url)
        client = cls(*await asyncio.open_connection(parts.hostname, parts.port))
        try:
            await client._greet(f"\0{parts.username}\0{parts.password}")
            yield client
            # The broker answers in order: when the channel is closed, what was published has been routed.
            client._send(1, commands.Channel.Close(200, "", 0, 0))
            await client._until(commands.Channel.CloseOk)
        finally:
            client._writer.close()
            await client._writer.wait_closed()

    async def publish(self, exchange: str, routing_key: bytes, content: bytes, properties: bytes = b"\0\0") -> None:
        """Publish; returns once a queue has it. `properties`: flags and values, as they stand in a header frame."""
        method = struct.pack(">HHH", 60, 40, 0) + _short(exchange.encode()) + _short(routing_key) + b"\1"
        self._frame(_METHOD, method)
        self._frame(_HEADER, struct.pack(">HHQ", 60, 0, len(content)) + properties)
        for start in range(0, len(content), FRAME_MAX_BYTES - 8):
            self._frame(_BODY, content[start : start + FRAME_MAX_BYTES - 8])
            await self._writer.drain()
        await self._until(commands.Basic.Ack)

    async def get(self, queue: str) -> Lying | None:
        """The next message, which stays in hand; None where there is none."""
        self._send(1, commands.Basic.Get(queue=queue))
        got = await self._until(commands.Basic.GetOk, commands.Basic.GetEmpty)
        if got.startswith(struct.pack(">HH", 60, 72)):
            return None
        exchange_at = 4 + 8 + 1
        key_at = exchange_at + 1 + got[exchange_at]
        _, head = await self._read()
        content = b""
        while len(content) < int.from_bytes(head[4:12], "big"):
            content += (await self._read())[1]
        return Lying(got[key_at + 1 : key_at + 1 + got[key_at]], head[12:], content)

    async def all_in(self, queue: str) -> list[Lying]:
        """Every message that lies there; all go back at the end of the connection."""
        lying = []
        while (message := await self.get(queue)) is not None:
            lying.append(message)
        return lying

    async def _greet(self, login: str) -> None:
        self._writer.write(b"AMQP\x00\x00\x09\x01")
        await self._until(commands.Connection.Start)
        self._send(
            0, commands.Connection.StartOk(client_properties={}, mechanism="PLAIN", response=login, locale="en_US")
        )
        await self._until(commands.Connection.Tune)
        tune = commands.Connection.TuneOk(channel_max=1, frame_max=FRAME_MAX_BYTES, heartbeat=0)
        self._send(0, tune, commands.Connection.Open("/"))
        await self._until(commands.Connection.OpenOk)
        self._send(1, commands.Channel.Open(), commands.Confirm.Select())
        await self._until(commands.Confirm.SelectOk)

    def _send(self, channel: int, *frames: base.Frame | header.ContentHeader | body.ContentBody) -> None:
        for each in frames:
            self._writer.write(frame.marshal(each, channel))

    def _frame(self, kind: int, payload: bytes) -> None:
        self._writer.write(struct.pack(">BHI", kind, 1, len(payload)) + payload + FRAME_END_CHAR)

    async def _read(self) -> tuple[int, bytes]:
        kind, _, size = struct.unpack(">BHI", await self._reader.readexactly(7))
        return kind, (await self._reader.readexactly(size + 1))[:-1]

    async def _until(self, *wanted: type[base.Frame]) -> bytes:
        """The payload of the next of these methods."""
        indexes: list[Any] = [each.index.to_bytes(4, "big") for each in wanted]
        async with asyncio.timeout(60):
            while True:
                kind, payload = await self._read()
                if kind == _METHOD and payload[:4] in indexes:
                    return payload
                assert payload[:4] not in (struct.pack(">HH", 10, 50), struct.pack(">HH", 20, 40)), payload


async def publish_bare(url: str, exchange: str, routing_key: str, content: bytes) -> None:
    """Publish a message without any property over a connection made for it alone."""
    async with BareClient.connected(url) as client:
        await client.publish(exchange, routing_key.encode(), content)


def _short(text: bytes) -> bytes:
    return bytes([len(text)]) + text
