"""Turns what Exchange answers into our errors, by table.

Not by exchangelib's exceptions: every EWS error there is a TransportError, a code that it does not know has no class of
its own, and a busy server that named no wait gets one invented. Source of the codes: Microsoft, "ResponseCode".
"""

from adapters.errors import CalendarError, Doubt, Refused, Throttled, Transient, Unknown
from adapters.ews.answers import NO_CODE, Complaint
from adapters.ews.response_codes import ERRORS, SOAP_BUSY, SOAP_FAILED, THROTTLES, UNDECIDED
from adapters.exchange.http import ENDPOINT_AT_SECOND


def error_of(complaint: Complaint, *, is_write: bool, whole_tenant: bool = False) -> CalendarError:
    """The error that a complaint of Exchange stands for.

    Args:
        whole_tenant: a throttle is for the account, not for the room (delegate access spends the account's budget;
            impersonation spends the room's. Microsoft, "Impersonation and EWS", "EWS throttling").
    """
    if complaint.code in THROTTLES | SOAP_BUSY or complaint.inner_code in THROTTLES:
        return Throttled(complaint.back_off_s, whole_tenant=whole_tenant, detail=_detail(complaint))
    wait_s = complaint.back_off_s
    if complaint.code in UNDECIDED | SOAP_FAILED:
        return undecided(_detail(complaint), is_write=is_write, retry_after_s=wait_s)
    if not has_ews_code(complaint):
        is_missing = complaint.code == NO_CODE
        code = "answer_unreadable" if is_missing else "answer_odd"
        detail = "ResponseCode is missing" if is_missing else _detail(complaint)
        return undecided(detail, is_write=is_write, code=code, retry_after_s=wait_s, doubt=ENDPOINT_AT_SECOND)
    kind, code = ERRORS.get(complaint.code, (Refused, "exchange_refused"))
    return kind(code, detail=_detail(complaint))


def has_ews_code(complaint: Complaint) -> bool:
    """Whether the code is one of EWS, known or not: only such a one is a verdict on a booking."""
    return complaint.code.startswith("Error")


def undecided(
    detail: str,
    *,
    is_write: bool,
    code: str = "server_error",
    retry_after_s: float | None = None,
    doubt: Doubt | None = None,
) -> CalendarError:
    """The error for a request that may have been carried out: a write must be looked for, a read may be repeated.

    Args:
        code: what a read failed with.
        retry_after_s: the time that Exchange named, if any; it holds for a look as well as for a read.
        doubt: what the answer may tell of the tenant.
    """
    if is_write:
        return Unknown(detail=detail, retry_after_s=retry_after_s, doubt=doubt)
    return Throttled(retry_after_s, detail=detail) if retry_after_s else Transient(code, detail=detail, doubt=doubt)


def _detail(complaint: Complaint) -> str:
    return f"{complaint.code}/{complaint.inner_code}" if complaint.inner_code else complaint.code
