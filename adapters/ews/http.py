"""Posts one request and says what is certain about it: answered, certainly not sent, or lost on the way."""

import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

import requests
from requests.exceptions import RequestException
from spnego.exceptions import SpnegoError
from urllib3.exceptions import HTTPError

from adapters.errors import CalendarError, Misconfigured, Transient
from adapters.ews.sessions import EwsProtocol, Sessions
from adapters.ews.settings import EwsSettings
from adapters.ews.wire import WatchedAdapter, anything_was_sent


class ReplyLost(Exception):
    """The request left and no whole answer came back: it may have been applied. Its text names the cause."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answered, read to its end."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class Http:
    """One tenant's endpoint. Blocks; safe to use from several threads."""

    def __init__(self, settings: EwsSettings) -> None:
        self._url = settings.service_url
        self._sessions = Sessions(EwsProtocol(settings))

    def post(self, body: bytes, *, anchor: str, deadline: float) -> Answer:
        """Send the body once. `anchor`: the mailbox that the server shall route by; `deadline`: by `time.monotonic()`.

        Raises:
            CalendarError: the request was certainly not sent.
            ReplyLost: it may have arrived.
        """
        session = self._sessions.take()
        adapter = cast(WatchedAdapter, session.get_adapter(self._url))
        adapter.deadline, adapter.last_answer = deadline, None
        try:
            response = session.post(self._url, data=body, headers={"X-AnchorMailbox": anchor}, allow_redirects=False)
        except (KeyError, PermissionError, SpnegoError) as broken:
            # requests_ntlm stumbles over an answer without a challenge: that answer is the server's word.
            session.close()
            if adapter.last_answer is None:
                raise _failure(broken) from broken
            return _answer(adapter.last_answer)
        except (RequestException, HTTPError, OSError) as broken:
            session.close()
            raise _failure(broken) from broken
        if response.status_code == 401:
            session.close()  # with NTLM the connection itself was turned away
        else:
            self._sessions.give_back(session)
        return _answer(response)

    def close(self) -> None:
        """Close the connections that are not in use."""
        self._sessions.close()


def _answer(response: requests.Response) -> Answer:
    return Answer(response.status_code, response.headers, response.content)


def _failure(broken: Exception) -> CalendarError | ReplyLost:
    causes = list(_causes(broken))
    detail = type(causes[-1]).__name__
    if anything_was_sent():
        return ReplyLost(detail)
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Misconfigured("untrusted_certificate", detail=cause.verify_message)
    return Transient("unreachable", detail=detail)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what lies beneath it; requests and urllib3 hide causes in `args` and `reason`."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        hidden = [*error.args, getattr(error, "reason", None), error.__cause__, error.__context__]
        error = next((each for each in hidden if isinstance(each, BaseException)), None)
