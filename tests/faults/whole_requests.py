"""The table of what can befall a whole CreateItem request of three bookings, and what happens next."""

from adapters.simulator import (
    CodeAlthoughApplied,
    ErrorAlthoughApplied,
    HtmlPage,
    HttpStatus,
    LateApply,
    LateReply,
    LoseReply,
    RequestCode,
    ResetBefore,
    SoapFault200,
    Throttle,
    ThrottleInside,
    TooManyConnections,
    TruncatedXml,
)
from tests.faults.stories import AT_ONCE_S, LOOKED_FOR, LOOKED_FOR_AT_S, SYNCED, Story

FOR_GOOD = 99
ONE_BY_ONE = {"CreateItem": 4, "FindItem": 1}
"""The refused request, a look whether it was applied anyway, then each booking alone (docs/protocol.md#rule-8)."""


def sent_twice(**changes: object) -> Story:
    """Certainly not applied, so it is waited out in hand and sent again; the commands are told nothing of it."""
    story = {"told": SYNCED, "done_s": (0.5, 1.5), "requests": {"CreateItem": 2}}
    return Story(**(story | changes))  # type: ignore[arg-type]  # a builder takes any


def written_once(**changes: object) -> Story:
    """It may have been applied, and it was: the look finds the events and adopts them."""
    story = {"told": LOOKED_FOR, "done_s": LOOKED_FOR_AT_S, "requests": {"CreateItem": 1, "FindItem": 2}}
    return Story(**(story | changes))  # type: ignore[arg-type]  # a builder takes any


def looked_for(**changes: object) -> Story:
    """It may have been applied, and it was not: the look finds nothing, so it is sent again."""
    story = {"told": LOOKED_FOR, "done_s": LOOKED_FOR_AT_S, "requests": {"CreateItem": 2, "FindItem": 2}}
    return Story(**(story | changes))  # type: ignore[arg-type]  # a builder takes any


def refused(code: str, **changes: object) -> Story:
    """No event, no second try: each command is parked with the code, and the room is asked nothing more."""
    story = {
        "told": (f"failed: {code}",),
        "done_s": AT_ONCE_S,
        "requests": ONE_BY_ONE,
        "times": FOR_GOOD,
        "written": 0,
        "stand": (),
    }
    return Story(**(story | changes))  # type: ignore[arg-type]  # a builder takes any


def sent_away(code: str, **changes: object) -> Story:
    """Three tries in hand, then a quarter of a minute at the broker; when it comes back it is written."""
    story = {
        "times": 3,
        "told": (f"back in 15 s: {code}", "synced"),
        "done_s": (16.0, 20.0),
        "requests": {"CreateItem": 4},
    }
    return Story(**(story | changes))  # type: ignore[arg-type]  # a builder takes any


WHOLE_REQUESTS = {
    "the connection is reset before the request is read": looked_for(fault=ResetBefore()),
    "the connection is reset after the request was applied": written_once(fault=LoseReply()),
    "the connection is reset, and the request is applied later": written_once(fault=LateApply(0.1)),
    "the reply comes after the time-out, the request being applied": written_once(
        fault=LateReply(0.8), ews_timeout_s=0.4
    ),
    "HTTP 500": looked_for(fault=HttpStatus(500)),
    "HTTP 500 although applied": written_once(fault=ErrorAlthoughApplied()),
    "HTTP 500 that asks for 7 s": looked_for(fault=HttpStatus(500, retry_after=7)),
    "HTTP 502": looked_for(fault=HttpStatus(502)),
    "HTTP 502 that asks for 7 s": looked_for(fault=HttpStatus(502, retry_after=7)),
    "HTTP 503": sent_twice(fault=HttpStatus(503)),
    "HTTP 503 that asks for 7 s": sent_twice(fault=HttpStatus(503, retry_after=7), done_s=(7.0, 7.5)),
    "HTTP 503 that asks for two minutes": sent_twice(
        fault=HttpStatus(503, retry_after=120),
        told=("back in 60 s: throttled", "back in 60 s: throttled", "synced"),
        done_s=(120.0, 120.5),
    ),
    "HTTP 429 that asks for 7 s": sent_twice(fault=HttpStatus(429, retry_after=7), done_s=(7.0, 7.5)),
    "ErrorServerBusy for 5 s": sent_twice(fault=Throttle(5000), done_s=(5.0, 5.5)),
    "ErrorServerBusy for five minutes": sent_twice(
        fault=Throttle(297749), told=(*["back in 60 s: throttled"] * 4, "synced"), done_s=(297.7, 299.0)
    ),
    "ErrorServerBusy without a time": sent_twice(fault=Throttle(None)),
    "ErrorServerBusy with a time of 0 ms": sent_twice(fault=Throttle(0)),
    "ErrorServerBusy for 25 s, again and again": sent_twice(
        fault=Throttle(25_000),
        times=4,
        told=("back in 15 s: throttled", *SYNCED),
        done_s=(100.0, 103.0),
        requests={"CreateItem": 5},
    ),
    "ErrorServerBusy inside an internal error": sent_twice(fault=ThrottleInside(5000), done_s=(5.0, 5.5)),
    "ErrorExceededConnectionCount": sent_twice(fault=TooManyConnections()),
    "ErrorInternalServerTransientError": sent_twice(fault=RequestCode("ErrorInternalServerTransientError")),
    "ErrorInternalServerTransientError, three times": sent_away(
        "server_error", fault=RequestCode("ErrorInternalServerTransientError")
    ),
    "ErrorTimeoutExpired, not applied": looked_for(fault=RequestCode("ErrorTimeoutExpired")),
    "ErrorTimeoutExpired, applied": written_once(fault=CodeAlthoughApplied("ErrorTimeoutExpired")),
    "ErrorInternalServerError, applied": written_once(fault=CodeAlthoughApplied("ErrorInternalServerError")),
    "ErrorMailboxMoveInProgress": sent_twice(fault=RequestCode("ErrorMailboxMoveInProgress")),
    "ErrorMailboxMoveInProgress, three times": sent_away(
        "store_unavailable", fault=RequestCode("ErrorMailboxMoveInProgress")
    ),
    "ErrorMailboxStoreUnavailable": sent_twice(fault=RequestCode("ErrorMailboxStoreUnavailable")),
    "ErrorMailboxStoreUnavailable for some minutes": sent_away(
        "store_unavailable",
        fault=RequestCode("ErrorMailboxStoreUnavailable"),
        times=9,
        told=(
            "back in 15 s: store_unavailable",
            "back in 60 s: store_unavailable",
            "delayed: store_unavailable",
            "back in 300 s: store_unavailable",
            "synced",
        ),
        done_s=(378.0, 390.0),
        requests={"CreateItem": 10},
    ),
    "ErrorIrresolvableConflict": sent_twice(fault=RequestCode("ErrorIrresolvableConflict")),
    "ErrorNonExistentMailbox": refused("room_not_found", fault=RequestCode("ErrorNonExistentMailbox")),
    "ErrorNonExistentMailbox in a fault with HTTP 200": refused(
        "room_not_found", fault=SoapFault200("ErrorNonExistentMailbox")
    ),
    "ErrorImpersonateUserDenied": refused("rights_missing", fault=RequestCode("ErrorImpersonateUserDenied")),
    "ErrorAccessDenied": refused("rights_missing", fault=RequestCode("ErrorAccessDenied")),
    "ErrorQuotaExceeded": refused("mailbox_full", fault=RequestCode("ErrorQuotaExceeded")),
    "ErrorQuotaExceeded for the request, not for its items": refused(
        "mailbox_full",
        fault=RequestCode("ErrorQuotaExceeded"),
        times=1,
        told=SYNCED,
        written=3,
        stand=("B-0", "B-1", "B-2"),
    ),
    "a refusal although applied": refused(
        "mailbox_full",
        fault=CodeAlthoughApplied("ErrorQuotaExceeded"),
        times=1,
        told=SYNCED,
        requests={"CreateItem": 1, "FindItem": 1},
        written=3,
        stand=("B-0", "B-1", "B-2"),
    ),
    "an unknown response code": refused("exchange_refused", fault=RequestCode("ErrorNeverHeardOf")),
    "truncated XML, applied": written_once(fault=TruncatedXml()),
    "truncated XML, not applied": looked_for(fault=TruncatedXml(applied=False)),
    "an HTML error page": looked_for(fault=HtmlPage()),
    "an HTML error page with HTTP 500": looked_for(fault=HtmlPage(500)),
}
"""By what befalls the request. Nothing here opens the tenant's breaker or costs another room anything."""
