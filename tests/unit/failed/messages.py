"""Messages of the failed queue, as far as anybody looks at one."""

from datetime import UTC, datetime
from typing import Any

from consumers.failed.export import FileMessage
from tests.builders import a_body

FAILED_AT = datetime(2026, 11, 20, 9, tzinfo=UTC)


def parked(body: bytes | None = None, **changes: object) -> FileMessage:
    """A message that a worker parked; changes are headers without their prefix, None leaves one out."""
    notes: dict[str, Any] = {
        "attempts": 2,
        "first-seen-at": "2026-11-20T08:00:00Z",
        "failed-at": FAILED_AT.isoformat(),
        "error-code": "rights_missing",
        "error-message": "No rights.",
        "tenant": "acme",
        "room": "board@acme.example",
        "booking-id": "B-1001",
        "version": 1,
    } | {name.replace("_", "-"): value for name, value in changes.items()}
    headers = {f"x-roomsync-{name}": value for name, value in notes.items() if value is not None}
    return FileMessage(
        body=a_body() if body is None else body, headers=headers, routing_key="board@acme.example", message_id="m-1"
    )
