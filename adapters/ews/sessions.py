"""exchangelib's sessions for one tenant, kept apart from every other tenant's.

`exchangelib.Protocol` will not do: it is cached for the whole process by endpoint and credentials, with its pool size
and even its first connection error; its CA is a class attribute; a thread may wait in its pool for ever (measured with
5.6.0). `BaseProtocol` below it has no cache and still makes sessions for every kind of authentication.
"""

import requests
from exchangelib.configuration import Configuration
from exchangelib.credentials import Credentials
from exchangelib.protocol import BaseProtocol
from exchangelib.transport import BASIC, NTLM

from adapters.ews.settings import EwsSettings, NtlmAuth
from adapters.ews.wire import WatchedAdapter
from adapters.exchange.http import USER_AGENT
from adapters.exchange.response_body import ACCEPTED


class EwsProtocol(BaseProtocol):  # type: ignore[misc]  # exchangelib has no types
    """Makes sessions that trust the tenant's authority and nothing from the environment."""

    HTTP_ADAPTER_CLS = WatchedAdapter

    def __init__(self, settings: EwsSettings) -> None:
        auth = settings.auth
        super().__init__(
            Configuration(
                credentials=Credentials(auth.username, auth.password),
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
        session.headers["Accept-Encoding"] = ACCEPTED
        return session

    def fixed_headers(self) -> dict[str, str]:
        """The headers of every request, Authorization aside, for requests that go over no session."""
        session = self.create_session()
        session.auth = None
        request = session.prepare_request(requests.Request("POST", self.service_endpoint))
        return {name: value for name, value in request.headers.items() if name != "Content-Length"}
