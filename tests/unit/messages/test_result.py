"""Result events, to the letter of the contract."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from consumers.messages.result import Outcome, ResultError, ResultEvent, ResultWarning
from consumers.messages.violations import Remark

AT = datetime(2026, 11, 20, 9, 0, 0, 123_456, tzinfo=UTC)


def a_result(**changes: object) -> ResultEvent:
    return ResultEvent(**({"outcome": Outcome.SYNCED, "at": AT, "took_ms": 187} | changes))


def test_a_result_is_written_as_the_contract_shows_it() -> None:
    event = a_result(
        tenant="acme",
        room="board@acme.example",
        booking_id="B-1001",
        version=1,
        command="create",
        message_id="m-1",
        backend="ews",
        item_id="AAMk",
        attempts=1,
    )
    assert json.loads(event.to_json()) == {
        "schema_version": 1,
        "outcome": "synced",
        "tenant": "acme",
        "room": "board@acme.example",
        "booking_id": "B-1001",
        "version": 1,
        "command": "create",
        "message_id": "m-1",
        "backend": "ews",
        "item_id": "AAMk",
        "attempts": 1,
        "at": "2026-11-20T09:00:00.123Z",
        "took_ms": 187,
        "derived": False,
        "warnings": [],
        "error": None,
    }


def test_the_time_is_in_utc_with_milliseconds_wherever_it_was_taken() -> None:
    east = datetime(2026, 11, 20, 10, tzinfo=timezone(timedelta(hours=1)))
    assert json.loads(a_result(at=east).to_json())["at"] == "2026-11-20T09:00:00.000Z"


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="timezone"):
        a_result(at=datetime(2026, 11, 20, 10))  # noqa: DTZ001  # the mistake under test


def test_warnings_and_errors_are_objects_with_a_code() -> None:
    remark = Remark.of("subject_cut", "/event/subject")
    error = ResultError(code="room_not_found", message="gone", scope="room")
    written = json.loads(a_result(warnings=(ResultWarning.model_validate(remark),), error=error).to_json())
    assert written["warnings"] == [
        {"code": "subject_cut", "message": "The subject was cut to 255 characters.", "member": "/event/subject"}
    ]
    assert written["error"] == {"code": "room_not_found", "message": "gone", "member": None, "scope": "room"}


def test_the_routing_key_is_the_tenant_and_the_outcome() -> None:
    assert a_result(tenant="acme", outcome=Outcome.DELAYED).routing_key == "acme.delayed"


def test_of_an_unknown_tenant_the_routing_key_says_nothing() -> None:
    assert a_result(outcome=Outcome.FAILED).routing_key == "-.failed"
