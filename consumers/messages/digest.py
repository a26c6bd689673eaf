"""Digests that tell the same content from other content: what was published, and what was written.

The one of the command decides duplicate or `version_reused`, so it must never depend on how an event is rendered.
"""

import json
from dataclasses import fields
from datetime import datetime
from hashlib import sha256

from adapters.calendar import EventBody, RoomEvent
from consumers.messages.booking_event import BookingEvent

ABSENT = "absent"
"""The digest of every command that leaves no event: a cancel, or an end that ended before it began."""


def digest_of_published(event: BookingEvent | None) -> str:
    """The digest of a command's content as published, attendees included, its kind aside."""
    return ABSENT if event is None else _digest(event.canonical(with_attendees=True))


def digest_of_written(event: RoomEvent) -> str:
    """The digest of an event as it is written: tells `reconcile` what was rendered otherwise, and spares nothing."""
    content = {name: getattr(event, name) for name in _WRITTEN}
    return _digest(json.dumps(content, sort_keys=True, separators=(",", ":"), default=_plain))


_WRITTEN = tuple(field.name for field in fields(RoomEvent))


def _plain(value: datetime | EventBody) -> object:
    return [value.content_type, value.content] if isinstance(value, EventBody) else value.isoformat()


def _digest(text: str) -> str:
    return sha256(text.encode("ascii")).hexdigest()
