"""Watches what really leaves for the server, because "certainly not sent" must never be a guess.

requests tells a refused connection, a failed TLS handshake and a lost reply apart by nested causes at best; the socket
knows. A session serves one call at a time, so what a thread sent belongs to its call.
"""

import threading
import time
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from adapters.ews.http import CONNECT_TIMEOUT_S


class _Sent(threading.local):
    anything = False


_sent = _Sent()


class PlainConnection(HTTPConnection):
    """Over HTTP."""

    def send(self, data: Any) -> None:  # noqa: ANN401  # as in http.client
        """As in http.client, and remember it."""
        if self.sock is None:
            self.connect()
        _sent.anything = True
        super().send(data)


class TlsConnection(HTTPSConnection):
    """Over HTTPS."""

    def send(self, data: Any) -> None:  # noqa: ANN401  # as in http.client
        """As in http.client, and remember it."""
        if self.sock is None:
            self.connect()
        _sent.anything = True
        super().send(data)


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = PlainConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = TlsConnection


class WatchedAdapter(HTTPAdapter):
    """Sends nothing after `deadline` and remembers the last answer, also one that broke an NTLM handshake.

    `deadline` is a reading of `time.monotonic()`.
    """

    deadline = 0.0
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


def nothing_sent_yet() -> None:
    """This thread begins a request."""
    _sent.anything = False


def anything_was_sent() -> bool:
    """Whether this thread's last request may have reached the server."""
    return _sent.anything
