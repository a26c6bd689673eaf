"""Requests of tenants that log in with NTLM: exchangelib's sessions, in threads, since its handshake blocks.

The handshake belongs to the connection: a line is a session with a connection of its own, and serves one request at a
time.
"""

import threading
import time
from collections.abc import Callable
from functools import partial
from http.client import HTTPException
from typing import Protocol, cast

import requests
from requests.exceptions import RequestException
from spnego.exceptions import SpnegoError
from urllib3.exceptions import HTTPError

from adapters.errors import Transient
from adapters.ews.sessions import EwsProtocol
from adapters.ews.settings import EwsSettings
from adapters.ews.threads import CallStuck, NoThreadFree, Threads
from adapters.ews.wire import Leash, WatchedAdapter, anything_was_sent, nothing_sent_yet
from adapters.exchange.http import ANCHOR, FRESH_CONNECTION, IDLE_LIMIT_S, READ_LIMIT_BYTES, Answer, ReplyLost, failure

# After the deadline a call only has to notice it; one that does not is left behind, and its connection cut.
_GRACE_S = 1.0


class Line(Protocol):
    """A connection and what it takes to be let in."""

    def post(self, body: bytes, *, anchor: str, deadline: float, limit_bytes: int, leash: Leash) -> Answer:
        """As `Http.post`, and blocks; `leash` ends it."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class SessionLine:
    """A session of exchangelib's, which shakes hands on its connection; made anew where that was turned away."""

    def __init__(self, make: Callable[[], requests.Session], url: str) -> None:
        self._make = make
        self._url = url
        self._session: requests.Session | None = None

    def post(self, body: bytes, *, anchor: str, deadline: float, limit_bytes: int, leash: Leash) -> Answer:
        """As `Line.post`."""
        session = self._session = self._session or self._make()
        adapter = cast(WatchedAdapter, session.get_adapter(self._url))
        adapter.deadline, adapter.limit_bytes, adapter.last_answer = deadline, limit_bytes, None
        nothing_sent_yet(leash)
        try:
            response = session.post(self._url, data=body, headers={ANCHOR: anchor}, allow_redirects=False)
        except (KeyError, PermissionError, SpnegoError):
            # requests_ntlm stumbles over an answer without a challenge: that answer is the server's word.
            self.close()
            if adapter.last_answer is None:
                raise
            response = adapter.last_answer
        if response.status_code in FRESH_CONNECTION:
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


class SessionHttp:
    """As `Http`, in no more threads than the tenant's ceiling and a few that hang."""

    def __init__(self, settings: EwsSettings) -> None:
        protocol = EwsProtocol(settings)
        self._lines = Lines(lambda: SessionLine(protocol.create_session, settings.service_url))
        self._threads = Threads(settings.concurrency)

    async def post(self, body: bytes, *, anchor: str, deadline: float, limit_bytes: int = READ_LIMIT_BYTES) -> Answer:
        """As `Http.post`."""
        leash = Leash()
        call = partial(self._post, body, anchor=anchor, deadline=deadline, limit_bytes=limit_bytes, leash=leash)
        try:
            return await self._threads.run(call, limit_s=deadline - time.monotonic() + _GRACE_S)
        except NoThreadFree as busy:
            raise Transient("unreachable", detail="not sent, earlier requests hang") from busy
        except CallStuck as stuck:
            leash.hang_up()
            raise ReplyLost("no answer in time") from stuck

    async def close(self) -> None:
        """As `Http.close`."""
        self._threads.close()
        self._lines.close()

    def _post(self, body: bytes, *, anchor: str, deadline: float, limit_bytes: int, leash: Leash) -> Answer:
        line = self._lines.take()
        try:
            answer = line.post(body, anchor=anchor, deadline=deadline, limit_bytes=limit_bytes, leash=leash)
        except ReplyLost:
            line.close()
            raise
        except (RequestException, HTTPError, HTTPException, SpnegoError, KeyError, OSError) as broken:
            line.close()
            raise failure(broken, anything_was_sent=anything_was_sent()) from broken
        self._lines.give_back(line)
        return answer
