"""A tenant's endpoint: posts a request and says what is certain about it: answered, not sent, or lost on the way."""

import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Protocol

from adapters.errors import CalendarError, Doubt, Misconfigured, Transient

CONNECT_TIMEOUT_S = 10.0
IDLE_LIMIT_S = 50.0
"""IIS drops idle connections after 120 s, common load balancers after 60 s; a write into a dropped one is `Unknown`."""
ANCHOR = "X-AnchorMailbox"
"""The header with the mailbox that the server shall route by."""

WRITE_LIMIT_BYTES = 2**20
"""An item of a write's answer takes a kilobyte, and a batch holds a hundred."""
READ_LIMIT_BYTES = 16 * 2**20
"""A page of 1,000 events with the longest subjects, places and marks that a search gives takes 5 MiB; the bodies of ten
events may be 1.6 MiB each."""
FRESH_CONNECTION = frozenset({401, 408, 421, 425, 440, 499})
"""After these statuses the connection is given up: they speak of it, or of what stands at its other end."""


ENDPOINT_AT_SECOND = Doubt(code="endpoint_wrong", at_once=False)
"""Of an answer that Exchange would not give: met twice, it may not be Exchange that answers."""


def _user_agent() -> str:
    try:
        return f"roomsync/{version('roomsync')}"
    except PackageNotFoundError:  # a checkout that is run without being installed
        return "roomsync/0"


USER_AGENT = _user_agent()
"""Administrators put it on the allow list of Exchange's user-agent policy: it changes with the version only."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answered, read to its end. `headers` take names in any case; equal ones are joined by commas."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class ReplyLost(Exception):
    """The request left and no whole answer came back: it may have been applied. Its text names the cause.

    `code`: what a read failed with; `doubt`: what the answer may tell of the tenant.
    """

    def __init__(self, cause: str, *, code: str = "unreachable", doubt: Doubt | None = None) -> None:
        super().__init__(cause)
        self.code = code
        self.doubt = doubt


class Http(Protocol):
    """One tenant's endpoint."""

    async def post(self, body: bytes, *, anchor: str, deadline: float, limit_bytes: int = READ_LIMIT_BYTES) -> Answer:
        """Send the body once and follow no redirect.

        Args:
            anchor: the mailbox that the server shall route by.
            deadline: by `time.monotonic()`; the call ends within a second of it.
            limit_bytes: what is read and inflated of the answer's body at the most.

        Raises:
            CalendarError: the request was certainly not sent.
            ReplyLost: it may have arrived.
        """
        ...

    async def close(self) -> None:
        """Close the connections that are not in use, and the others when their requests are over."""
        ...


def failure(broken: Exception, *, anything_was_sent: bool) -> CalendarError | ReplyLost:
    """What it means that a request ended so."""
    causes = list(_causes(broken))
    detail = type(causes[-1]).__name__
    if anything_was_sent:
        return ReplyLost(detail)
    for cause in reversed(causes):  # aiohttp's own calls itself one, too, and lies above it
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Misconfigured("untrusted_certificate", detail=cause.verify_message)
    return Transient("unreachable", detail=detail)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what lies beneath it; the libraries hide causes in `args` and `reason`."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        hidden = [*error.args, getattr(error, "reason", None), error.__cause__, error.__context__]
        error = next((each for each in hidden if isinstance(each, BaseException)), None)
