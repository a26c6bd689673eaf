"""Frames as a broker hands them out when publishers are broken or hostile: through our reader, and on to settling."""

import asyncio
import struct
from contextlib import suppress
from random import Random
from typing import Any, cast

from aiormq.abc import DeliveredMessage
from aiormq.exceptions import AMQPError
from pamqp import commands as spec
from pamqp.body import ContentBody

from consumers.broker.frames import Frames, Header
from consumers.broker.headers import copy_of
from consumers.broker.incoming_message import HandedOut, Received
from consumers.broker.message_copy import Copy, NotCopied
from consumers.broker.parsing import Reader
from consumers.broker.properties import Properties
from consumers.broker.publisher import FRAME_MAX_BYTES
from consumers.failed.export import line_of, read_line
from consumers.failed.message import describe, id_of
from consumers.messages.json_object import MAX_BYTES
from consumers.messages.violations import BadMessage
from consumers.policy import SyncPolicy
from consumers.settlement.settle import Settler
from tests.builders import Tenants, a_body, a_tenant
from tests.fake_broker import FakeObserver, FakeSession
from tests.fuzz.fuzz_harness import Target
from tests.fuzz.mutations import mutate_bytes
from tests.room_harness import VirtualTime

_NAMES = (
    *(f"x-roomsync-{name}" for name in ("attempts", "first-seen-at", "look", "failed-at", "error-code", "version")),
    *("x-delivery-count", "x-death", "timestamp_in_ms", "CC", "site", "r\xe9f", "x-first-death-reason", ""),
)
_SIZES = {"t": 1, "b": 1, "B": 1, "s": 2, "u": 2, "I": 4, "i": 4, "l": 8, "L": 8, "f": 4, "d": 8, "D": 5, "T": 8}
_TEXTS = (b"", b"acme", b"r\xe9f", b"\0", b"2026-11-20T09:00:00.000Z", b"0001-01-01T00:00:00+05:00", b"7", b"x" * 255)
_PROPERTIES = spec.Basic.Properties.__slots__
_DELIVER, _GET_OK = struct.pack(">HH", 60, 60), struct.pack(">HH", 60, 71)
_LOOP = asyncio.new_event_loop()
_TENANTS = Tenants(a_tenant())
_CLOCKS = VirtualTime().clocks()
_READER = Reader(_TENANTS, _CLOCKS)


def _attack(random: Random) -> None:
    method, header, bodies = _method(random), _header(random), _bodies(random)
    size = sum(map(len, bodies)) + (random.choice((-1, 1, 2**40)) if random.random() < 0.05 else 0)
    content = [_frame(2, struct.pack(">HHQ", 60, 0, max(0, size)) + header), *(_frame(3, body) for body in bodies)]
    stream = b"".join([_frame(1, method), *content])
    if random.random() < 0.2:
        # Broken frames are no broker's: they may end the connection, by an error of the client's.
        with suppress(AMQPError):
            _read(mutate_bytes(random, stream))
        return
    for delivered in _read(stream):
        _use(Received(delivered, HandedOut(lambda: False)), random)


def _use(message: Received, random: Random) -> None:
    session = FakeSession()
    _once(_settled(message, session))
    for copy, _ in session.all_of("failed"):
        assert len(copy.within(FRAME_MAX_BYTES).raw) <= max(FRAME_MAX_BYTES, len(message.properties.raw))
        assert copy.body == message.body
    assert session.journal, "a delivery was left without a settlement"
    with suppress(NotCopied):
        copy = copy_of(message, attempts=random.randrange(2**31), first_seen_at="2026-11-20T09:00:00.000Z")
        assert Properties(copy.properties.raw).headers["x-roomsync-first-seen-at"] == "2026-11-20T09:00:00.000Z"
        bare = Copy(message.body, message.properties, {}).properties.raw
        assert Copy(b"", Properties(bare), {}).properties.raw == bare
        again = read_line(line_of(message).encode())
        assert (id_of(again), again.body) == (id_of(message), message.body)
        assert Copy(b"", again.properties, {}).properties.raw == bare
    describe(message, _TENANTS)


async def _settled(message: Received, session: FakeSession) -> None:
    settler = Settler(policy=SyncPolicy(), clocks=_CLOCKS, observer=FakeObserver())
    handed = cast(Any, _Noted(message, session))
    try:
        _, envelope = _READER.glance(handed, cast(Any, session))
        delivery = _READER.read(envelope)
    except BadMessage as bad:
        await settler.park_unreadable(handed, cast(Any, session), bad)
    else:
        await settler.forward(delivery)


class _Noted:
    """A message whose settlement is noted in the session's journal."""

    def __init__(self, message: Received, session: FakeSession) -> None:
        self._message, self._session, self.processed = message, session, False

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a message has
        return getattr(self._message, name)

    async def ack(self) -> None:
        self._session.journal.append(("ack", None))

    async def nack(self, *, requeue: bool) -> None:
        assert not requeue, "an error of ours while settling"
        self._session.journal.append(("reject", None))


def _once(work: Any) -> None:  # noqa: ANN401 - a coroutine that waits for nothing
    with suppress(StopIteration):
        work.send(None)
        raise AssertionError("it waits for something")


def _read(stream: bytes) -> list[DeliveredMessage]:
    """The messages of a stream, put together as aiormq does it."""
    source = asyncio.StreamReader(loop=_LOOP, limit=2**26)
    source.feed_data(stream)
    source.feed_eof()
    messages: list[DeliveredMessage] = []

    async def read() -> None:
        method: Any = None
        header, body = None, b""
        async for _, _, frame in Frames(source, body_max_bytes=MAX_BYTES, frame_max_bytes=FRAME_MAX_BYTES):
            if isinstance(frame, spec.Basic.Deliver | spec.Basic.GetOk):
                method, header, body = frame, None, b""
            elif isinstance(frame, Header):
                header = frame
            elif isinstance(frame, ContentBody):
                body += frame.value
            if method is not None and header is not None and len(body) >= header.body_size:
                messages.append(DeliveredMessage(method, header, body, cast(Any, None)))
                method = None

    _once(read())
    return messages


def _frame(kind: int, payload: bytes) -> bytes:
    return struct.pack(">BHI", kind, 1, len(payload)) + payload + b"\xce"


def _short(text: bytes) -> bytes:
    return bytes([len(text)]) + text


def _text(random: Random) -> bytes:
    return random.choice(_TEXTS) if random.random() < 0.7 else random.randbytes(random.randrange(30))


def _method(random: Random) -> bytes:
    tag = struct.pack(">QB", random.randrange(1, 2**40), random.randrange(2))
    texts = _short(_text(random)) + _short(_text(random))
    if random.random() < 0.2:
        return _GET_OK + tag + texts + bytes(4)
    return _DELIVER + _short(b"c") + tag + texts


def _header(random: Random) -> bytes:
    chosen = [name for name in _PROPERTIES if random.random() < 0.5]
    parts = {name: _part(random, name) for name in chosen}
    raw = Properties.joined(parts).raw
    return mutate_bytes(random, raw) if random.random() < 0.5 else raw


def _part(random: Random, name: str) -> bytes:
    if name == "headers":
        return _table(random, 0)
    if name == "timestamp":
        return random.choice((struct.pack(">Q", 1764500000 * 1000**2), bytes(8), b"\xff" * 8, random.randbytes(8)))
    if name in ("delivery_mode", "priority"):
        return random.randbytes(1)
    return _short(_text(random))


def _table(random: Random, depth: int) -> bytes:
    content = b""
    for _ in range(random.choice((0, 1, 3, 8))):
        content += _short(random.choice(_NAMES).encode("latin-1")) + _value(random, depth)
    return struct.pack(">I", len(content)) + content


def _value(random: Random, depth: int) -> bytes:
    kind = random.choice("tbBsuIilLfdDTSSSSxAFV?")
    if kind in _SIZES:
        return kind.encode() + random.randbytes(_SIZES[kind])
    if kind == "F" and depth < 5:
        return b"F" + _table(random, depth + 1)
    content = b"".join(_value(random, depth + 1) for _ in range(3)) if kind == "A" and depth < 5 else _text(random)
    return (b"V" if kind == "F" else kind.encode()) + (
        struct.pack(">I", len(content)) + content if kind in "SxA" else b""
    )


def _bodies(random: Random) -> list[bytes]:
    body = a_body() if random.random() < 0.6 else mutate_bytes(random, a_body())
    if random.random() < 0.01:
        body = b"x" * random.choice((MAX_BYTES, MAX_BYTES + 1, MAX_BYTES + 200_000))
    cut = random.randrange(len(body) + 1)
    return [part for part in (body[:cut], body[cut:]) if part]


AMQP = Target(name="amqp", attack=_attack)
