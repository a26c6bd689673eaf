"""What is published: a recorded conference twice over, where it is at hand, and bookings made up with a seed."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.chaos.judge import ZONES

RECORDED = Path(__file__).resolve().parents[3] / "shared" / "data" / "fosdem-2026.commands.jsonl"
RECORDED_TENANT = "fosdem"
MADE_UP_TENANTS = ("acme", "bravo")
ROOMS_EACH = 12
REPEATED, OUT_OF_ORDER = 0.1, 0.25
MOVED_BY_MAX = 12
"""How far a message gets out of order: by so many others."""

_BEGINNING = datetime(2027, 1, 4, 8, tzinfo=UTC)
_SHOWN = ("busy", "tentative", "free", "oof")

Published = dict[str, Any]


def recorded() -> list[Published]:
    """The recorded commands in their order; none where the recording is not at hand."""
    return [json.loads(line) for line in RECORDED.read_text().splitlines()] if RECORDED.exists() else []


def made_up(seed: int, bookings: int) -> list[Published]:
    """The lives of bookings, interleaved: created, changed, moved, ended, cancelled and created again."""
    chance = random.Random(seed)  # noqa: S311 - a seeded story, nothing secret
    lives = [_life(chance, chance.choice(MADE_UP_TENANTS), f"B-{number}") for number in range(bookings)]
    # A life begins at its place and goes on here and there after it.
    placed = [
        (begin + step * chance.uniform(0.5, 20), command)
        for begin, life in enumerate(lives)
        for step, command in enumerate(life)
    ]
    return [command for _, command in sorted(placed, key=lambda each: each[0])]


def in_disorder(seed: int, commands: list[Published]) -> list[Published]:
    """Some twice, some later than they should be."""
    chance = random.Random(seed)  # noqa: S311 - a seeded story, nothing secret
    placed: list[tuple[float, Published]] = []
    for place, command in enumerate(commands):
        late = chance.uniform(0, MOVED_BY_MAX) if chance.random() < OUT_OF_ORDER else 0
        placed.append((place + late, command))
        if chance.random() < REPEATED:
            placed.append((place + chance.uniform(0, 100), command))
    return [command for _, command in sorted(placed, key=lambda each: each[0])]


def _life(chance: random.Random, tenant: str, booking: str) -> Iterator[Published]:
    """One booking's commands, in the order of their versions."""
    version, room, is_there = 0, _room(chance, tenant), False
    for _ in range(chance.randint(1, 6)):
        version += chance.choice((1, 1, 1, 5))
        kind = chance.choice(("update", "update", "move", "end", "cancel")) if is_there else "create"
        command: Published = {
            "schema_version": 1,
            "command": kind,
            "tenant": tenant,
            "booking_id": booking,
            "version": version,
            "room": room,
            "issued_at": "2026-11-20T08:59:58Z",
        }
        if kind == "move":
            command["previous_room"], room = room, _room(chance, tenant)
            command["room"] = room
        if kind != "cancel":
            command["event"] = _event(chance, f"{booking} version {version}")
        if kind == "end" and chance.random() < 0.2:
            command["event"]["end"] = command["event"]["start"]
        is_there = kind != "cancel"
        yield command


def _room(chance: random.Random, tenant: str) -> str:
    return f"room-{chance.randrange(ROOMS_EACH)}@{tenant}.example"


def _event(chance: random.Random, subject: str) -> Published:
    start_at = _BEGINNING + timedelta(minutes=15 * chance.randrange(2000))
    event: Published = {
        "subject": subject,
        "start": start_at.isoformat(),
        "end": (start_at + timedelta(minutes=15 * chance.randint(1, 8))).isoformat(),
        "time_zone": chance.choice(list(ZONES)),
    }
    if chance.random() < 0.5:
        event["location"] = f"Floor {chance.randrange(9)}"
        event["categories"] = ["SpaceIQ", "Chaos"][: chance.randint(1, 2)]
    if chance.random() < 0.3:
        event["body"] = {"content_type": "text", "content": f"Agenda {chance.randrange(1000)}"}
        event["sensitivity"] = chance.choice(("normal", "private"))
        event["show_as"] = chance.choice(_SHOWN)
    return event
