"""What stories about failed messages share: parking as workers park, and the tool's commands."""

import asyncio
import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from aio_pika import DeliveryMode, Message

from consumers.failed.correction import Correction
from consumers.failed.selection import Selection
from tests.program_harness import LOOK_S, ProgramHarness
from worker.failed.acting import Wish, plan_replay
from worker.failed.looking import list_messages
from worker.failed.show import message_json
from worker.failed.show_plan import plan_json
from worker.settings import Settings, read_settings

_numbers = itertools.count(1)
DONE = ("--yes", "--wait", "--rate", "50", "--json")


async def park(
    harness: ProgramHarness,
    command: dict[str, object] | bytes,
    code: str | None = "rights_missing",
    *,
    days_ago: float = 0,
) -> None:
    """Put a message into the failed queue; without a code as the broker does it."""
    body = command if isinstance(command, bytes) else json.dumps(command).encode()
    at = datetime.now(UTC) - timedelta(days=days_ago)
    headers: dict[str, Any] = {}
    if code is not None and isinstance(command, dict):
        headers = {
            "x-roomsync-attempts": 3,
            "x-roomsync-first-seen-at": at.isoformat(),
            "x-roomsync-failed-at": at.isoformat(),
            "x-roomsync-error-code": code,
            "x-roomsync-error-message": "It could not be done.",
            "x-roomsync-tenant": command["tenant"],
            "x-roomsync-room": command["room"],
            "x-roomsync-booking-id": command["booking_id"],
            "x-roomsync-version": command["version"],
        }
    message = Message(
        body, headers=headers, message_id=f"parked-{next(_numbers)}", delivery_mode=DeliveryMode.PERSISTENT
    )
    exchange = await harness.channel.get_exchange(harness.names.failed, ensure=False)
    await exchange.publish(message, str(command["room"]) if isinstance(command, dict) else "nobody@acme.example")


async def replay(harness: ProgramHarness, *arguments: str, code: int = 0) -> dict[str, Any]:
    finished = await harness.run("failed", "replay", *arguments, *DONE)
    assert finished.code == code, finished.said
    told: dict[str, Any] = finished.json()
    return told


async def preview(harness: ProgramHarness, *corrections: str, room: str) -> list[dict[str, Any]]:
    """What `replay --dry-run --json` tells of each message."""
    wish = Wish(
        selection=Selection(room=room),
        operator="ada@desk",
        patience_s=30,
        corrections=[Correction.read(text) for text in corrections],
    )
    told: list[dict[str, Any]] = plan_json(await plan_replay(settings_of(harness), wish), 4)["messages"]
    return told


async def listed(harness: ProgramHarness, **selection: str) -> list[dict[str, Any]]:
    """What `list --json` tells."""
    found = await list_messages(settings_of(harness), Selection(**selection), patience_s=30)  # type: ignore[arg-type]
    return [message_json(failed) for failed in found.messages]


def settings_of(harness: ProgramHarness) -> Settings:
    return read_settings(harness.folder / "roomsync.toml", harness.environment)


async def until_parked(harness: ProgramHarness) -> None:
    """Until something lies in the failed queue."""
    for _ in range(600):
        if await harness.depth(harness.names.failed):
            return
        await asyncio.sleep(LOOK_S)
    raise AssertionError(harness.tails())
