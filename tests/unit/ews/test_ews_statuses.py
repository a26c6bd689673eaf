"""HTTP statuses: what they say of the request, of the tenant, and never of a booking."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from adapters.errors import CODES, CalendarError, Doubt, Misconfigured, Refused, Throttled, Transient, Unknown
from adapters.ews.statuses import BASIC, NTLM, error_of_status
from adapters.exchange.http import Answer
from adapters.exchange.retry_after import BELIEVED_MAX_S, back_off_s

ERROR_PAGE = {"Location": "/ews/genericerrorpage.htm?aspxerrorpath=/ews/exchange.asmx"}


def an_answer(status: int, headers: dict[str, str] | None = None, content: bytes = b"<html>") -> Answer:
    return Answer(status, headers or {}, content)


def told(status: int, headers: dict[str, str] | None = None, *, is_write: bool = True) -> CalendarError:
    return error_of_status(an_answer(status, headers), is_write=is_write)


@pytest.mark.parametrize("is_write", [True, False])
def test_no_status_is_a_verdict_on_a_booking(is_write: bool) -> None:
    errors = {status: told(status, is_write=is_write) for status in (*range(201, 600), 999)}
    assert [status for status, error in errors.items() if isinstance(error, Refused)] == []
    assert {error.code for error in errors.values()} <= set(CODES)


@pytest.mark.parametrize("status", [400, 402, 406, 409, 411, 413, 418, 421, 425, 429, 431, 440, 449, 451, 494])
def test_a_status_of_the_way_is_asked_again(status: int) -> None:
    assert isinstance(told(status), Transient | Throttled)


@pytest.mark.parametrize("status", [421, 425, 440, 499, 413])
def test_a_status_that_says_nothing_makes_the_tenant_doubtful_at_the_second_time(status: int) -> None:
    doubt = told(status).doubt
    assert doubt is not None
    assert (doubt.code, doubt.at_once) == ("endpoint_wrong", False)


def test_a_proxy_that_gave_up_on_its_own_request_leaves_a_write_unknown() -> None:
    assert isinstance(told(499), Unknown)
    assert told(499, is_write=False).code == "answer_odd"


def test_a_redirect_to_an_error_page_may_come_after_a_write() -> None:
    assert isinstance(told(302, ERROR_PAGE), Unknown)
    assert isinstance(told(302, ERROR_PAGE, is_write=False), Transient)


def test_a_redirect_to_another_place_was_not_carried_out() -> None:
    error = told(302, {"Location": "/owa/auth/logon.aspx"})
    assert isinstance(error, Misconfigured)
    assert error.code == "endpoint_wrong"


@pytest.mark.parametrize("is_write", [True, False])
@pytest.mark.parametrize("status", [101, *range(201, 209), 226, 501, 505, 507, 508, 511, 599, 600, 999])
def test_a_status_that_exchange_would_not_answer_is_doubted_at_the_second_time(status: int, is_write: bool) -> None:
    doubt = told(status, is_write=is_write).doubt
    assert doubt == Doubt(code="access_blocked" if status == 511 else "endpoint_wrong", at_once=False)


@pytest.mark.parametrize("status", [500, 502, 504, 520, 524])
def test_an_outage_is_no_doubt(status: int) -> None:
    assert told(status).doubt is None


def a_fault(code: str) -> bytes:
    return (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>'
        f"<faultcode>{code}</faultcode></s:Fault></s:Body></s:Envelope>"
    ).encode()


_SERVICE = [("a:InternalServiceFault", None), ("s:Server", None), ("s:Server.userException", None)]
_ODD = [
    (code, "endpoint_wrong")
    for code in (
        *("a:FailedAuthentication", "a:DeserializationFailed", "a:ActionNotSupported", "s:Client", "s:Client.Auth"),
        *("s:VersionMismatch", "s:MustUnderstand", "<x/>", "", "e:NobodyHasSeenThis", "errorServerBusy"),
    )
]


@pytest.mark.parametrize("status", [400, 413, 500, 502])
@pytest.mark.parametrize(("code", "doubted"), [*_SERVICE, *_ODD])
def test_a_fault_without_a_code_of_exchange_is_no_verdict(status: int, code: str, doubted: str | None) -> None:
    written = error_of_status(an_answer(status, content=a_fault(code)), is_write=True)
    read = error_of_status(an_answer(status, content=a_fault(code)), is_write=False)
    assert (type(written), type(read)) == (Unknown, Transient)
    for error in (written, read):
        assert (error.doubt and error.doubt.code) == doubted
        assert error.doubt is None or not error.doubt.at_once


@pytest.mark.parametrize("status", [400, 500, 503])
@pytest.mark.parametrize("code", ["a:ServerTooBusy", "a:EndpointUnavailable"])
def test_a_service_that_is_busy_is_waited_for(status: int, code: str) -> None:
    error = error_of_status(an_answer(status, {"Retry-After": "7"}, a_fault(code)), is_write=True)
    assert isinstance(error, Throttled)
    assert error.retry_after_s == 7.0


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_status_counts_where_the_fault_is_not_exchanges(status: int) -> None:
    assert isinstance(error_of_status(an_answer(status, content=a_fault("s:Client")), is_write=True), Throttled)
    quota = error_of_status(an_answer(status, content=a_fault("a:ErrorQuotaExceeded")), is_write=True)
    assert isinstance(quota, Refused)


@pytest.mark.parametrize(
    ("schemes", "challenges", "code", "detail"),
    [
        (BASIC, 'Basic realm="x"', "credentials_rejected", "HTTP 401"),
        (BASIC, 'Negotiate, NTLM, Basic realm="a, b"', "credentials_rejected", "HTTP 401"),
        (BASIC, "", "credentials_rejected", "HTTP 401"),
        (BASIC, "Negotiate, NTLM", "login_scheme_not_offered", "the server offers Negotiate, NTLM only"),
        (BASIC, 'Bearer realm="Basic, x", error="Basic"', "login_scheme_not_offered", "the server offers Bearer only"),
        (NTLM, 'Basic realm="NTLM, NTLM"', "login_scheme_not_offered", "the server offers Basic only"),
        (NTLM, "Negotiate", "credentials_rejected", "HTTP 401"),
        (NTLM, "NTLM TlRMTVNTUAACAAAA", "credentials_rejected", "HTTP 401"),
        (NTLM, "\x1b[2J, <b>", "credentials_rejected", "HTTP 401"),
    ],
)
def test_a_401_tells_rejected_credentials_from_a_scheme_that_is_not_offered(
    schemes: tuple[str, ...], challenges: str, code: str, detail: str
) -> None:
    headers = {"WWW-Authenticate": challenges} if challenges else {}
    error = error_of_status(an_answer(401, headers), is_write=True, schemes=schemes)
    assert isinstance(error, Misconfigured)
    assert (error.code, error.detail) == (code, detail)


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        pytest.param("\x1b[31mEWS\x1b[0m is\r\n off\u202e", "[31mEWS [0m is off", id="escape sequences and bidi"),
        pytest.param("x" * 5000, "x" * 200, id="without end"),
        pytest.param("\x00\x07", "HTTP 403", id="nothing that can be shown"),
    ],
)
def test_a_reason_is_fit_to_be_shown(reason: str, shown: str) -> None:
    assert told(403, {"X-EWS-Policy-Reason": reason}).detail == shown


ABSURD = [
    pytest.param("-5", id="negative"),
    pytest.param("1" + "0" * 30, id="ten to the thirtieth"),
    pytest.param("9" * 5000, id="digits without end"),
    pytest.param("NaN", id="no number"),
    pytest.param("inf", id="infinite"),
    pytest.param("1e9", id="an exponent"),
    pytest.param("٣", id="digits of another script"),
    pytest.param(str(int(BELIEVED_MAX_S * 1000) + 1), id="longer than anybody means"),
]


@pytest.mark.parametrize("value", ABSURD)
def test_an_absurd_back_off_is_none(value: str) -> None:
    assert back_off_s(value) is None


@pytest.mark.parametrize(
    "value",
    [
        *ABSURD,
        pytest.param("Fri, 31 Dec 9999 23:59:59 -2359", id="the end of time"),
        pytest.param("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", id="a year that no clock knows"),
        pytest.param("Mon, 01 Jan 2027 00:00:00 +99999999", id="an offset of years"),
        pytest.param("Mon, 99 Xxx", id="half a date"),
        pytest.param(format_datetime(datetime.now(UTC) + timedelta(days=400), usegmt=True), id="next year"),
    ],
)
@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_absurd_retry_after_means_our_own_back_off(status: int, value: str) -> None:
    error = told(status, {"Retry-After": value})
    assert isinstance(error, Throttled | Unknown)
    assert error.retry_after_s is None


@pytest.mark.parametrize("value", ["Mon, 01 Jan 0001 00:00:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT"])
def test_a_date_long_gone_by_is_no_wait(value: str) -> None:
    error = told(503, {"Retry-After": value})
    assert isinstance(error, Throttled)
    assert error.retry_after_s == 0.0
