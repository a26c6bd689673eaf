"""Parses a booking command once, at the edge; past `parse_command` nobody meets JSON.

A command is a versioned snapshot: it says everything about the booking as of its version (docs/contract.md#commands).
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pydantic import ValidationError

from adapters.calendar import BookingId, RoomAddress, TenantName
from adapters.ledger import BookingKey
from consumers.messages.booking_event import BookingEvent
from consumers.messages.json_object import JsonObject, read_object
from consumers.messages.validation import complaints_of, known_members, remarks_of
from consumers.messages.violations import BadMessage, KnownMembers, Remark, Violation
from consumers.messages.wire_models import FORMS, CommandForm, EndForm, MoveForm, PutForm
from consumers.tenants import TenantDirectory, Unusable

ABSENT = "absent"
"""The digest of every command that leaves no event: a cancel, or an end that ended before it began."""
_MAX_COMPLAINTS = 50


class CommandKind(StrEnum):
    """What the publisher asked for, as published."""

    CREATE = "create"
    UPDATE = "update"
    MOVE = "move"
    END = "end"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingCommand:
    """What a room's calendar shall hold for a booking as of `version`.

    `event` is None where it shall hold none: a cancel, or an end that ended before it began. `previous_room` is set for
    a move to another room only. `kind` is for results; decisions rest on `event`.
    """

    kind: CommandKind
    tenant: TenantName
    booking_id: BookingId
    version: int
    room: RoomAddress
    previous_room: RoomAddress | None = None
    issued_at: datetime
    event: BookingEvent | None
    warnings: tuple[Remark, ...] = ()
    digest: str = field(init=False, repr=False)
    """Of the content as published, attendees included, its kind aside: tells a repetition of the version from a version
    that was used for other content. Ledgers keep it for months, so it never depends on how an event is rendered."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "digest", ABSENT if self.event is None else self.event.digest)

    @property
    def key(self) -> BookingKey:
        """The booking in its room, as the ledger knows it."""
        return BookingKey(tenant=self.tenant, room=self.room, booking_id=self.booking_id)

    @property
    def known(self) -> KnownMembers:
        """What may be repeated of it outwards."""
        return KnownMembers(
            tenant=self.tenant,
            booking_id=self.booking_id,
            version=self.version,
            room=self.room,
            previous_room=self.previous_room,
            command=self.kind.value,
            issued_at=self.issued_at,
        )

    @property
    def is_removal(self) -> bool:
        """Whether the room shall hold no event for the booking."""
        return self.event is None

    def snapshot(self) -> str | None:
        """The event as canonical JSON without its attendees, for the ledger; None without an event."""
        return None if self.event is None else self.event.canonical(with_attendees=False)


def parse_command(body: bytes, tenants: TenantDirectory) -> BookingCommand:
    """Read the body of a message.

    Raises:
        BadMessage: with every complaint; what needs the members of a broken event waits until they are mended.
    """
    message = read_object(body)
    members, form_type = message.members, _form_type(message.members)
    form, complaints = None, []
    try:
        form = form_type.model_validate(members)
    except ValidationError as wrong:
        complaints = complaints_of(wrong)
    complaints += _twins_nobody_checks(message, complaints)
    known = known_members(members, form_type, complaints)
    complaints += _complaints_about_tenant(known, tenants)
    if form is None or complaints:
        raise BadMessage(tuple(complaints[:_MAX_COMPLAINTS]), known_members(members, form_type, complaints))
    return _command(form, remarks_of(members, form))


def _form_type(members: dict[str, object]) -> type[CommandForm]:
    command = members.get("command")
    # A command that is none is checked as far as all commands are alike.
    return FORMS.get(command, CommandForm) if isinstance(command, str) else CommandForm


def _twins_nobody_checks(message: JsonObject, complaints: Iterable[Violation]) -> list[Violation]:
    if not message.has_twice or any(complaint.code == "member_twice" for complaint in complaints):
        return []
    return [Violation.of("member_twice")]


def _complaints_about_tenant(known: KnownMembers, tenants: TenantDirectory) -> list[Violation]:
    if known.tenant is None:
        return []
    tenant = tenants.get(known.tenant)
    if tenant is None:
        return [Violation.of("tenant_unknown", "/tenant")]
    if isinstance(tenant, Unusable):
        return []  # its domains are not known either
    return [
        Violation.of("room_not_in_domain", f"/{member}")
        for member, room in (("room", known.room), ("previous_room", known.previous_room))
        if room is not None and room.rpartition("@")[2] not in tenant.domains
    ]


def _command(form: CommandForm, warnings: tuple[Remark, ...]) -> BookingCommand:
    room = RoomAddress(form.room.lower())
    previous_room = RoomAddress(form.previous_room.lower()) if isinstance(form, MoveForm) else None
    return BookingCommand(
        kind=CommandKind(form.command),
        tenant=TenantName(form.tenant),
        booking_id=BookingId(form.booking_id),
        version=form.version,
        room=room,
        previous_room=None if previous_room == room else previous_room,
        issued_at=form.issued_at,
        event=_event(form),
        warnings=warnings,
    )


def _event(form: CommandForm) -> BookingEvent | None:
    match form:
        case EndForm() if not form.event.took_place:
            return None
        case PutForm() | MoveForm() | EndForm():
            return form.event.to_event()
        case _:
            return None


def removal_of(move: BookingCommand | KnownMembers) -> bytes | None:
    """The removal that a move entails (docs/contract.md#meaning): a cancel of the same version for the previous room.

    Also of a refused move, as far as its members are known; None where there is nothing to remove or to know.
    """
    if move.previous_room is None or move.previous_room == move.room:
        return None
    members = {
        "schema_version": 1,
        "command": CommandKind.CANCEL.value,
        "tenant": move.tenant,
        "booking_id": move.booking_id,
        "version": move.version,
        "room": move.previous_room,
        "issued_at": move.issued_at and move.issued_at.isoformat(),
    }
    # Without the room nobody can tell whether the booking left the previous one.
    return None if None in members.values() or move.room is None else json.dumps(members).encode("ascii")
