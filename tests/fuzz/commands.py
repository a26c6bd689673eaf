"""Booking commands as a broken or hostile publisher sends them: bytes, JSON, members."""

import json
from contextlib import suppress
from random import Random

from adapters.calendar import TenantName
from consumers.bookings.command import parse_command
from consumers.bookings.complaints import BadMessage
from consumers.bookings.tenants import Tenant
from tests.fuzz.harness import Target
from tests.fuzz.mutations import mutate_bytes, mutate_json

_COMMAND = {
    "schema_version": 1,
    "command": "move",
    "tenant": "acme",
    "booking_id": "B-1001",
    "version": 3,
    "room": "board@acme.example",
    "previous_room": "hall@acme.example",
    "issued_at": "2026-11-20T08:59:58Z",
    "event": {
        "subject": "Design review",
        "start": "2026-12-01T09:00:00+01:00",
        "end": "2026-12-01T10:00:00+01:00",
        "time_zone": "Europe/Brussels",
        "all_day": False,
        "body": {"content_type": "html", "content": "<p>Agenda</p>"},
        "location": "1st floor",
        "categories": ["SpaceIQ"],
        "organizer": {"name": "Ada", "email": "ada@acme.example"},
        "attendees": [{"name": "Bob", "email": "bob@acme.example", "type": "optional"}],
        "sensitivity": "private",
        "show_as": "tentative",
    },
}


class _Acme:
    def get(self, name: str) -> Tenant | None:
        if name != "acme":
            return None
        return Tenant(
            name=TenantName("acme"), domains=frozenset({"acme.example"}), backend="ews", subject_template="{subject}"
        )


def _attack(random: Random) -> None:
    body = json.dumps(mutate_json(random, _COMMAND), ensure_ascii=random.random() < 0.5).encode(
        "utf-8", "surrogatepass"
    )
    if random.random() < 0.5:
        body = mutate_bytes(random, body)
    with suppress(BadMessage):
        parse_command(body, _Acme())


COMMANDS = Target(name="commands", attack=_attack)
