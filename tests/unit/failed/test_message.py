"""How a failed message is described: by its notes, by its body, and never by what somebody smuggled in."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from consumers.broker.parsing import is_whole
from consumers.failed.export import FileMessage
from consumers.failed.message import describe, id_of
from tests.builders import Tenants, a_body, a_tenant
from tests.unit.failed.messages import FAILED_AT, parked

TENANTS = Tenants(a_tenant())


def test_what_a_worker_parked_is_described_by_its_notes() -> None:
    failed = describe(parked(), TENANTS)
    assert (failed.code, failed.why, failed.attempts, failed.failed_at) == (
        "rights_missing",
        "No rights.",
        2,
        FAILED_AT,
    )
    assert (failed.tenant, failed.room, failed.booking_id, failed.version) == (
        "acme",
        "board@acme.example",
        "B-1001",
        1,
    )


def test_what_the_broker_parked_is_described_by_its_body_and_its_death() -> None:
    died_at = datetime(2026, 11, 19, tzinfo=UTC)
    headers = {"x-death": [{"time": died_at}], "x-first-death-reason": "delivery_limit"}
    failed = describe(FileMessage(body=a_body(), headers=headers), TENANTS)
    assert (failed.code, failed.booking_id, failed.failed_at) == ("parked_by_broker", "B-1001", died_at)
    assert "[delivery_limit]" in failed.why


def test_a_deferred_command_that_the_broker_parked_has_the_brokers_code_not_its_last_error() -> None:
    assert describe(parked(failed_at=None, error_code="throttled"), TENANTS).code == "parked_by_broker"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(b"\xff", "not_utf8", id="no text"),
        pytest.param(b"{", "not_json", id="no JSON"),
        pytest.param(a_body(tenant="nobody"), "tenant_unknown", id="unknown tenant"),
    ],
)
def test_what_nobody_could_read_says_why(body: bytes, code: str) -> None:
    assert describe(FileMessage(body=body, headers={}), TENANTS).code == code


@pytest.mark.parametrize(
    "notes",
    [
        pytest.param({"error_code": "my_own_word"}, id="a code that is none"),
        pytest.param({"error_code": 7}, id="a number"),
    ],
)
def test_notes_that_no_worker_wrote_are_not_believed(notes: dict[str, object]) -> None:
    assert describe(parked(**notes), TENANTS).code == "parked_by_broker"


def test_texts_of_others_cannot_move_a_terminals_cursor() -> None:
    failed = describe(parked(booking_id="B\x1b[2J\n\x9b1", error_message="x" * 900), TENANTS)
    assert failed.booking_id == "B\ufffd[2J\ufffd\ufffd1"
    assert len(failed.why) == 500


def test_an_id_stays_whatever_the_broker_counts_and_tells_messages_apart() -> None:
    message = parked()
    again = replace(message, headers={**message.headers, "x-delivery-count": 7, "x-death": []})
    assert id_of(again) == id_of(message)
    others = [
        replace(message, message_id=None),
        replace(message, message_id="m-2"),
        replace(message, body=message.body + b" "),
        parked(failed_at="2026-11-20T09:00:01+00:00"),
    ]
    assert len({id_of(each) for each in [message, *others]}) == 5


@pytest.mark.parametrize("version", [True, 0, -(2**63), 2**53, "3"])
def test_a_version_that_is_none_is_not_shown(version: object) -> None:
    assert describe(parked(version=version), Tenants(a_tenant())).version is None


def test_with_too_many_headers_it_is_told_by_them_and_by_its_body_and_never_by_notes() -> None:
    many = {f"h{number}": None for number in range(1001)}
    message = replace(parked(), headers={**many, **parked().headers})
    failed = describe(message, Tenants(a_tenant()))
    assert (failed.code, failed.booking_id, failed.attempts) == ("too_many_headers", "B-1001", 2)
    assert not is_whole(failed)
