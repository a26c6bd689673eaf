"""Booking commands as a broken or hostile publisher sends them: bytes, JSON, members."""

import json
from contextlib import suppress
from random import Random
from typing import cast

from adapters.calendar import TenantName
from consumers.messages.command import parse_command
from consumers.messages.json_object import MAX_BYTES
from consumers.messages.violations import BadMessage
from consumers.tenants import Tenant
from tests.fuzz.fuzz_harness import Target
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
    if random.random() < 0.1:
        body = a_large_body(random)
    else:
        body = json.dumps(mutate_json(random, _COMMAND), ensure_ascii=random.random() < 0.5).encode(
            "utf-8", "surrogatepass"
        )
    if random.random() < 0.5:
        body = mutate_bytes(random, body)
    with suppress(BadMessage):
        parse_command(body, _Acme())


_ELEMENTS = [
    "0",
    "-1",
    "1e9",
    '""',
    '"\\ud800"',
    "{}",
    "[]",
    '{"a":0}',
    '{"a":null}',
    '{"a":0,"a":1}',
    "[[[[]]]]",
    '{"email":"a@b"}',
    '{"email":""}',
    "null",
    "true",
    '{"email":"a@b","name":"N","type":"optional"}',
    '{"email":"a@b","x":0}',
    '"a,b"',
    '"[{"',
    "1.2345678901234567e-300",
]
_TEXTS = ("a", "a.", "a@", "a-", "!", "\\u0000", "\\n", "é", "😀", "9", "2026-11-20T08:59:58.9", "\\ud800", ",", "{[")


def a_large_body(random: Random) -> bytes:
    """Up to 256 KiB of what costs most to read: many elements, many members, deep nesting, long texts and numbers."""
    size_bytes = random.choice((20_000, 120_000, MAX_BYTES - 1500))
    command, event = dict(_COMMAND), dict(cast("dict[str, object]", _COMMAND["event"]))
    name = random.choice([*command, *event, "unknown"])
    (event if name in event else command)[name] = "?"
    large = json.dumps(command | {"event": event}).replace('"?"', _large_value(random, size_bytes), 1)
    return large.encode("utf-8", "surrogatepass")


def _large_value(random: Random, size_bytes: int) -> str:
    match random.randrange(5):
        case 0:
            element = random.choice(_ELEMENTS)
            return f"[{','.join([element] * (size_bytes // (len(element) + 1)))}]"
        case 1:
            members = (f'"{number:x}":{random.choice(_ELEMENTS)}' for number in range(size_bytes // 30))
            return f"{{{','.join(members)}}}"
        case 2:
            deep, times = random.choice((300, 900, 5000)), random.choice((1, 100))
            nested = ('{"a":' * deep + "1" + "}" * deep) if random.random() < 0.5 else "[" * deep + "]" * deep
            return f"[{','.join([nested] * max(1, min(times, size_bytes // len(nested))))}]"
        case 3:
            text = random.choice(_TEXTS)
            return f'"{text * (size_bytes // len(text.encode()))}"'
        case _:
            return random.choice(("", "0.", "-")) + "9" * size_bytes


COMMANDS = Target(name="commands", attack=_attack)
