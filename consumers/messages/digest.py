"""Digests that tell the same content from other content: what was published, and what was written.

The one of the command decides duplicate or `version_reused`, so it must never depend on how an event is rendered.

Ledgers keep both for months. So neither changes for the content that it stands for: a member that an event gains counts
only where it differs from its default, and a digest with such members says in which version it was made.
"""

import json
from dataclasses import MISSING, Field, fields
from datetime import datetime
from hashlib import sha256

from adapters.calendar import EventBody, RoomEvent
from consumers.messages.booking_event import BookingEvent

FIRST_MEMBERS = frozenset(
    (
        *("subject", "starts_at", "ends_at", "time_zone", "all_day"),
        *("body", "location", "categories", "sensitivity", "show_as"),
    )
)
"""The members that every digest of what was written counts; a digest of these alone is of version 1 and bears no
number. To add one here would change every digest in every ledger."""

ABSENT = "absent"
"""The digest of every command that leaves no event: a cancel, or an end that ended before it began."""


def digest_of_published(event: BookingEvent | None) -> str:
    """The digest of a command's content as published, attendees included, its kind aside."""
    return ABSENT if event is None else _digest(event.canonical(with_attendees=True))


def digest_of_written(event: RoomEvent) -> str:
    """The digest of an event as it is written: tells `reconcile` what was rendered otherwise, and spares nothing.

    Returns:
        64 hexadecimal digits, behind `2:` where members count that version 1 did not have.
    """
    content = {name: getattr(event, name) for name in FIRST_MEMBERS}
    gained = [each for each in fields(event) if each.name not in FIRST_MEMBERS and not _is_default(event, each)]
    content |= {each.name: getattr(event, each.name) for each in gained}
    digest = _digest(json.dumps(content, sort_keys=True, separators=(",", ":"), default=_plain))
    return digest if len(content) == len(FIRST_MEMBERS) else f"2:{digest}"


def _is_default(event: RoomEvent, member: "Field[object]") -> bool:
    default = member.default if member.default_factory is MISSING else member.default_factory()
    return bool(getattr(event, member.name) == default)


def _plain(value: datetime | EventBody) -> object:
    return [value.content_type, value.content] if isinstance(value, EventBody) else value.isoformat()


def _digest(text: str) -> str:
    return sha256(text.encode("ascii")).hexdigest()
