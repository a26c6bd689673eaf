"""Lines to a tenant's server: each is one connection that serves one request at a time.

With NTLM, whose handshake belongs to the connection, a line is a session of exchangelib's. With Basic a session would
only cost: requests takes 0.27 ms of CPU for each request, half of what sending it costs. There a line is a connection
of urllib3's, as requests itself uses it (docs/decisions/0014).
"""

import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, cast

import requests
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from spnego.exceptions import SpnegoError
from urllib3.util import Url, create_urllib3_context, parse_url

from adapters.ews.sessions import EwsProtocol
from adapters.ews.settings import BasicAuth, EwsSettings
from adapters.ews.wire import CONNECT_TIMEOUT_S, PlainConnection, TlsConnection, WatchedAdapter

IDLE_LIMIT_S = 50.0
"""IIS drops idle connections after 120 s, common load balancers after 60 s; a write into a dropped one is `Unknown`."""

_ANCHOR = "X-AnchorMailbox"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answered, read to its end."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class Line(Protocol):
    """A connection and what it takes to be let in."""

    def post(self, body: bytes, *, anchor: str, deadline: float) -> Answer:
        """Send the body once and follow no redirect; `deadline`: by `time.monotonic()`."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class BasicLine:
    """A connection with the same header each time; made anew where the server has closed it."""

    def __init__(self, url: Url, headers: Mapping[str, str], tls: ssl.SSLContext | None) -> None:
        host = (url.host or "").strip("[]")
        self._connection = TlsConnection(host, url.port, ssl_context=tls) if tls else PlainConnection(host, url.port)
        self._path = url.request_uri
        self._headers = headers

    def post(self, body: bytes, *, anchor: str, deadline: float) -> Answer:
        """As `Line.post`."""
        connection = self._connection
        if not connection.is_connected:
            connection.close()
            connection.timeout = min(CONNECT_TIMEOUT_S, _remaining_s(deadline))
            connection.connect()
        connection.timeout = _remaining_s(deadline)
        connection.request("POST", self._path, body=body, headers={**self._headers, _ANCHOR: anchor})
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.data)

    def close(self) -> None:
        """As `Line.close`."""
        self._connection.close()


class SessionLine:
    """A session of exchangelib's, which shakes hands on its connection; made anew where that was turned away."""

    def __init__(self, make: Callable[[], requests.Session], url: str) -> None:
        self._make = make
        self._url = url
        self._session: requests.Session | None = None

    def post(self, body: bytes, *, anchor: str, deadline: float) -> Answer:
        """As `Line.post`."""
        session = self._session = self._session or self._make()
        adapter = cast(WatchedAdapter, session.get_adapter(self._url))
        adapter.deadline, adapter.last_answer = deadline, None
        try:
            response = session.post(self._url, data=body, headers={_ANCHOR: anchor}, allow_redirects=False)
        except (KeyError, PermissionError, SpnegoError):
            # requests_ntlm stumbles over an answer without a challenge: that answer is the server's word.
            self.close()
            if adapter.last_answer is None:
                raise
            response = adapter.last_answer
        if response.status_code == 401:
            self.close()
        return Answer(response.status_code, response.headers, response.content)

    def close(self) -> None:
        """As `Line.close`."""
        session, self._session = self._session, None
        if session is not None:
            session.close()


class Lines:
    """Lines that are not in use, the last used one first."""

    def __init__(self, make: Callable[[], Line], *, idle_limit_s: float = IDLE_LIMIT_S) -> None:
        self._make = make
        self._idle_limit_s = idle_limit_s
        self._idle: list[tuple[float, Line]] = []
        self._is_closed = False
        self._lock = threading.Lock()

    def take(self) -> Line:
        """A line whose connection is fresh, or a new one; never waits."""
        with self._lock:
            dropped_at = time.monotonic() - self._idle_limit_s
            stale = [line for idle_since, line in self._idle if idle_since < dropped_at]
            del self._idle[: len(stale)]  # the oldest lie first
            line = self._idle.pop()[1] if self._idle else None
        for each in stale:
            each.close()
        return line or self._make()

    def give_back(self, line: Line) -> None:
        """Keep a line whose last answer was read to its end."""
        with self._lock:
            if not self._is_closed:
                self._idle.append((time.monotonic(), line))
                return
        line.close()

    def close(self) -> None:
        """Close what is not in use now, and the rest when it is given back."""
        with self._lock:
            idle, self._idle, self._is_closed = self._idle, [], True
        for _, line in idle:
            line.close()


def lines_of(settings: EwsSettings) -> Lines:
    """The lines of a tenant; none is connected yet."""
    protocol = EwsProtocol(settings)
    if not isinstance(settings.auth, BasicAuth):
        return Lines(lambda: SessionLine(protocol.create_session, settings.service_url))
    url = parse_url(settings.service_url)
    headers = protocol.basic_headers()
    tls = _trust(settings) if url.scheme == "https" else None
    return Lines(lambda: BasicLine(url, headers, tls))


def _trust(settings: EwsSettings) -> ssl.SSLContext:
    """Verifies names and certificates, by the tenant's own authority or the public ones."""
    context = create_urllib3_context()
    context.load_verify_locations(settings.ca_file or DEFAULT_CA_BUNDLE_PATH)
    return context


def _remaining_s(deadline: float) -> float:
    remaining_s = deadline - time.monotonic()
    if remaining_s <= 0:
        raise TimeoutError("no time left")
    return remaining_s
