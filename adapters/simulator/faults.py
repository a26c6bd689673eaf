"""Scripted trouble: what can go wrong with a request, each in the shape that clients of Exchange have met.

A fault plays itself on a `Call`: it may refuse, spoil items, apply the request and lie about it, or stay silent.
"""

import asyncio
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate

from adapters.simulator.troubles import RESET, TOO_MANY, Answer, Call, Fault, Trouble, page


@dataclass(frozen=True, slots=True)
class Throttle:
    """The server is busy and says for how long, or (None) does not. `enforce`: it stays so until then."""

    back_off_ms: int | None = 5000
    enforce: bool = False

    async def play(self, call: Call) -> Answer:
        """Refuse the request."""
        _name(call, self.back_off_ms, enforce=self.enforce)
        return call.refuse("ErrorServerBusy", _back_off(self.back_off_ms))


@dataclass(frozen=True, slots=True)
class ThrottleItem:
    """One item of a batch meets a busy server, the others are done."""

    index: int
    back_off_ms: int | None = 5000
    enforce: bool = False

    async def play(self, call: Call) -> Answer:
        """Do the other items."""
        _name(call, self.back_off_ms, enforce=self.enforce)
        busy = Trouble(code="ErrorServerBusy", values=_back_off(self.back_off_ms))
        return call.apply(lambda index: busy if index == self.index else None)


@dataclass(frozen=True, slots=True)
class ThrottleInside:
    """Every item answers an internal error, inside which the server is busy."""

    back_off_ms: int | None = 5000
    enforce: bool = False

    async def play(self, call: Call) -> Answer:
        """Refuse every item."""
        _name(call, self.back_off_ms, enforce=self.enforce)
        inner = {
            "InnerErrorMessageText": "The server cannot service this request right now. Try again later.",
            "InnerErrorResponseCode": "ErrorServerBusy",
            "InnerErrorDescriptiveLinkKey": "0",
        }
        busy = Trouble(code="ErrorInternalServerError", values=inner | _back_off(self.back_off_ms))
        return call.apply(lambda _: busy)


@dataclass(frozen=True, slots=True)
class TooManyConnections:
    """More requests at once than the policy allows; the hint is 0 ms, as Exchange gives it."""

    async def play(self, call: Call) -> Answer:
        """Refuse the request."""
        return call.refuse("ErrorExceededConnectionCount", TOO_MANY)


@dataclass(frozen=True, slots=True)
class RequestCode:
    """The whole request is refused with a response code; nothing is applied."""

    code: str

    async def play(self, call: Call) -> Answer:
        """Refuse the request."""
        return call.refuse(self.code)


@dataclass(frozen=True, slots=True)
class SoapFault200:
    """As `RequestCode`, with HTTP 200 and without `detail`, as some servers answer."""

    code: str

    async def play(self, call: Call) -> Answer:
        """Refuse the request."""
        return call.refuse(self.code, status=200, bare=True)


@dataclass(frozen=True, slots=True)
class ItemCode:
    """One item is refused with a response code and not applied; the others are done."""

    index: int
    code: str

    async def play(self, call: Call) -> Answer:
        """Do the other items."""
        return call.apply(lambda index: Trouble(code=self.code) if index == self.index else None)


@dataclass(frozen=True, slots=True)
class CodeAlthoughApplied:
    """A response code, and yet the write is done: of the whole request, or of the item with an index."""

    code: str
    index: int | None = None

    async def play(self, call: Call) -> Answer:
        """Do everything, and deny it."""
        if self.index is None:
            call.apply()
            return call.refuse(self.code)
        return call.apply(lambda index: Trouble(code=self.code, applied=True) if index == self.index else None)


@dataclass(frozen=True, slots=True)
class StopBatch:
    """The batch stops after the item with an index, which is done, or refused with `code`; those after it never run."""

    index: int
    code: str | None = None

    async def play(self, call: Call) -> Answer:
        """Do the items before."""
        return call.apply(self._spoil)

    def _spoil(self, index: int) -> Trouble | None:
        if index > self.index:
            return Trouble(code="ErrorBatchProcessingStopped", warning=True)
        return Trouble(code=self.code) if index == self.index and self.code else None


@dataclass(frozen=True, slots=True)
class ErrorAlthoughApplied:
    """HTTP 500 with a page of IIS, and yet everything is applied."""

    async def play(self, call: Call) -> Answer:
        """Do everything, and deny it."""
        call.apply()
        return page(500, "Server Error")


@dataclass(frozen=True, slots=True)
class HttpStatus:
    """A plain HTTP status before EWS saw the request.

    `retry_after`: seconds, or a date as HTTP writes it; `as_date`: the seconds are told as a date (the next full one).
    """

    status: int
    retry_after: int | str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    enforce: bool = False
    as_date: bool = False

    async def play(self, call: Call) -> Answer:
        """Refuse the request."""
        after = self.headers if self.retry_after is None else {"Retry-After": self._name(call), **self.headers}
        return page(self.status, "Service Unavailable" if self.status == 503 else "Error", after)

    def _name(self, call: Call) -> str:
        if not isinstance(self.retry_after, int):
            return str(self.retry_after)
        if not self.as_date:
            call.name_time(self.retry_after * 1000, enforce=self.enforce)
            return str(self.retry_after)
        now_at = time.time()
        named_at = math.ceil(now_at + self.retry_after)
        call.name_time(int((named_at - now_at) * 1000), enforce=self.enforce)
        return formatdate(named_at, usegmt=True)


@dataclass(frozen=True, slots=True)
class Unauthorized:
    """Credentials are rejected although they are right (an expired secret, a locked account)."""

    async def play(self, _: Call) -> Answer:
        """Refuse the request."""
        return page(401, "Unauthorized", {"WWW-Authenticate": 'Basic realm="simulator"'})


@dataclass(frozen=True, slots=True)
class BlockedByPolicy:
    """Exchange Online blocks EWS. Source: "Control access to EWS in Exchange"."""

    reason: str = "EWS is disabled for this user or tenant"

    async def play(self, _: Call) -> Answer:
        """Refuse the request."""
        return page(403, "Forbidden", {"X-EWS-Policy-Reason": self.reason})


@dataclass(frozen=True, slots=True)
class ResetBefore:
    """The connection is reset before the request is applied."""

    async def play(self, _: Call) -> Answer:
        """Do nothing."""
        return RESET


@dataclass(frozen=True, slots=True)
class LoseReply:
    """The connection is reset after the request is applied."""

    async def play(self, call: Call) -> Answer:
        """Do everything."""
        call.apply()
        return RESET


@dataclass(frozen=True, slots=True)
class LateReply:
    """Applied and answered after a delay."""

    delay_s: float

    async def play(self, call: Call) -> Answer:
        """Wait, then do everything."""
        await asyncio.sleep(self.delay_s)
        return call.apply()


@dataclass(frozen=True, slots=True)
class LateApply:
    """The connection is reset at once, and the request is applied after a delay all the same."""

    delay_s: float

    async def play(self, call: Call) -> Answer:
        """Promise to do everything."""
        call.apply_later(self.delay_s)
        return RESET


@dataclass(frozen=True, slots=True)
class TruncatedXml:
    """The answer ends in the middle; the request is applied unless `applied` says otherwise."""

    applied: bool = True

    async def play(self, call: Call) -> Answer:
        """Do everything, or nothing, and say half of it."""
        whole = call.apply() if self.applied else call.refuse("ErrorInternalServerError", status=200)
        return Answer(body=whole.body[: len(whole.body) * 2 // 3])


@dataclass(frozen=True, slots=True)
class HtmlPage:
    """A page for people in place of an answer, as a proxy or a maintenance site gives it; nothing is applied."""

    status: int = 200

    async def play(self, _: Call) -> Answer:
        """Do nothing."""
        return page(self.status, "We will be back soon")


def _back_off(back_off_ms: int | None) -> dict[str, str]:
    return {} if back_off_ms is None else {"BackOffMilliseconds": str(back_off_ms)}


def _name(call: Call, back_off_ms: int | None, *, enforce: bool) -> None:
    if back_off_ms:
        call.name_time(back_off_ms, enforce=enforce)


FAULTS: dict[str, type[Fault]] = {
    kind.__name__: kind
    for kind in (
        Throttle,
        ThrottleItem,
        ThrottleInside,
        TooManyConnections,
        RequestCode,
        SoapFault200,
        ItemCode,
        CodeAlthoughApplied,
        StopBatch,
        ErrorAlthoughApplied,
        HttpStatus,
        Unauthorized,
        BlockedByPolicy,
        ResetBefore,
        LoseReply,
        LateReply,
        LateApply,
        TruncatedXml,
        HtmlPage,
    )
}
"""Every fault by its name, for scripts."""
