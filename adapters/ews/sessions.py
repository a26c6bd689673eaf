"""exchangelib's sessions for one tenant, kept apart from every other tenant's.

`exchangelib.Protocol` will not do: it is cached for the whole process by endpoint and credentials, with its pool size
and even its first connection error; its CA is a class attribute; a thread may wait in its pool for ever (measured with
5.6.0). `BaseProtocol` below it has no cache and still makes sessions for every kind of authentication.
"""

import threading
import time
from importlib.metadata import PackageNotFoundError, version

import requests
from exchangelib.configuration import Configuration
from exchangelib.credentials import Credentials
from exchangelib.protocol import BaseProtocol
from exchangelib.transport import BASIC, NTLM

from adapters.ews.settings import BasicAuth, EwsSettings, NtlmAuth
from adapters.ews.wire import WatchedAdapter

IDLE_LIMIT_S = 50.0
"""IIS drops idle connections after 120 s, common load balancers after 60 s; a write into a dropped one is `Unknown`."""


def _user_agent() -> str:
    try:
        return f"roomsync/{version('roomsync')}"
    except PackageNotFoundError:  # a checkout that is run without being installed
        return "roomsync/0"


USER_AGENT = _user_agent()
"""Administrators put it on the allow list of Exchange's user-agent policy: it changes with the version only."""


class EwsProtocol(BaseProtocol):  # type: ignore[misc]  # exchangelib has no types
    """Makes sessions that trust the tenant's authority and nothing from the environment."""

    HTTP_ADAPTER_CLS = WatchedAdapter

    def __init__(self, settings: EwsSettings) -> None:
        auth = settings.auth
        super().__init__(
            Configuration(
                credentials=Credentials(auth.username, _password(auth)),
                service_endpoint=settings.service_url,
                auth_type=NTLM if isinstance(auth, NtlmAuth) else BASIC,
            )
        )
        self._verify: str | bool = str(settings.ca_file) if settings.ca_file else True

    def raw_session(self, prefix: str, **oauth: object) -> requests.Session:
        """A session as exchangelib makes it, with our own trust, name and no proxy or netrc of the environment."""
        session: requests.Session = super().raw_session(prefix, **oauth)
        session.trust_env = False
        session.verify = self._verify
        session.headers["User-Agent"] = USER_AGENT
        return session


def _password(auth: BasicAuth | NtlmAuth) -> str | bytes:
    """The password as requests can send it: one that Latin-1 cannot write fails there, and goes as UTF-8 (RFC 7617)."""
    try:
        auth.password.encode("latin-1")
    except UnicodeEncodeError:
        return auth.password if isinstance(auth, NtlmAuth) else auth.password.encode("utf-8")
    return auth.password


class Sessions:
    """Sessions that are not in use, the last used one first; each holds one connection."""

    def __init__(self, protocol: EwsProtocol, *, idle_limit_s: float = IDLE_LIMIT_S) -> None:
        self._protocol = protocol
        self._idle_limit_s = idle_limit_s
        self._idle: list[tuple[float, requests.Session]] = []
        self._is_closed = False
        self._lock = threading.Lock()

    def take(self) -> requests.Session:
        """A session whose connection is fresh, or a new one; never waits."""
        with self._lock:
            dropped_at = time.monotonic() - self._idle_limit_s
            stale = [session for idle_since, session in self._idle if idle_since < dropped_at]
            del self._idle[: len(stale)]  # the oldest lie first
            session = self._idle.pop()[1] if self._idle else None
        for each in stale:
            each.close()
        return session or self._protocol.create_session()

    def give_back(self, session: requests.Session) -> None:
        """Keep a session whose last answer was read to its end."""
        with self._lock:
            if not self._is_closed:
                self._idle.append((time.monotonic(), session))
                return
        session.close()

    def close(self) -> None:
        """Close what is not in use now, and the rest when it is given back."""
        with self._lock:
            idle, self._idle, self._is_closed = self._idle, [], True
        for _, session in idle:
            session.close()
