"""The socket to the broker: what is written together leaves together, and a flood is read in small pieces."""

import asyncio
import socket
from typing import Any, cast

import aio_pika
import aiormq
from aio_pika.abc import UnderlayConnection
from aiormq.abc import AbstractConnection
from aiormq.connection import FrameReceiver, TransportFactory
from aiormq.exceptions import AMQPConnectionError, ConnectionNotAllowed, ProbableAuthenticationError
from pamqp import commands as spec
from pamqp.base import Frame
from pamqp.frame import FrameTypes
from yarl import URL

from consumers.broker.frames import Frames, TokenOf
from consumers.messages.json_object import MAX_BYTES

UNREAD_BYTES = 64 * 1024
"""What the system may hold unread. Left to itself it holds megabytes, and what comes behind a flood waits for all."""

_ACCESS_REFUSED = 403

PIECE_BYTES = 4 * 1024
"""What is taken of it in one turn of the event loop: about five messages, which take a millisecond or less."""


class UnboundedConnection(aiormq.Connection):
    """aiormq's connection without the limit of ten frames that are not yet handed to the socket.

    On one that dies nobody empties that queue any more: who is eleventh waits for ever, and holds the lock that every
    other publication waits for (aiormq 7.2, `Channel.basic_publish` and `Connection.__writer`). What is written has
    other bounds: acknowledgements have the consumer's window, publications are waited for until they are confirmed.
    """

    FRAME_BUFFER_SIZE = 0
    BODY_MAX_BYTES: int | None = MAX_BYTES
    token_of: TokenOf = staticmethod(lambda _exchange, _key, _body: None)
    """Set by who publishes on it."""

    # aiormq's own reader of frames is handed to this method by its name.
    async def _Connection__reader(self, frame_receiver: FrameReceiver) -> None:  # noqa: N802
        """As in aiormq, over frames that no message can break (docs/decisions/0021)."""
        frames = Frames(
            frame_receiver.reader,
            body_max_bytes=self.BODY_MAX_BYTES,
            frame_max_bytes=self.connection_tune.frame_max,
            token_of=lambda *published: self.token_of(*published),  # noqa: PLW0108 - it is set later
        )
        await super()._Connection__reader(frames)  # type: ignore[misc]  # private to aiormq: test_frames_library.py pins it

    @staticmethod
    async def _rpc(
        request: Frame,
        writer: asyncio.StreamWriter,
        frame_receiver: FrameReceiver,
        wait_response: bool = True,
    ) -> FrameTypes | None:
        """As in aiormq, which throws away why the broker refuses a virtual host."""
        told = cast(FrameReceiver, _Refusals(frame_receiver))
        return await aiormq.Connection._rpc(request, writer, told, wait_response)  # noqa: SLF001


class WholeConnection(UnboundedConnection):
    """One that keeps bodies of any size, one after the other."""

    BODY_MAX_BYTES = None


class _Refusals:
    """Frames of a connection that is being opened, without the broker's refusals: these are raised."""

    def __init__(self, frames: FrameReceiver) -> None:
        self._frames = frames

    async def get_frame(self) -> tuple[int, int, FrameTypes]:
        """The next frame. Raises `ProbableAuthenticationError`, `ConnectionNotAllowed` with the broker's words."""
        weight, channel, frame = await self._frames.get_frame()
        if isinstance(frame, spec.Connection.Close):
            if frame.reply_code == _ACCESS_REFUSED:
                raise ProbableAuthenticationError(frame.reply_text)
            raise ConnectionNotAllowed(frame.reply_text)
        return weight, channel, frame


class Underlay(UnderlayConnection):
    """aio-pika's link to such a connection."""

    CONNECTION: type[UnboundedConnection] = UnboundedConnection

    @classmethod
    async def make_connection(cls, url: URL, timeout: float | None = None, **kwargs: Any) -> AbstractConnection:  # noqa: ANN401, ASYNC109 - as in aio-pika
        """As in aio-pika."""
        connection = cls.CONNECTION(url, **kwargs)
        await asyncio.wait_for(connection.connect(), timeout=timeout)
        await connection.ready()
        return connection


class WholeUnderlay(Underlay):
    """The same to one that keeps everything."""

    CONNECTION = WholeConnection


class BrokerConnection(aio_pika.Connection):
    """aio-pika's plain connection over such a socket."""

    UNDERLAY: type[Underlay] = Underlay

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # as in aio-pika
        super().__init__(*args, **kwargs)
        self.kwargs["transport_factory"] = Sockets()

    async def connect(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as in aio-pika
        """As in aio-pika."""
        self.transport = await self.UNDERLAY.connect(
            self.url, self._on_connection_close, timeout=timeout, **self.kwargs
        )
        await self._on_connected()


class WholeBrokerConnection(BrokerConnection):
    """One that keeps bodies of any size, for who has to have them."""

    UNDERLAY = WholeUnderlay


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


class ByPieces(asyncio.StreamReaderProtocol, asyncio.BufferedProtocol):
    """Takes little of what lies there in one turn of the event loop, so that a flood does not hold up everything else.

    asyncio's own takes up to 256 KiB, and aiormq goes through all of it without a break. A single command needs about
    fifteen turns until it is sent.
    """

    def __init__(self, reader: asyncio.StreamReader) -> None:
        super().__init__(reader)
        # A view: TLS fills what is left of a slice, and a slice of a bytearray is a copy.
        self._piece = memoryview(bytearray(PIECE_BYTES))
        self._tls: asyncio.ReadTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As in asyncio."""
        super().connection_made(transport)
        if transport.get_extra_info("sslcontext") is not None:
            self._tls = cast(asyncio.ReadTransport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        """As in asyncio."""
        return self._piece

    def buffer_updated(self, nbytes: int) -> None:
        """As in asyncio."""
        self.data_received(bytes(self._piece[:nbytes]))
        if self._tls is not None and nbytes == len(self._piece):
            # Of what it has deciphered TLS would hand over one piece after the other.
            self._tls.pause_reading()
            asyncio.get_running_loop().call_soon(self._tls.resume_reading)


class Sockets(TransportFactory):
    """Opens them for aiormq."""

    async def create(self, url: URL, **kwargs: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:  # noqa: ANN401  # as in aiormq
        """Connect, with TLS for `amqps`. Raises `AMQPConnectionError`."""
        provider = kwargs.pop("ssl_context_provider")
        tls = await provider.get_context() if url.scheme == "amqps" else None
        reader = asyncio.StreamReader()
        protocol = ByPieces(reader)
        loop = asyncio.get_running_loop()
        host, port = url.host or "", url.port or 0
        try:
            transport, _ = await loop.create_connection(lambda: protocol, host, port, ssl=tls, **kwargs)
        except OSError as trouble:
            raise AMQPConnectionError(*trouble.args) from trouble
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, UNREAD_BYTES)
        return reader, FramesTogether(transport, protocol, reader)
