"""Reads the broker's frames for aiormq, which itself gives the connection up at content that it cannot decode.

A broken frame ends the connection as before, since no broker sends one; the content of a message never does. What is
larger than it may be is counted and let go. A message that comes back is told by what was published, not by its id,
which may be missing, doubled or no text.
"""

import asyncio
import struct
from collections import deque
from collections.abc import Callable
from typing import Any, cast

from aiormq.connection import ReceivedFrame
from aiormq.exceptions import AMQPConnectionError, InvalidFrameError
from pamqp import commands as spec
from pamqp import constants
from pamqp import frame as pamqp_frame
from pamqp.base import Frame
from pamqp.body import ContentBody
from pamqp.exceptions import PAMQPException
from pamqp.header import ContentHeader
from pamqp.heartbeat import Heartbeat

from consumers.broker.field_table import text_of
from consumers.broker.properties import Properties

HEAD_BYTES = 4096
"""What is kept of the beginning of a body that is too large, to tell it apart."""
_OVERDRAWN_BYTES = 4 * 1024 * 1024
"""A dead-lettered message's header may be larger than any frame that was agreed: the broker adds to it unchecked."""
_PIECE_BYTES = 64 * 1024
_ENVELOPE = struct.Struct(">BHI")
_CONTENT = struct.Struct(">HHQ")

TokenOf = Callable[[str, str, bytes], str | None]
"""What a message was called when it was published with that exchange, routing key and body."""


class Header(ContentHeader):
    """The header of a content. `size_bytes` is the size of its body; `head` its beginning, if it was too large to keep.

    `body_size` is what aiormq waits for: 0 for a body that was let go.
    """

    def __init__(self, properties: Properties, size_bytes: int, head: bytes = b"") -> None:
        super().__init__(body_size=size_bytes, properties=cast(Any, properties))
        self.size_bytes = size_bytes
        self.head = head


class Frames:
    """The frames of a connection after its handshake, as aiormq iterates over them.

    Args:
        body_max_bytes: bodies that are larger are let go; None keeps them all.
        frame_max_bytes: what was agreed with the broker; 0: no limit.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        *,
        body_max_bytes: int | None = None,
        frame_max_bytes: int = 0,
        token_of: TokenOf = lambda _exchange, _key, _body: None,
    ) -> None:
        self._reader = reader
        self._body_max_bytes = body_max_bytes
        self._largest_bytes = frame_max_bytes + _OVERDRAWN_BYTES if frame_max_bytes else None
        self._token_of = token_of
        self._held: dict[int, _Dropped | _Returned] = {}
        self._ready: deque[ReceivedFrame] = deque()

    def __aiter__(self) -> "Frames":
        return self

    async def __anext__(self) -> ReceivedFrame:
        if self._ready:
            return self._ready.popleft()
        if self._reader.at_eof():
            raise StopAsyncIteration
        try:
            return await self._next()
        except asyncio.IncompleteReadError as ended:
            raise AMQPConnectionError("the broker closed the connection in the middle of a frame") from ended
        except OSError as trouble:
            raise AMQPConnectionError(f"the connection to the broker failed: {trouble!r}") from trouble
        except (PAMQPException, struct.error, IndexError, ValueError) as broken:
            raise InvalidFrameError(f"the broker sent a broken frame ({type(broken).__name__})") from broken

    async def _next(self) -> ReceivedFrame:
        kind, channel, size = _ENVELOPE.unpack(await self._reader.readexactly(_ENVELOPE.size))
        held = self._held.get(channel)
        if kind == constants.FRAME_BODY and isinstance(held, _Dropped):
            await self._let_go(held, size)
            return self._take(channel, held)
        if self._largest_bytes is not None and size > self._largest_bytes:
            raise ValueError("larger than any frame that was agreed")
        payload = await self._reader.readexactly(size)
        await self._frame_end()
        frame = self._frame(kind, channel, payload)
        # aiormq takes any frame for a sign of life, and these go no further than that.
        return (size, channel, frame) if frame is not None else self._take(channel, self._held.get(channel))

    def _frame(self, kind: int, channel: int, payload: bytes) -> Any:  # noqa: ANN401 - aiormq's union of frames
        """The frame, or None for one that is held back."""
        match kind:
            case constants.FRAME_METHOD:
                return self._of_method(channel, payload)
            case constants.FRAME_HEADER:
                return self._of_header(channel, payload)
            case constants.FRAME_BODY:
                return self._of_body(channel, payload)
            case constants.FRAME_HEARTBEAT:
                return Heartbeat()
        raise ValueError("a frame of unknown kind")

    def _of_method(self, channel: int, payload: bytes) -> Frame | None:
        method = _method(payload)
        self._held.pop(channel, None)
        if not isinstance(method, spec.Basic.Return):
            return method
        self._held[channel] = _Returned(method, self._token_of)
        return None

    def _of_header(self, channel: int, payload: bytes) -> Header | None:
        header, held = _header(payload), self._held.get(channel)
        if isinstance(held, _Returned):
            held.header = header
            return None
        if self._body_max_bytes is None or header.size_bytes <= self._body_max_bytes:
            return header
        self._held[channel] = _Dropped(header)
        return None

    def _of_body(self, channel: int, payload: bytes) -> ContentBody | None:
        held = self._held.get(channel)
        if not isinstance(held, _Returned):
            return ContentBody(payload)
        held.body += payload
        return None

    def _take(self, channel: int, held: "_Dropped | _Returned | None") -> ReceivedFrame:
        if held is not None and held.is_whole:
            del self._held[channel]
            self._ready.extend((0, channel, frame) for frame in held.frames())
        return self._ready.popleft() if self._ready else (0, 0, Heartbeat())

    async def _let_go(self, held: "_Dropped", size: int) -> None:
        left = size
        while left:
            piece = await self._reader.readexactly(min(left, _PIECE_BYTES))
            held.add(piece)
            left -= len(piece)
        await self._frame_end()

    async def _frame_end(self) -> None:
        if (await self._reader.readexactly(1))[0] != constants.FRAME_END:
            raise ValueError("a frame without its end")


class _Dropped:
    """A content whose body is let go."""

    def __init__(self, header: Header) -> None:
        self._header = header
        self._left_bytes = header.size_bytes
        header.body_size = 0

    @property
    def is_whole(self) -> bool:
        return self._left_bytes <= 0

    def add(self, piece: bytes) -> None:
        self._left_bytes -= len(piece)
        if len(self._header.head) < HEAD_BYTES:
            self._header.head = (self._header.head + piece)[:HEAD_BYTES]

    def frames(self) -> list[Any]:
        return [self._header]


class _Returned:
    """A message of ours that no queue took."""

    def __init__(self, method: spec.Basic.Return, token_of: TokenOf) -> None:
        self._method = method
        self._token_of = token_of
        self.header: Header | None = None
        self.body = b""

    @property
    def is_whole(self) -> bool:
        return self.header is not None and len(self.body) >= self.header.size_bytes

    def frames(self) -> list[Any]:
        token = self._token_of(self._method.exchange, self._method.routing_key or "", self.body)
        told = ContentHeader(body_size=0, properties=spec.Basic.Properties(message_id=token))
        return [self._method, told]


def _header(payload: bytes) -> Header:
    _, _, size_bytes = _CONTENT.unpack_from(payload)
    return Header(Properties(payload[_CONTENT.size :]), size_bytes)


def _method(payload: bytes) -> Frame:
    """A method; the three that precede a content carry texts of its publisher."""
    match int.from_bytes(payload[:4], "big"):
        case spec.Basic.Deliver.index:
            deliver, at = spec.Basic.Deliver(), 4
            deliver.consumer_tag, at = _short(payload, at)
            deliver.delivery_tag, deliver.redelivered, at = _tag(payload, at)
            deliver.exchange, at = _short(payload, at)
            deliver.routing_key, at = _short(payload, at)
            return deliver
        case spec.Basic.GetOk.index:
            got = spec.Basic.GetOk()
            got.delivery_tag, got.redelivered, at = _tag(payload, 4)
            got.exchange, at = _short(payload, at)
            got.routing_key, at = _short(payload, at)
            got.message_count = int.from_bytes(payload[at : at + 4], "big")
            return got
        case spec.Basic.Return.index:
            returned = spec.Basic.Return()
            returned.reply_code = int.from_bytes(payload[4:6], "big")
            returned.reply_text, at = _short(payload, 6)
            returned.exchange, at = _short(payload, at)
            returned.routing_key, at = _short(payload, at)
            return returned
    envelope = _ENVELOPE.pack(constants.FRAME_METHOD, 0, len(payload))
    return cast(Frame, pamqp_frame.unmarshal(envelope + payload + constants.FRAME_END_CHAR)[2])


def _tag(payload: bytes, at: int) -> tuple[int, bool, int]:
    return int.from_bytes(payload[at : at + 8], "big"), bool(payload[at + 8] & 1), at + 9


def _short(payload: bytes, at: int) -> tuple[str, int]:
    end = at + 1 + payload[at]
    if end > len(payload):
        raise ValueError("a text that is longer than its frame")
    return text_of(payload[at + 1 : end]), end
