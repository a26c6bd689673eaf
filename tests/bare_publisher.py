"""Publishes a message without any property, which aio-pika cannot: it gives every message an id of its own making."""

import asyncio
import contextlib
from urllib.parse import urlsplit

from pamqp import base, body, commands, frame, header
from pamqp.exceptions import UnmarshalingException

_READ_BYTES = 65536


async def publish_bare(url: str, exchange: str, routing_key: str, content: bytes) -> None:
    """Publish over a connection made for it alone; returns once the broker has closed that in order."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    login = f"\0{parts.username}\0{parts.password}"

    def send(channel: int, *frames: base.Frame | header.ContentHeader | body.ContentBody) -> None:
        for each in frames:
            writer.write(frame.marshal(each, channel))

    writer.write(b"AMQP\x00\x00\x09\x01")
    await _read_until(reader, commands.Connection.Start)
    send(0, commands.Connection.StartOk(client_properties={}, mechanism="PLAIN", response=login, locale="en_US"))
    await _read_until(reader, commands.Connection.Tune)
    send(0, commands.Connection.TuneOk(channel_max=1, frame_max=131072, heartbeat=0), commands.Connection.Open("/"))
    await _read_until(reader, commands.Connection.OpenOk)
    send(1, commands.Channel.Open())
    await _read_until(reader, commands.Channel.OpenOk)
    send(
        1,
        commands.Basic.Publish(exchange=exchange, routing_key=routing_key),
        header.ContentHeader(body_size=len(content), properties=commands.Basic.Properties()),
        body.ContentBody(content),
    )
    # The broker answers in order: when the channel is closed, the message has been routed.
    send(1, commands.Channel.Close(200, "", 0, 0))
    await _read_until(reader, commands.Channel.CloseOk)
    writer.close()
    await writer.wait_closed()


async def _read_until(reader: asyncio.StreamReader, wanted: type[base.Frame]) -> None:
    unread = b""
    async with asyncio.timeout(10):
        while chunk := await reader.read(_READ_BYTES):
            unread += chunk
            with contextlib.suppress(UnmarshalingException):  # half a frame
                size, _, got = frame.unmarshal(unread)
                unread = unread[size:]
                if isinstance(got, wanted):
                    return
    raise ConnectionError(f"the broker hung up before {wanted.name}")
