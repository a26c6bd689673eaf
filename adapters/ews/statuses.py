"""What an HTTP answer other than 200 means: never a verdict on a booking, since whoever is in between may have said it.

Whose trouble it is one answer cannot tell: what may be the tenant's is doubted first (docs/decisions/0019).
"""

import re
from dataclasses import replace

from adapters.errors import CalendarError, Doubt, Misconfigured, Throttled, Transient
from adapters.ews import answers
from adapters.ews.translate import error_of, has_ews_code, undecided
from adapters.exchange.http import ENDPOINT_AT_SECOND, Answer
from adapters.exchange.retry_after import retry_after_s

BASIC, NTLM = ("basic",), ("ntlm", "negotiate")
"""The schemes that a way to log in can use, as WWW-Authenticate names them."""

_BLOCKED_AT_SECOND = Doubt(code="access_blocked", at_once=False)
_OUTAGES = frozenset({500, 502, 504, *range(520, 528)})
"""What a server or a gateway (Cloudflare's 52x) says that works again later: of the tenant it tells nothing."""

_REASON_CHARACTERS = 200
_SCHEMES_MAX = 5
# ASP.NET sends there when something failed inside, at any time: also after a write.
_ERROR_PAGE = re.compile("aspxerrorpath|errorpage|internalerror", re.IGNORECASE)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"?')
_SCHEME = re.compile(r"(?:^|,)\s*([A-Za-z][A-Za-z0-9-]{0,20})(?=[\s,]|$)")


def error_of_status(
    answer: Answer, *, is_write: bool, whole_tenant: bool = False, schemes: tuple[str, ...] = ()
) -> CalendarError:
    """The error that an HTTP answer other than 200 stands for, as a whole.

    A 4xx but 499 says that nothing was carried out, as does a redirect to anything but an error page; of the 5xx only
    503 does. A 4xx without a meaning of its own is told of the request, since one of its items may provoke it.

    Args:
        schemes: what WWW-Authenticate must name for the way to log in that is configured; none: any.
    """
    if answer.status == 401:
        return _unauthorized(answer, schemes)
    if answer.status == 403:
        return _forbidden(answer)
    is_busy = answer.status in (429, 503)
    found = answers.fault(answer.content)
    if found and (has_ews_code(found) or not is_busy):
        named = replace(found, back_off_s=found.back_off_s or retry_after_s(answer.headers))
        return error_of(named, is_write=is_write, whole_tenant=whole_tenant)
    if is_busy:
        return Throttled(retry_after_s(answer.headers), whole_tenant=whole_tenant, detail=f"HTTP {answer.status}")
    return _error_of_bare_status(answer, is_write=is_write)


def _error_of_bare_status(answer: Answer, *, is_write: bool) -> CalendarError:
    detail = f"HTTP {answer.status}"
    match answer.status:
        case 404 | 405 | 407:
            code = "access_blocked" if answer.status == 407 else "endpoint_wrong"
            return Misconfigured(code, detail=detail)
        case 408:
            return Transient("unreachable", detail=detail)
        case 499:
            # A proxy gave up on its own request; Exchange may have gone on.
            return undecided(detail, is_write=is_write, code="answer_odd", doubt=ENDPOINT_AT_SECOND)
        case status if 300 <= status < 400:
            return _redirected(answer, is_write=is_write)
        case status if 400 <= status < 500:
            return Transient("answer_odd", detail=detail, doubt=ENDPOINT_AT_SECOND, whole_request=is_write)
        case status:
            wait_s = retry_after_s(answer.headers)
            return undecided(detail, is_write=is_write, retry_after_s=wait_s, doubt=_doubt_of(status))


def _doubt_of(status: int) -> Doubt | None:
    if status in _OUTAGES:
        return None
    return _BLOCKED_AT_SECOND if status == 511 else ENDPOINT_AT_SECOND


def _redirected(answer: Answer, *, is_write: bool) -> CalendarError:
    detail = f"HTTP {answer.status}"
    if _ERROR_PAGE.search(answer.headers.get("Location", "")):
        return undecided(f"{detail} to an error page", is_write=is_write, code="answer_odd", doubt=ENDPOINT_AT_SECOND)
    return Misconfigured("endpoint_wrong", detail=detail)


def _unauthorized(answer: Answer, schemes: tuple[str, ...]) -> Misconfigured:
    challenges = _QUOTED.sub("", answer.headers.get("WWW-Authenticate", ""))
    offered = list(dict.fromkeys(_SCHEME.findall(challenges)))
    if not offered or not schemes or any(each.lower() in schemes for each in offered):
        return Misconfigured("credentials_rejected", detail="HTTP 401")
    return Misconfigured(
        "login_scheme_not_offered", detail=f"the server offers {', '.join(offered[:_SCHEMES_MAX])} only"
    )


def _forbidden(answer: Answer) -> Misconfigured:
    # The body of a 403 must not be read as a reason (Microsoft, "How to control access to EWS").
    reason = printable(answer.headers.get("X-EWS-Policy-Reason", ""))
    return Misconfigured("ews_blocked" if reason else "access_blocked", detail=reason or "HTTP 403")


def printable(text: str) -> str:
    """What a server says, fit for logs and terminals: no control, bidi or escape characters, and not without end."""
    shown = "".join(each if each.isprintable() else " " for each in text[: 4 * _REASON_CHARACTERS])
    return " ".join(shown.split())[:_REASON_CHARACTERS]
