"""What we lean on in aio-pika, aiormq and pamqp: a version that changes it or mends what we work around fails here."""

import asyncio
import inspect
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aio_pika
import aiormq
import pytest
from aio_pika.abc import UnderlayConnection
from aiormq.abc import DeliveredMessage
from aiormq.channel import Channel
from pamqp import commands as spec
from pamqp import frame
from pamqp.exceptions import UnmarshalingException
from pamqp.header import ContentHeader

from consumers.broker.address import BrokerAddress
from consumers.broker.field_table import HEADERS_MAX, Entry, Table
from consumers.broker.headers import copy_of
from consumers.broker.incoming_message import HandedOut, Received
from consumers.broker.message_copy import NotCopied
from consumers.broker.properties import Properties

MICROSECONDS = b"\x00\x40" + struct.pack(">Q", 1764500000000000)
LATIN_ID = b"\x00\x80\x03r\xe9f"
LATIN_NAME = b"\x20\x00" + struct.pack(">I", 5) + b"\x03r\xe9fV"
DEEP = b"\x20\x00" + struct.pack(">I", 6006) + b"".join(
    b"\1aF" + struct.pack(">I", 6006 - 7 * depth - 7) for depth in range(858)
)  # fmt: skip


@pytest.mark.parametrize(
    "properties",
    [
        pytest.param(MICROSECONDS, id="a time in microseconds"),
        pytest.param(LATIN_ID, id="an id in Latin-1"),
        pytest.param(LATIN_NAME, id="a header's name in Latin-1"),
        pytest.param(DEEP, id="tables in tables"),
    ],
)
def test_the_library_still_cannot_decode_it(properties: bytes) -> None:
    """Once it can, decide again whether `frames.py` is needed (docs/decisions/0021)."""
    with pytest.raises((UnmarshalingException, RecursionError)):
        frame.unmarshal(framed(2, struct.pack(">HHQ", 60, 0, 0) + properties))


def test_the_library_still_cannot_encode_what_it_decoded() -> None:
    with pytest.raises(TypeError):
        spec.Basic.Properties(headers={"site": b"B\xe2t"}).marshal()


def test_the_reader_is_still_handed_its_source_of_frames_by_name() -> None:
    reader = aiormq.Connection._Connection__reader  # type: ignore[attr-defined]
    assert list(inspect.signature(reader).parameters) == ["self", "frame_receiver"]
    assert "async for weight, channel, frame in frame_receiver:" in inspect.getsource(reader)
    assert "self.__reader(frame_receiver)" in inspect.getsource(aiormq.Connection.connect)


def test_a_connection_is_still_opened_through_the_exchange_of_frames_that_we_stand_in_for() -> None:
    exchanged = inspect.signature(aiormq.Connection._rpc)
    assert list(exchanged.parameters) == ["request", "writer", "frame_receiver", "wait_response"]
    assert "await frame_receiver.get_frame()" in inspect.getsource(aiormq.Connection._rpc)
    assert inspect.getsource(aiormq.Connection.connect).count("self._rpc(") == 3


def test_the_frames_that_are_not_yet_written_are_still_bounded_by_one_number_of_the_class() -> None:
    assert "maxsize=self.FRAME_BUFFER_SIZE" in inspect.getsource(aiormq.Connection.__init__)


def test_a_connection_of_aio_pika_is_still_made_in_the_three_steps_that_ours_repeats() -> None:
    connected = inspect.getsource(aio_pika.Connection.connect)
    assert "self.transport = await UnderlayConnection.connect(" in connected
    assert "self._on_connection_close" in connected
    assert "**self.kwargs" in connected
    assert "await self._on_connected()" in connected
    assert "await cls.make_connection(" in inspect.getsource(UnderlayConnection.connect)


def test_what_is_published_is_still_known_by_the_id_in_its_properties_and_sent_as_they_marshal() -> None:
    published, returned = inspect.getsource(Channel.basic_publish), inspect.getsource(Channel._on_return_frame)
    assert "message_id = content_header.properties.message_id" in published
    assert "message_id = message.header.properties.message_id" in returned
    assert "self.properties.marshal()" in inspect.getsource(ContentHeader.marshal)


def framed(kind: int, payload: bytes, channel: int = 1) -> bytes:
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + b"\xce"


def method(each: Any, channel: int = 1) -> bytes:  # noqa: ANN401 - any method of pamqp's
    return frame.marshal(each, channel)


class ScriptedBroker:
    """Greets a client, answers what it must, and then sends what it is told to."""

    def __init__(self, script: bytes) -> None:
        self.script = script

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)
        start = spec.Connection.Start(server_properties={"capabilities": {"basic.nack": True}})
        writer.write(method(start, 0))
        answers: dict[int, Callable[[], bytes]] = {
            spec.Connection.StartOk.index: lambda: method(spec.Connection.Tune(2047, 131072, 0), 0),
            spec.Connection.Open.index: lambda: method(spec.Connection.OpenOk(), 0),
            spec.Channel.Open.index: lambda: method(spec.Channel.OpenOk()),
            spec.Basic.Consume.index: lambda: method(spec.Basic.ConsumeOk("c")) + self.script,
            spec.Channel.Close.index: lambda: method(spec.Channel.CloseOk()),
            spec.Connection.Close.index: lambda: method(spec.Connection.CloseOk(), 0),
        }
        try:
            while True:
                _, _, size = struct.unpack(">BHI", await reader.readexactly(7))
                payload = await reader.readexactly(size + 1)
                writer.write(answers.get(int.from_bytes(payload[:4], "big"), lambda: b"")())
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@asynccontextmanager
async def consuming(script: bytes, *, whole: bool = False) -> AsyncIterator[asyncio.Queue[Received]]:
    """What a consumer on a connection of ours gets of a script."""
    server = await asyncio.start_server(ScriptedBroker(script).serve, "127.0.0.1", 0)
    url = f"amqp://guest:guest@127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    connection = await BrokerAddress(url=url, heartbeat_s=0).connect("test", whole=whole)
    arrived: asyncio.Queue[Received] = asyncio.Queue()

    async def take(delivered: DeliveredMessage) -> None:
        arrived.put_nowait(Received(delivered, HandedOut(lambda: False)))

    channel = await (await connection.channel(publisher_confirms=False)).get_underlay_channel()
    await channel.basic_consume("q", take, consumer_tag="c")
    yield arrived
    await connection.close()
    server.close()
    await server.wait_closed()


def delivered(tag: int, properties: bytes, body: bytes = b"{}", *, key: bytes = b"board@acme.example") -> bytes:
    deliver = struct.pack(">HH", 60, 60) + b"\1c" + struct.pack(">QB", tag, 1) + b"\0" + bytes([len(key)]) + key
    bodies = b"".join(framed(3, body[at : at + 100_000]) for at in range(0, len(body), 100_000))
    return framed(1, deliver) + framed(2, struct.pack(">HHQ", 60, 0, len(body)) + properties) + bodies


async def of(arrived: asyncio.Queue[Received]) -> Received:
    return await asyncio.wait_for(arrived.get(), 10)


Check = Callable[[Received], bool]


@pytest.mark.parametrize(
    ("message", "is_right"),
    [
        pytest.param(delivered(1, MICROSECONDS), lambda it: it.timestamp is None, id="a time in microseconds"),
        pytest.param(delivered(1, LATIN_ID), lambda it: it.message_id == "r\ufffdf", id="an id in Latin-1"),
        pytest.param(
            delivered(1, LATIN_NAME), lambda it: it.properties.headers == {"r\ufffdf": None}, id="a header's name"
        ),
        pytest.param(delivered(1, DEEP), lambda it: "a" in it.properties.headers, id="tables in tables"),
        pytest.param(delivered(1, b"\0\0", key=b"r\xe9f"), lambda it: it.routing_key == "r\ufffdf", id="a routing key"),
        pytest.param(delivered(1, b"\x10\x00\x07"), lambda it: it.redelivered, id="a delivery mode of 7"),
        pytest.param(
            delivered(1, b"\0\0", b"x" * 300_000),
            lambda it: (it.body, it.size_bytes, it.head) == (b"", 300_000, b"x" * 4096),
            id="a body that is too large",
        ),
    ],
)
async def test_a_message_costs_itself_and_the_next_one_comes(message: bytes, is_right: Check) -> None:
    async with consuming(message + delivered(2, b"\0\0")) as arrived:
        first, second = await of(arrived), await of(arrived)
        assert is_right(first)
        assert (first.delivery_tag, second.delivery_tag, second.body) == (1, 2, b"{}")


async def test_of_the_headers_those_are_kept_that_are_read_and_nothing_inside_of_them() -> None:
    inside = b"F" + struct.pack(">I", 3) + b"\1aV"
    entries = [(b"site", b"V"), (b"x-roomsync-look", inside), (b"x-roomsync-attempts", b"b\2"), (b"traceparent", b"V")]
    headers = Properties.joined({"headers": Table([Entry(*each) for each in entries], b"").encoded()})
    async with consuming(delivered(1, headers.raw)) as arrived:
        message = await of(arrived)
    assert message.headers == {"x-roomsync-look": inside[1:], "x-roomsync-attempts": 2, "traceparent": None}
    assert message.properties.raw == headers.raw


async def test_of_very_many_headers_the_first_are_looked_at_and_the_message_stays_as_it_is() -> None:
    many = Table([Entry(b"a", b"V")] * 40_000, b"").encoded()
    assert len(Table.of(many).entries) == HEADERS_MAX
    assert Table.of(many).encoded() == many
    async with consuming(delivered(1, Properties.joined({"headers": many}).raw)) as arrived:
        message = await of(arrived)
    assert message.has_too_many_headers
    with pytest.raises(NotCopied):
        copy_of(message, failed_at="2026-11-20T09:00:00Z")


async def test_who_wants_large_bodies_whole_gets_them() -> None:
    async with consuming(delivered(1, b"\0\0", b"x" * 300_000), whole=True) as arrived:
        message = await of(arrived)
        assert (message.body, message.size_bytes) == (b"x" * 300_000, 300_000)


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(struct.pack(">BHI", 1, 1, 4) + bytes(4) + b"\0", id="no end"),
        pytest.param(framed(5, b"?"), id="an unknown kind"),
        pytest.param(framed(1, struct.pack(">HH", 60, 60) + b"\xff"), id="a text longer than its frame"),
        pytest.param(struct.pack(">BHI", 2, 1, 2**31), id="larger than agreed"),
    ],
)
async def test_a_frame_that_no_broker_sends_ends_the_connection(broken: bytes) -> None:
    server = await asyncio.start_server(ScriptedBroker(broken).serve, "127.0.0.1", 0)
    url = f"amqp://guest:guest@127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    connection = await BrokerAddress(url=url, heartbeat_s=0).connect("test")
    ended = asyncio.Event()
    connection.close_callbacks.add(lambda *_: ended.set())
    channel = await (await connection.channel(publisher_confirms=False)).get_underlay_channel()
    consume: Awaitable[object] = channel.basic_consume("q", lambda _: asyncio.sleep(0), consumer_tag="c")
    await asyncio.gather(consume, return_exceptions=True)
    await asyncio.wait_for(ended.wait(), 10)
    await connection.close()
    server.close()
    await server.wait_closed()
