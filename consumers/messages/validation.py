"""Translates what pydantic found wrong with a message into complaints, by table, and tells which members stand.

Pydantic's own texts are not used: they may quote what they complain about.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from adapters.calendar import RoomAddress
from consumers.messages.codes import MESSAGE_CODES
from consumers.messages.json_object import TWICE
from consumers.messages.times import parse_instant
from consumers.messages.violations import KnownMembers, Remark, Violation
from consumers.messages.wire_models import CommandForm

_MAX_REMARKS = 20
_MAX_NAME = 100

# Members that a command may carry without needing them (docs/contract.md#commands): no warning, and no check.
_IGNORED = {"event", "previous_room"}

_EXPECTED_TYPES = {
    "string_type": "a string",
    "int_type": "an integer",
    "bool_type": "true or false",
    "list_type": "an array",
    "model_type": "an object",
}
_MISSING: dict[tuple[str, ...], str] = {("event",): "event_missing", ("previous_room",): "previous_room_missing"}
_TOO_MANY = {("event", "categories"): "too_many_categories", ("event", "attendees"): "too_many_attendees"}
_BY_MEMBER: dict[tuple[str, ...], str] = {
    ("schema_version",): "schema_version_unsupported",
    ("command",): "unknown_command",
    ("tenant",): "tenant_invalid",
    ("booking_id",): "booking_id_invalid",
    ("version",): "version_out_of_range",
    ("room",): "room_invalid",
    ("previous_room",): "room_invalid",
    ("event", "body"): "body_invalid",
    ("event", "organizer"): "organizer_invalid",
    ("event", "attendees"): "attendee_invalid",
    ("event", "sensitivity"): "sensitivity_unknown",
    ("event", "show_as"): "show_as_unknown",
}


def complaints_of(wrong: ValidationError) -> list[Violation]:
    """A complaint for each error, in the order of the members' table in docs/contract.md#commands."""
    return [_complaint(error) for error in wrong.errors(include_url=False)]


def _complaint(error: ErrorDetails) -> Violation:
    kind = error["type"]
    # What the form as a whole found wrong names the member itself.
    where = tuple(map(str, error["loc"])) + tuple(error.get("ctx", {}).get("where", ()))
    member = "".join(f"/{part}" for part in where)
    if error["input"] is TWICE:
        return Violation.of("member_twice", member)
    if kind in _EXPECTED_TYPES:
        return Violation(code="wrong_type", message=f"Expected {_EXPECTED_TYPES[kind]}.", member=member)
    if kind in MESSAGE_CODES:
        return Violation(code=kind, message=error["msg"], member=member)
    return Violation.of(_code(kind, where), member)


def _code(kind: str, where: tuple[str, ...]) -> str:
    match kind:
        case "missing":
            return _MISSING.get(where, "member_missing")
        case "too_long" if where in _TOO_MANY:
            return _TOO_MANY[where]
        case "string_unicode":
            return "not_unicode"
        case "none_required":
            return "recurrence_unsupported"
        case _:
            return _BY_MEMBER.get(where[:1]) or _BY_MEMBER[where[:2]]


def known_members(
    members: dict[str, object], form_type: type[CommandForm], complaints: Iterable[Violation]
) -> KnownMembers:
    """What passed its own check: the members that the form checks and that no complaint is about."""
    refused = {complaint.member.split("/")[1] for complaint in complaints if complaint.member}
    checked = members.keys() & form_type.model_fields.keys() - refused
    passed: dict[str, Any] = {name: members[name] for name in checked}
    return KnownMembers(
        tenant=passed.get("tenant"),
        booking_id=passed.get("booking_id"),
        version=passed.get("version"),
        room=_lower(passed.get("room")),
        previous_room=_lower(passed.get("previous_room")),
        command=passed.get("command"),
        issued_at=parse_instant(passed["issued_at"]) if "issued_at" in passed else None,
    )


def _lower(address: str | None) -> RoomAddress | None:
    return None if address is None else RoomAddress(address.lower())


def remarks_of(members: dict[str, object], form: CommandForm) -> tuple[Remark, ...]:
    """A warning for each of the first 20 members that nobody knows, at any level."""
    pointers = islice(_unknown(members, form), _MAX_REMARKS)
    return tuple(Remark.of("unknown_member", pointer) for pointer in pointers)


def _unknown(members: dict[str, object], form: BaseModel, at: str = "") -> Iterator[str]:
    fields = type(form).model_fields
    ignored = _IGNORED if at == "" else ()
    for name, value in members.items():
        if name in fields:
            yield from _unknown_inside(value, getattr(form, name), f"{at}/{name}")
        elif name not in ignored:
            yield f"{at}/{_shown(name)}"


def _unknown_inside(value: object, checked: object, at: str) -> Iterator[str]:
    if isinstance(checked, BaseModel) and isinstance(value, dict):
        yield from _unknown(value, checked, at)
    elif isinstance(checked, list) and isinstance(value, list):
        for index, (element, checked_element) in enumerate(zip(value, checked, strict=True)):
            yield from _unknown_inside(element, checked_element, f"{at}/{index}")


def _shown(name: str) -> str:
    """An unknown name as part of a JSON Pointer, fit for a log line and for UTF-8 whatever it holds."""
    printable = "".join(character if character.isprintable() else "?" for character in name[:_MAX_NAME])
    return printable.replace("~", "~0").replace("/", "~1")
