"""Posts one request and says what is certain about it: answered, certainly not sent, or lost on the way."""

import ssl
from collections.abc import Iterator
from http.client import HTTPException

from requests.exceptions import RequestException
from spnego.exceptions import SpnegoError
from urllib3.exceptions import HTTPError

from adapters.errors import CalendarError, Misconfigured, Transient
from adapters.ews.lines import Answer, lines_of
from adapters.ews.settings import EwsSettings
from adapters.ews.wire import anything_was_sent, nothing_sent_yet


class ReplyLost(Exception):
    """The request left and no whole answer came back: it may have been applied. Its text names the cause."""


class Http:
    """One tenant's endpoint. Blocks; safe to use from several threads."""

    def __init__(self, settings: EwsSettings) -> None:
        self._lines = lines_of(settings)

    def post(self, body: bytes, *, anchor: str, deadline: float) -> Answer:
        """Send the body once. `anchor`: the mailbox that the server shall route by; `deadline`: by `time.monotonic()`.

        Raises:
            CalendarError: the request was certainly not sent.
            ReplyLost: it may have arrived.
        """
        line = self._lines.take()
        nothing_sent_yet()
        try:
            answer = line.post(body, anchor=anchor, deadline=deadline)
        except (RequestException, HTTPError, HTTPException, SpnegoError, KeyError, OSError) as broken:
            line.close()
            raise _failure(broken) from broken
        self._lines.give_back(line)
        return answer

    def close(self) -> None:
        """Close the connections that are not in use."""
        self._lines.close()


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
