"""Turns what Exchange answers into our errors, by table.

Not by exchangelib's exceptions: every EWS error there is a TransportError, a code that it does not know has no class of
its own, and a busy server that named no wait gets one invented. Source of the codes: Microsoft, "ResponseCode".
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from adapters.errors import CalendarError, Misconfigured, Refused, Throttled, Transient, Unknown
from adapters.ews import answers
from adapters.ews.answers import Complaint
from adapters.ews.http import Answer

# An id that the server cannot read any more (a mailbox moved between systems) is answered like one that is gone: the
# worker looks and finds the event under its new id.
GONE = frozenset({"ErrorItemNotFound", "ErrorInvalidId", "ErrorInvalidIdMalformed"})

ZONE_UNKNOWN = frozenset({"ErrorTimeZone", "ErrorCalendarInvalidTimeZone"})

_THROTTLES = frozenset({"ErrorServerBusy", "ErrorExceededConnectionCount", "ErrorTooManyObjectsOpened"})

# Exchange gave up while working: a write may have been applied, or may still be.
_UNDECIDED = frozenset({"ErrorTimeoutExpired", "ErrorInternalServerError", "Server", "Receiver"})

_GROUPS: Mapping[tuple[type[Transient] | type[Refused] | type[Misconfigured], str], str] = {
    (Transient, "store_unavailable"): """ErrorMailboxMoveInProgress ErrorMailboxStoreUnavailable ErrorMailboxFailover
        ErrorADUnavailable ErrorADOperation ErrorConnectionFailed ErrorConnectionFailedTransientError
        ErrorNoRespondingCASInDestinationSite ErrorNoApplicableProxyCASServersAvailable ErrorServiceUnavailable""",
    (Transient, "server_error"): """ErrorInternalServerTransientError ErrorInsufficientResources
        ErrorExceededFindCountLimit ErrorBatchProcessingStopped""",
    (Transient, "write_conflict"): "ErrorIrresolvableConflict ErrorStaleObject",
    (Refused, "room_not_found"): "ErrorNonExistentMailbox ErrorNonPrimarySmtpAddress ErrorInvalidSmtpAddress",
    (Refused, "rights_missing"): """ErrorImpersonateUserDenied ErrorAccessDenied ErrorCreateItemAccessDenied
        ErrorFolderNotFound ErrorItemNotFound""",
    (Refused, "mailbox_full"): "ErrorQuotaExceeded",
    (Refused, "mailbox_unusable"): """ErrorMailboxConfiguration ErrorAccountDisabled ErrorInvalidLicense
        ErrorMissingEmailAddress ErrorNoCalendar""",
    (Refused, "event_refused"): """ErrorCalendarEndDateIsEarlierThanStartDate ErrorCalendarDurationIsTooLong
        ErrorCalendarInvalidRecurrence ErrorCalendarOutOfRange ErrorCalendarInvalidTimeZone ErrorTimeZone
        ErrorCalendarInvalidPropertyValue ErrorCalendarInvalidPropertyState ErrorInvalidExtendedProperty
        ErrorInvalidExtendedPropertyValue ErrorInvalidPropertySet ErrorInvalidValueForProperty
        ErrorPropertyValidationFailure ErrorSchemaValidation ErrorCorruptData ErrorItemCorrupt
        ErrorMessageSizeExceeded ErrorDataSizeLimitExceeded""",
    (Misconfigured, "impersonation_denied"): """ErrorImpersonationDenied ErrorImpersonationFailed
        ErrorImpersonationRequired""",
    (Misconfigured, "credentials_rejected"): "ErrorPasswordExpired ErrorPasswordChangeRequired",
}
ERRORS = {code: (kind, ours) for (kind, ours), codes in _GROUPS.items() for code in codes.split()}
"""Response code → our error and its code. What is not listed is refused, with Exchange's word in `detail`."""


def error_of(complaint: Complaint, *, is_write: bool, whole_tenant: bool = False) -> CalendarError:
    """The error that a complaint of Exchange stands for.

    Args:
        whole_tenant: a throttle is for the account, not for the room (delegate access spends the account's budget;
            impersonation spends the room's. Microsoft, "Impersonation and EWS", "EWS throttling").
    """
    if complaint.code in _THROTTLES or complaint.inner_code in _THROTTLES:
        return Throttled(complaint.back_off_s, whole_tenant=whole_tenant, detail=_detail(complaint))
    if complaint.code in _UNDECIDED or complaint.code.startswith("("):
        return undecided(_detail(complaint), is_write=is_write, retry_after_s=complaint.back_off_s)
    kind, code = ERRORS.get(complaint.code, (Refused, "exchange_refused"))
    return kind(code, detail=_detail(complaint))


def undecided(
    detail: str, *, is_write: bool, code: str = "server_error", retry_after_s: float | None = None
) -> CalendarError:
    """The error for a request that may have been carried out: a write must be looked for, a read may be repeated.

    Args:
        code: what a read failed with.
        retry_after_s: the time that Exchange named, if any; it holds for a look as well as for a read.
    """
    if is_write:
        return Unknown(detail=detail, retry_after_s=retry_after_s)
    return Throttled(retry_after_s, detail=detail) if retry_after_s else Transient(code, detail=detail)


def error_of_status(answer: Answer, *, is_write: bool, whole_tenant: bool = False) -> CalendarError:
    """The error that an HTTP answer other than 200 stands for, as a whole.

    A redirect and a 4xx say that nothing was carried out; of the 5xx only 503 does.
    """
    status, detail = answer.status, f"HTTP {answer.status}"
    if status == 403:
        return _forbidden(answer)
    if status != 401 and (found := answers.fault(answer.content)):
        named = replace(found, back_off_s=found.back_off_s or _retry_after_s(answer))
        return error_of(named, is_write=is_write, whole_tenant=whole_tenant)
    if status in (429, 503):
        return Throttled(_retry_after_s(answer), whole_tenant=whole_tenant, detail=detail)
    if status >= 500 or status < 300:
        return undecided(detail, is_write=is_write, retry_after_s=_retry_after_s(answer))
    kind, code = _STATUSES.get(status, (Refused, "exchange_refused") if status >= 400 else _STATUSES[404])
    return kind(code, detail=detail)


_STATUSES: Mapping[int, tuple[type[Transient] | type[Misconfigured], str]] = {
    401: (Misconfigured, "credentials_rejected"),
    404: (Misconfigured, "endpoint_wrong"),
    405: (Misconfigured, "endpoint_wrong"),
    407: (Misconfigured, "access_blocked"),
    408: (Transient, "unreachable"),
}


def _forbidden(answer: Answer) -> Misconfigured:
    # The body of a 403 must not be read as a reason (Microsoft, "How to control access to EWS").
    reason = answer.headers.get("X-EWS-Policy-Reason")
    return Misconfigured("ews_blocked" if reason else "access_blocked", detail=reason[:200] if reason else "HTTP 403")


def _retry_after_s(answer: Answer) -> float | None:
    """Retry-After in seconds from now; it may be given as seconds or as an HTTP date (RFC 9110 §10.2.3)."""
    value = answer.headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        named_at = parsedate_to_datetime(value)
    except ValueError:
        return None
    named_at = named_at if named_at.tzinfo else named_at.replace(tzinfo=UTC)
    return max(0.0, (named_at - datetime.now(UTC)).total_seconds())


def _detail(complaint: Complaint) -> str:
    return f"{complaint.code}/{complaint.inner_code}" if complaint.inner_code else complaint.code
