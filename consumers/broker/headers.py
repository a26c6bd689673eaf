"""What a message keeps when it is published again, and what it tells about itself (docs/contract.md#headers)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from aio_pika import DeliveryMode, Message
from aiormq.abc import FieldTable, FieldValue

from consumers.broker.incoming_message import Readable
from consumers.broker.message_copy import Copy, NotCopied
from consumers.broker.properties import Properties
from consumers.broker.queue_names import COUNT_HEADER, DEATH_REASON_HEADER, HEADER_PREFIX
from consumers.messages.disposition import Look, Problem

YEAR_FIRST = 2000
YEAR_END = 2200
ATTEMPTS_END = 10_000
"""No worker counts so far: from the fourth on attempts are an hour apart, and after a year everything is given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomsyncHeaders:
    """What roomsync itself noted on a message when it last sent it away."""

    attempts: int = 0
    first_seen_at: datetime | None = None
    replayed_at: datetime | None = None
    rested_at: datetime | None = None
    """When it was last sent away for a trouble of its whole tenant: that time is not held against it."""
    look: Look | None = None
    about: tuple[FieldValue, FieldValue] = (None, None)
    """The booking and the version that the notes are about."""
    delayed_told: bool = False
    derived: bool = False

    @classmethod
    def read(cls, headers: Mapping[str, FieldValue]) -> "RoomsyncHeaders":
        """Read them; what is not as we write it counts as absent, since anybody may publish headers."""
        look = _header(headers, "look")
        return cls(
            attempts=_whole(_header(headers, "attempts"), ATTEMPTS_END),
            first_seen_at=read_instant(_header(headers, "first-seen-at")),
            replayed_at=read_instant(_header(headers, "replayed-at")),
            rested_at=read_instant(_header(headers, "rested-at")),
            look="room" if look == "room" else "booking" if look == "booking" else None,
            about=(_header(headers, "booking-id"), _header(headers, "version")),
            delayed_told=_header(headers, "delayed") is True,
            derived=_header(headers, "derived") is True,
        )

    def look_at(self, booking_id: str, version: int) -> Look | None:
        """The look that a command with these notes is. None for a command on which they came by somebody's mistake,
        copied with the headers of another message: as a look it would vanish without a result."""
        return self.look if self.about == (booking_id, version) else None


def returned_count(headers: Mapping[str, FieldValue]) -> int:
    """How often a message came back, as its header says. Of one that is handed out for the first time a publisher, a
    shovel or another queue says it: see `redeliveries`."""
    return _whole(headers.get(COUNT_HEADER), 2**63)


def was_parked_by_us(headers: Mapping[str, FieldValue]) -> bool:
    """Whether a worker parked the message, and so reported it; what the broker parks has no such note.

    Not by its error code, which a command that was sent away carries too: the broker may park it when it is back. And
    what bears the broker's own note of its parking is not ours, though it was published with a note copied from one.
    """
    return _header(headers, "failed-at") is not None and DEATH_REASON_HEADER not in headers


def copy_of(message: Readable, **notes: FieldValue) -> Copy:
    """The message as it is published again: body, properties and headers, with notes added (None removes one).

    Not kept: `user_id`, `expiration`, CC, BCC and what the broker wrote.

    Raises:
        NotCopied: its body was too large to be kept; or it bears too many headers: the broker sorts them by name, and
            our notes might lie behind those that are read.
    """
    if message.size_bytes > len(message.body):
        raise NotCopied("its body was not kept")
    if message.has_too_many_headers:
        raise NotCopied("it bears too many headers")
    return Copy(message.body, Properties.of(message.properties), notes)


def derived_removal(body: bytes, message_id: str | None) -> Message:
    """The message of a removal that a move entails; it bears the move's id, so that its result names the move."""
    return Message(
        body,
        headers={f"{HEADER_PREFIX}derived": True},
        content_type="application/json",
        delivery_mode=DeliveryMode.PERSISTENT,
        message_id=message_id,
    )


def look_message(body: bytes, message_id: str, look: Look) -> Message:
    """The message of a command that asks for a look at its booking or at its room, and is itself not carried out."""
    command = json.loads(body)
    return Message(
        body,
        headers={
            f"{HEADER_PREFIX}look": look,
            f"{HEADER_PREFIX}booking-id": command["booking_id"],
            f"{HEADER_PREFIX}version": command["version"],
        },
        content_type="application/json",
        delivery_mode=DeliveryMode.PERSISTENT,
        message_id=message_id,
    )


def error_notes(problem: Problem) -> FieldTable:
    """The notes that say why a message was sent away."""
    return {"error_code": problem.code, "error_message": problem.message}


def instant_text(instant: datetime) -> str:
    """An instant as headers and results carry it: RFC 3339 in UTC with milliseconds."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _header(headers: Mapping[str, FieldValue], name: str) -> FieldValue:
    return headers.get(HEADER_PREFIX + name)


def _whole(value: FieldValue, below: int) -> int:
    """A count that a header carries; what is none counts as 0."""
    if not isinstance(value, int) or isinstance(value, bool):
        return 0
    return value if 0 <= value < below else 0


def read_instant(value: object) -> datetime | None:
    """An instant in RFC 3339 that a header or a file carries; what is none, or has no zone, counts as absent."""
    if not isinstance(value, str):
        return None
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        return None
    return plausible(instant) if instant.tzinfo is not None else None


def plausible(instant: object) -> datetime | None:
    """An instant that somebody else wrote, in UTC unless it has a zone; outside the years 2000 to 2199 it is none.

    Near the ends of what `datetime` holds, a change of zone or a sum raises `OverflowError`.
    """
    if not isinstance(instant, datetime) or not YEAR_FIRST <= instant.year < YEAR_END:
        return None
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)
