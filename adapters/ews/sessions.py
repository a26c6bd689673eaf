"""exchangelib's sessions for one tenant, kept apart from every other tenant's.

`exchangelib.Protocol` will not do: it is cached for the whole process by endpoint and credentials, with its pool size
and even its first connection error; its CA is a class attribute; a thread may wait in its pool for ever (measured with
5.6.0). `BaseProtocol` below it has no cache and still makes sessions for every kind of authentication.
"""

from importlib.metadata import PackageNotFoundError, version

import requests
from exchangelib.configuration import Configuration
from exchangelib.credentials import Credentials
from exchangelib.protocol import BaseProtocol
from exchangelib.transport import BASIC, NTLM
from requests.auth import HTTPBasicAuth

from adapters.ews.settings import EwsSettings, NtlmAuth
from adapters.ews.wire import WatchedAdapter
from adapters.exchange.response_body import ACCEPTED


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
        self._auth = settings.auth
        super().__init__(
            Configuration(
                credentials=Credentials(self._auth.username, self._auth.password),
                service_endpoint=settings.service_url,
                auth_type=NTLM if isinstance(self._auth, NtlmAuth) else BASIC,
            )
        )
        self._verify: str | bool = str(settings.ca_file) if settings.ca_file else True

    def raw_session(self, prefix: str, **oauth: object) -> requests.Session:
        """A session as exchangelib makes it, with our own trust, name and no proxy or netrc of the environment."""
        session: requests.Session = super().raw_session(prefix, **oauth)
        session.trust_env = False
        session.verify = self._verify
        session.headers["User-Agent"] = USER_AGENT
        session.headers["Accept-Encoding"] = ACCEPTED
        return session

    def basic_headers(self) -> dict[str, str]:
        """The headers of every request that logs in with Basic."""
        session = self.create_session()
        # It takes bytes as well, whatever its types say.
        session.auth = HTTPBasicAuth(_as_sent(self._auth.username), _as_sent(self._auth.password))  # type: ignore[arg-type]
        request = session.prepare_request(requests.Request("POST", self.service_endpoint))
        return {name: value for name, value in request.headers.items() if name != "Content-Length"}


def _as_sent(text: str) -> str | bytes:
    """As requests can send it: what Latin-1 cannot write fails there, and goes as UTF-8 (RFC 7617)."""
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8")
    return text
