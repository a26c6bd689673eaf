"""One tenant's HTTPS endpoint over aiohttp, on the event loop.

In threads a request's way out and back was eight hand-overs of Python's lock, each worth a frame or a row of what the
other threads do (docs/decisions/0015).
"""

import asyncio
import ssl
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import certifi
from aiohttp import (
    ClientError,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
)
from aiohttp.connector import Connection
from aiohttp.http_exceptions import HttpProcessingError
from multidict import CIMultiDict
from yarl import URL

from adapters.errors import Transient
from adapters.exchange.authorizer import Authorizer
from adapters.exchange.http import (
    ANCHOR,
    CONNECT_TIMEOUT_S,
    FRESH_CONNECTION,
    IDLE_LIMIT_S,
    READ_LIMIT_BYTES,
    Answer,
    ReplyLost,
    failure,
)
from adapters.exchange.response_body import PIECE_BYTES, Body, encoding_of

_AT_ONCE_BYTES = 2**20
"""aiohttp wants longer bodies in pieces."""
_HEADER_MAX_BYTES = 64 * 1024
"""As in http.client; what stands before Exchange may set long cookies."""

_sent: ContextVar[list[bool]] = ContextVar("sent")


class _WatchedRequest(ClientRequest):
    """Notices that it is being sent: all that goes wrong before is certainly not applied."""

    async def send(self, conn: Connection) -> ClientResponse:
        """As in aiohttp, and remember it."""
        _sent.get().append(True)
        return await super().send(conn)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """Where one tenant's endpoint is, and how it is asked.

    `ca_file` replaces the public authorities; `concurrency` is the most connections at once; `headers` go out in this
    order with every request, before Authorization.
    """

    url: str
    ca_file: Path | None
    concurrency: int
    headers: Mapping[str, str] = field(default_factory=dict)


class AiohttpTransport:
    """As `Http`. Its connections belong to the event loop of its first request."""

    def __init__(self, settings: HttpSettings, authorizer: Authorizer, *, idle_limit_s: float = IDLE_LIMIT_S) -> None:
        self._url = URL(settings.url)
        self._headers = settings.headers
        self._authorizer = authorizer
        self._tls = _trust(settings.ca_file) if self._url.scheme == "https" else True
        self._concurrency = settings.concurrency
        self._idle_limit_s = idle_limit_s
        self._session: ClientSession | None = None
        self._under_way = 0
        self._is_closed = False

    async def post(self, body: bytes, *, anchor: str, deadline: float, limit_bytes: int = READ_LIMIT_BYTES) -> Answer:
        """As `Http.post`."""
        authorization = await self._authorizer.authorization(deadline=deadline)
        remaining_s = deadline - time.monotonic()
        if remaining_s <= 0:
            raise Transient("unreachable", detail="not sent, no time left")
        sent: list[bool] = []
        _sent.set(sent)
        self._under_way += 1
        try:
            async with self._opened().post(
                self._url,
                # A list of pieces would go out chunked, which Exchange need not take.
                data=body if len(body) <= _AT_ONCE_BYTES else BytesIO(body),
                headers={"Authorization": authorization, ANCHOR: anchor},
                allow_redirects=False,
                timeout=ClientTimeout(total=remaining_s, sock_connect=min(CONNECT_TIMEOUT_S, remaining_s)),
            ) as response:
                return await _read(response, limit_bytes)
        except (ClientError, HttpProcessingError, OSError, ValueError) as broken:  # ValueError: a name that is none
            raise failure(broken, anything_was_sent=bool(sent)) from broken
        finally:
            self._under_way -= 1
            if self._is_closed:
                await self.close()

    async def close(self) -> None:
        """As `Http.close`."""
        self._is_closed = True
        if not self._under_way and self._session is not None:
            session, self._session = self._session, None
            await session.close()

    def _opened(self) -> ClientSession:
        if self._session is None:
            # Never more than the tenant's ceiling; nothing is taken from the environment, and no cookie is kept.
            connector = TCPConnector(limit=self._concurrency, ssl=self._tls, keepalive_timeout=self._idle_limit_s)
            self._session = ClientSession(
                connector=connector,
                headers=self._headers,
                cookie_jar=DummyCookieJar(),
                request_class=_WatchedRequest,
                auto_decompress=False,
                read_bufsize=PIECE_BYTES,
                max_line_size=_HEADER_MAX_BYTES,
                max_field_size=_HEADER_MAX_BYTES,
            )
        return self._session


async def _read(response: ClientResponse, limit_bytes: int) -> Answer:
    try:
        body = Body(encoding_of(response.headers.getall("Content-Encoding", [])), limit_bytes)
        async for piece in response.content.iter_chunked(PIECE_BYTES):
            has_more = body.feed(piece)
            while has_more:
                await asyncio.sleep(0)
                has_more = body.feed(b"")
        content = body.whole()
    except ReplyLost:
        response.close()
        raise
    if response.status == 200:
        return Answer(response.status, response.headers, content)
    if response.status in FRESH_CONNECTION:
        response.close()
    headers = {name: ", ".join(response.headers.getall(name)) for name in response.headers}
    return Answer(response.status, CIMultiDict(headers), content)


def _trust(ca_file: Path | None) -> ssl.SSLContext:
    """Verifies names and certificates, by the tenant's own authority or the public ones."""
    return ssl.create_default_context(cafile=str(ca_file or certifi.where()))
