"""The published schemas say what the code does."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError, validators

import consumers.messages
from adapters.errors import CODES as CALENDAR_CODES
from consumers.messages.codes import MESSAGE_CODES, all_codes, code_of
from consumers.messages.command import parse_command
from consumers.messages.json_schema import command_schema, result_schema, schema_text
from consumers.messages.result import Outcome, ResultError, ResultEvent, ResultWarning
from consumers.messages.violations import BadMessage
from tests.builders import Tenants, a_command, a_tenant, an_event

SCHEMAS = Path(consumers.messages.__file__).parent / "schemas"


def fits(_judge: object, pattern: str, value: object, _schema: object) -> Iterator[ValidationError]:
    """As ECMA-262 has it, which JSON Schema goes by: Python's $ also matches before a last line end."""
    exact = pattern.removesuffix("$") + r"\Z" if pattern.endswith("$") else pattern
    if isinstance(value, str) and not re.search(exact, value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


# JSON Schema takes 1.0 for an integer and has no word against it; the worker refuses it.
STRICT = Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
Judge = validators.extend(Draft202012Validator, {"pattern": fits}, type_checker=STRICT)
COMMAND = Judge(command_schema())
RESULT = Judge(result_schema())

# What only the worker knows, or what one keyword cannot say.
BEYOND_A_SCHEMA = {
    "tenant_unknown",
    "room_not_in_domain",
    "naive_time",
    "time_invalid",
    "time_zone_unknown",
    "end_before_start",
    "all_day_not_midnight",
    "not_unicode",
    "member_twice",
    "too_large",
}


def test_the_kept_schemas_are_what_the_code_says() -> None:
    assert (SCHEMAS / "command.schema.json").read_text("utf-8") == schema_text(command_schema())
    assert (SCHEMAS / "result.schema.json").read_text("utf-8") == schema_text(result_schema())


@pytest.mark.parametrize("schema", [command_schema(), result_schema()], ids=["command", "result"])
def test_the_schemas_are_schemas(schema: dict[str, object]) -> None:
    Judge.check_schema(schema)


def agree(message: dict[str, object]) -> None:
    """The schema takes what the worker takes, and refuses what it refuses for a reason that a schema knows."""
    assert COMMAND.is_valid(message) == (not reasons_of(message) - BEYOND_A_SCHEMA)


def reasons_of(message: dict[str, object]) -> set[str]:
    try:
        parse_command(json.dumps(message).encode(), Tenants(a_tenant()))
    except BadMessage as refused:
        return {complaint.code for complaint in refused.complaints}
    return set()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
PERSON = st.fixed_dictionaries(
    {}, optional={"email": st.sampled_from(["a@b", "", "a b@c", 5, None]), "name": JSON, "type": st.text() | st.none()}
)
VALUES = {
    "schema_version": st.sampled_from([1, 2, 1.5, "1", True, None]),
    "command": st.sampled_from(["create", "update", "move", "end", "cancel", "Create", None, 1]),
    "tenant": st.sampled_from(["acme", "", "acme\n", "a" * 51, None, 5]),
    "booking_id": st.text(alphabet=st.characters(codec="ascii"), max_size=210) | JSON,
    "version": st.integers() | JSON,
    "room": st.sampled_from(["a@acme.example", "a@b", "a.@b", "a@b.", "A@ACME.example\n", "@", None, 1]) | st.emails(),
    "previous_room": st.sampled_from(["a@acme.example", "a", None, 1]),
    "issued_at": st.sampled_from(["2026-01-01T00:00:00Z", 5, None]),
    "event": JSON,
}
EVENT_VALUES = {
    "body": st.fixed_dictionaries({}, optional={"content_type": st.sampled_from(["text", "rtf", 1]), "content": JSON}),
    "categories": st.lists(st.text() | JSON, max_size=3) | JSON,
    "organizer": PERSON | JSON,
    "attendees": st.lists(PERSON, max_size=2) | JSON,
    "sensitivity": st.sampled_from(["normal", "private", "secret", None, 1]),
    "show_as": st.sampled_from(["busy", "oof", "away", None]),
    "all_day": JSON,
    "location": JSON,
    "recurrence": JSON,
    "subject": JSON,
    "time_zone": JSON,
    "colour": JSON,
}


@pytest.mark.parametrize("kind", ["create", "update", "move", "end", "cancel"])
@given(data=st.data())
def test_the_schema_and_the_worker_agree_about_any_member(kind: str, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(VALUES)))
    agree(a_command(command=kind) | {name: data.draw(VALUES[name])})


@pytest.mark.parametrize("kind", ["create", "end", "cancel"])
@given(data=st.data())
def test_the_schema_and_the_worker_agree_about_any_member_of_the_event(kind: str, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(EVENT_VALUES)))
    agree(a_command(command=kind) | {"event": an_event() | {name: data.draw(EVENT_VALUES[name])}})


@pytest.mark.parametrize("name", sorted(a_command(command="move")))
def test_the_schema_and_the_worker_agree_about_a_missing_member(name: str) -> None:
    agree(a_command(command="move") | {name: None})


def test_results_fit_their_schema() -> None:
    result = ResultEvent(
        outcome=Outcome.FAILED,
        at=datetime(2026, 11, 20, tzinfo=UTC),
        took_ms=1,
        warnings=(ResultWarning(code="a", message="b"),),
        error=ResultError(code="a", message="b", scope="room"),
    )
    written = json.loads(result.to_json())
    assert RESULT.is_valid(written)
    assert written.keys() == set(result_schema()["required"])
    assert not RESULT.is_valid(written | {"outcome": "done"})


def test_every_code_has_a_sentence_and_an_advice() -> None:
    assert all_codes().keys() >= CALENDAR_CODES.keys() | MESSAGE_CODES.keys()
    for name, code in all_codes().items():
        assert name == name.lower()
        assert code.sentence.endswith(".")
        assert code.advice.endswith(".")


def test_no_code_means_two_things() -> None:
    assert all(code_of(name) is code for name, code in {**CALENDAR_CODES, **MESSAGE_CODES}.items())
