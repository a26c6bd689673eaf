"""Builders of valid messages and values; a test names the one detail it is about."""

import json
from collections.abc import Mapping

from adapters.calendar import TenantName
from consumers.messages.command import BookingCommand, parse_command
from consumers.tenants import Tenant, Unusable

START = "2026-12-01T09:00:00+01:00"
END = "2026-12-01T10:00:00+01:00"


class Tenants(dict[str, Tenant | Unusable]):
    """A directory of tenants that is filled by hand."""

    def __init__(self, *tenants: Tenant) -> None:
        super().__init__({tenant.name: tenant for tenant in tenants})


def a_tenant(name: str = "acme", *, domains: frozenset[str] = frozenset({"acme.example"}), **changes: object) -> Tenant:
    return Tenant(name=TenantName(name), domains=domains, **changes)  # type: ignore[arg-type]  # a builder takes any


def an_event(**changes: object) -> dict[str, object]:
    """A valid `event` of a message; a change to None leaves the member out."""
    event = {"subject": "Design review", "start": START, "end": END, "time_zone": "Europe/Brussels"}
    return _without_none(event | changes)


def a_command(**changes: object) -> dict[str, object]:
    """A valid command as JSON members, a create unless told; a change to None leaves the member out."""
    command = {
        "schema_version": 1,
        "command": "create",
        "tenant": "acme",
        "booking_id": "B-1001",
        "version": 1,
        "room": "board@acme.example",
        "issued_at": "2026-11-20T08:59:58Z",
        "event": an_event(),
    }
    if changes.get("command") == "cancel":
        del command["event"]
    if changes.get("command") == "move":
        command["previous_room"] = "lobby@acme.example"
    return _without_none(command | changes)


def a_body(**changes: object) -> bytes:
    """A valid command as the body of a message."""
    return json.dumps(a_command(**changes)).encode("utf-8")


def look_headers(look: str, **changes: object) -> dict[str, object]:
    """The headers by which a message with `a_body(**changes)` is a look."""
    command = a_command(**changes)
    return {
        "x-roomsync-look": look,
        "x-roomsync-booking-id": command["booking_id"],
        "x-roomsync-version": command["version"],
    }


def a_booking_command(**changes: object) -> BookingCommand:
    """A parsed command of the only tenant `acme` (or the one named)."""
    members = a_command(**changes)
    return parse_command(json.dumps(members).encode("utf-8"), Tenants(a_tenant(str(members["tenant"]))))


def _without_none(members: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in members.items() if value is not None}
