"""Watches what really leaves for the server, because "certainly not sent" must never be a guess, and what comes back.

requests tells a refused connection, a failed TLS handshake and a lost reply apart by nested causes at best; the socket
knows. A session serves one call at a time, so what a thread sent belongs to its call. Bodies are read here, each leg's
of a handshake too: requests reads without end, and within its time-out only from one piece to the next.
"""

import socket
import threading
import time
from contextlib import suppress
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from adapters.exchange.http import CONNECT_TIMEOUT_S, READ_LIMIT_BYTES
from adapters.exchange.response_body import PIECE_BYTES, Body, encoding_of


class Leash:
    """Ends a call from another thread, by the socket that it waits for."""

    def __init__(self) -> None:
        self.sock: socket.socket | None = None

    def hang_up(self) -> None:
        """Let whatever the call reads or writes fail at once."""
        if self.sock is not None:
            with suppress(OSError):
                # Not the method of a TLS socket, which takes away what another thread is reading with.
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)


class _Sent(threading.local):
    anything = False
    leash: Leash | None = None


_sent = _Sent()


class PlainConnection(HTTPConnection):
    """Over HTTP."""

    def send(self, data: Any) -> None:  # noqa: ANN401  # as in http.client
        """As in http.client, and remember it."""
        if self.sock is None:
            self.connect()
        _note(self.sock)
        super().send(data)


class TlsConnection(HTTPSConnection):
    """Over HTTPS."""

    def send(self, data: Any) -> None:  # noqa: ANN401  # as in http.client
        """As in http.client, and remember it."""
        if self.sock is None:
            self.connect()
        _note(self.sock)
        super().send(data)


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = PlainConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = TlsConnection


class WatchedAdapter(HTTPAdapter):
    """Sends nothing after `deadline` and remembers the last answer, also one that broke an NTLM handshake.

    `deadline` is a reading of `time.monotonic()`; of a body at most `limit_bytes` are read, and inflated.
    """

    deadline = 0.0
    limit_bytes = READ_LIMIT_BYTES
    last_answer: requests.Response | None = None

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # as in requests
        """As in requests, with connections that notice what they send."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ANN401  # as in requests
        """As in requests, within what is left of the call's time; each leg of a handshake counts for itself."""
        nothing_sent_yet()
        remaining_s = self.deadline - time.monotonic()
        if remaining_s <= 0:
            raise requests.exceptions.ConnectTimeout("no time left", request=request)
        kwargs["timeout"] = (min(CONNECT_TIMEOUT_S, remaining_s), remaining_s)
        self.last_answer = super().send(request, *args, **kwargs)
        return self.last_answer

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:  # noqa: ANN401  # as in requests
        """As in requests, with a body that ends somewhere."""
        response = super().build_response(req, resp)
        bounded = _BoundedResponse()
        vars(bounded).update(vars(response), limit_bytes=self.limit_bytes, deadline=self.deadline)
        return bounded


class _BoundedResponse(requests.Response):
    """Its body is read when somebody asks for it: a handshake wants to look at the connection before."""

    limit_bytes: int
    deadline: float

    @property
    def content(self) -> bytes:
        """The whole body. Raises `ReplyLost` where it is too large, or not whole."""
        if self._content is False:
            try:
                self._content = self._whole_body()
            except BaseException:
                self.close()
                raise
            self._content_consumed = True
        return self._content or b""

    def _whole_body(self) -> bytes:
        body = Body(encoding_of(self.raw.headers.getlist("Content-Encoding")), self.limit_bytes)
        while piece := self.raw.read1(PIECE_BYTES, decode_content=False):
            has_more = body.feed(piece)
            while has_more:
                has_more = body.feed(b"")
            if time.monotonic() > self.deadline:
                raise requests.exceptions.ReadTimeout("no time left", request=self.request)
        return body.whole()


def nothing_sent_yet(leash: Leash | None = None) -> None:
    """This thread begins a request, which the leash may end; without one the last one's holds."""
    _sent.anything = False
    _sent.leash = leash or _sent.leash


def _note(sock: socket.socket | None) -> None:
    _sent.anything = True
    if _sent.leash is not None:
        _sent.leash.sock = sock


def anything_was_sent() -> bool:
    """Whether this thread's last request may have reached the server."""
    return _sent.anything
