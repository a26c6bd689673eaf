"""The table from Exchange's words to our errors."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from lxml import etree

from adapters.errors import CODES, CalendarError, Misconfigured, Refused, Throttled, Transient, Unknown
from adapters.ews import answers, response_codes
from adapters.ews.answers import Complaint
from adapters.ews.response_codes import (
    ERRORS,
    GONE,
    NOT_OURS,
    SOAP_BUSY,
    SOAP_FAILED,
    THROTTLES,
    UNDECIDED,
    ZONE_UNKNOWN,
)
from adapters.ews.statuses import error_of_status
from adapters.ews.translate import error_of
from adapters.exchange.http import Answer

# Microsoft, "ResponseCode", names them.
NOT_IN_THE_SCHEMA = {"ErrorConnectionFailedTransientError", "ErrorImpersonationRequired"}


def said(error: CalendarError) -> tuple[type[CalendarError], str]:
    return type(error), error.code


@pytest.fixture
def schema_codes(shared: Path) -> set[str]:
    schema = etree.parse(str(shared / "xsd" / "messages.xsd"))
    found = schema.xpath("//*[@name='ResponseCodeType']//@value")
    assert isinstance(found, list)
    return {str(code) for code in found} - {"NoError"}


def test_every_code_of_the_schema_has_a_place_that_was_chosen(schema_codes: set[str]) -> None:
    placed = {*ERRORS, *GONE, *ZONE_UNKNOWN, *THROTTLES, *UNDECIDED}
    assert schema_codes - placed - NOT_OURS == set()
    assert placed & NOT_OURS == set()


def test_every_listed_code_is_one_of_exchanges(schema_codes: set[str]) -> None:
    listed = {*ERRORS, *GONE, *ZONE_UNKNOWN, *THROTTLES, *UNDECIDED, *NOT_OURS}
    assert listed - schema_codes == NOT_IN_THE_SCHEMA | {"Server", "Receiver"}


def test_no_code_stands_in_two_groups() -> None:
    listed = [code for codes in response_codes._GROUPS.values() for code in codes.split()]
    assert [code for code in listed if listed.count(code) > 1] == []


def test_every_listed_code_passes_as_a_word_in_an_answer() -> None:
    listed = {*ERRORS, *GONE, *ZONE_UNKNOWN, *THROTTLES, *UNDECIDED, *SOAP_BUSY, *SOAP_FAILED, *NOT_OURS}
    assert {code for code in listed if answers._word(code) != code} == set()


def test_every_error_of_the_table_has_a_sentence() -> None:
    assert {ours for _, ours in ERRORS.values()} <= set(CODES)


@pytest.mark.parametrize(
    ("code", "kind", "ours"),
    [
        ("ErrorMailboxMoveInProgress", Transient, "store_unavailable"),
        ("ErrorMailboxStoreUnavailable", Transient, "store_unavailable"),
        ("ErrorMailboxFailover", Transient, "store_unavailable"),
        ("ErrorADUnavailable", Transient, "store_unavailable"),
        ("ErrorInternalServerTransientError", Transient, "server_error"),
        ("ErrorBatchProcessingStopped", Transient, "server_error"),
        ("ErrorIrresolvableConflict", Transient, "write_conflict"),
        ("ErrorStaleObject", Transient, "write_conflict"),
        ("ErrorNonExistentMailbox", Refused, "room_not_found"),
        ("ErrorCannotFindUser", Refused, "room_not_found"),
        ("ErrorImpersonateUserDenied", Refused, "rights_missing"),
        ("ErrorAccessDenied", Refused, "rights_missing"),
        ("ErrorQuotaExceeded", Refused, "mailbox_full"),
        ("ErrorAccountDisabled", Refused, "mailbox_unusable"),
        ("ErrorCalendarDurationIsTooLong", Refused, "event_refused"),
        ("ErrorSchemaValidation", Refused, "event_refused"),
        ("ErrorImpersonationDenied", Misconfigured, "impersonation_denied"),
        ("ErrorPasswordExpired", Misconfigured, "credentials_rejected"),
        ("ErrorNobodyHasSeenThisYet", Refused, "exchange_refused"),
    ],
)
def test_a_response_code_means_the_same_for_reads_and_writes(code: str, kind: type[CalendarError], ours: str) -> None:
    for is_write in (True, False):
        error = error_of(Complaint(code=code), is_write=is_write)
        assert said(error) == (kind, ours)
        assert error.detail == code


@pytest.mark.parametrize("code", ["ErrorTimeoutExpired", "ErrorInternalServerError", "Server", "(no code)"])
def test_a_server_that_gave_up_while_working_leaves_a_write_unknown(code: str) -> None:
    assert isinstance(error_of(Complaint(code=code), is_write=True), Unknown)
    assert isinstance(error_of(Complaint(code=code), is_write=False), Transient)


@pytest.mark.parametrize("code", ["ErrorServerBusy", "ErrorExceededConnectionCount", "ErrorTooManyObjectsOpened"])
def test_a_busy_server_waits_as_long_as_it_named(code: str) -> None:
    error = error_of(Complaint(code=code, back_off_s=297.749), is_write=True)
    assert isinstance(error, Throttled)
    assert error.retry_after_s == 297.749


def test_a_busy_server_that_names_no_wait_gets_none_invented() -> None:
    error = error_of(Complaint(code="ErrorServerBusy"), is_write=True)
    assert isinstance(error, Throttled)
    assert error.retry_after_s is None


def test_a_busy_server_inside_an_internal_error_is_a_throttle() -> None:
    complaint = Complaint(code="ErrorInternalServerError", inner_code="ErrorServerBusy", back_off_s=5)
    error = error_of(complaint, is_write=True)
    assert isinstance(error, Throttled)
    assert error.detail == "ErrorInternalServerError/ErrorServerBusy"


def test_a_throttle_is_the_rooms_or_the_accounts() -> None:
    complaint = Complaint(code="ErrorServerBusy")
    assert error_of(complaint, is_write=True).scope == "room"
    assert error_of(complaint, is_write=True, whole_tenant=True).scope == "tenant"


def an_answer(status: int, headers: dict[str, str] | None = None, content: bytes = b"<html>") -> Answer:
    return Answer(status, headers or {}, content)


@pytest.mark.parametrize(
    ("status", "on_write", "on_read"),
    [
        (301, (Misconfigured, "endpoint_wrong"), (Misconfigured, "endpoint_wrong")),
        (302, (Misconfigured, "endpoint_wrong"), (Misconfigured, "endpoint_wrong")),
        (400, (Transient, "answer_odd"), (Transient, "answer_odd")),
        (401, (Misconfigured, "credentials_rejected"), (Misconfigured, "credentials_rejected")),
        (403, (Misconfigured, "access_blocked"), (Misconfigured, "access_blocked")),
        (404, (Misconfigured, "endpoint_wrong"), (Misconfigured, "endpoint_wrong")),
        (407, (Misconfigured, "access_blocked"), (Misconfigured, "access_blocked")),
        (408, (Transient, "unreachable"), (Transient, "unreachable")),
        (429, (Throttled, "throttled"), (Throttled, "throttled")),
        (500, (Unknown, "outcome_unknown"), (Transient, "server_error")),
        (502, (Unknown, "outcome_unknown"), (Transient, "server_error")),
        (503, (Throttled, "throttled"), (Throttled, "throttled")),
        (504, (Unknown, "outcome_unknown"), (Transient, "server_error")),
        (204, (Unknown, "outcome_unknown"), (Transient, "server_error")),
    ],
)
def test_an_http_status_tells_whether_a_write_may_have_been_carried_out(
    status: int, on_write: tuple[type[CalendarError], str], on_read: tuple[type[CalendarError], str]
) -> None:
    assert said(error_of_status(an_answer(status), is_write=True)) == on_write
    assert said(error_of_status(an_answer(status), is_write=False)) == on_read


def test_a_policy_that_blocks_ews_is_told_with_its_reason() -> None:
    headers = {"X-EWS-Policy-Reason": "EWS is blocked by policy for this user or tenant"}
    error = error_of_status(an_answer(403, headers), is_write=True)
    assert said(error) == (Misconfigured, "ews_blocked")
    assert error.detail == "EWS is blocked by policy for this user or tenant"


@pytest.mark.parametrize(("status", "code"), [(401, "credentials_rejected"), (403, "access_blocked")])
def test_what_stands_in_the_page_of_a_refusal_is_not_read(status: int, code: str) -> None:
    fault = (
        b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>'
        b"<faultcode>a:ErrorServerBusy</faultcode></s:Fault></s:Body></s:Envelope>"
    )
    assert said(error_of_status(an_answer(status, content=fault), is_write=True)) == (Misconfigured, code)
    assert said(error_of_status(an_answer(500, content=fault), is_write=True)) == (Throttled, "throttled")


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("value", "wait_s"),
    [
        pytest.param("17", 17.0, id="seconds"),
        pytest.param("", None, id="none"),
        pytest.param("soon", None, id="no date"),
        pytest.param("Sat, 01 Nov 2014 00:00:00 GMT", 0.0, id="a date gone by"),
    ],
)
def test_retry_after_is_seconds_or_a_date(status: int, value: str, wait_s: float | None) -> None:
    error = error_of_status(an_answer(status, {"Retry-After": value}), is_write=True)
    assert isinstance(error, Throttled)
    assert error.retry_after_s == wait_s


def test_retry_after_may_be_a_date_to_come() -> None:
    value = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    error = error_of_status(an_answer(503, {"Retry-After": value}), is_write=True)
    assert isinstance(error, Throttled)
    assert error.retry_after_s == pytest.approx(90, abs=2)
