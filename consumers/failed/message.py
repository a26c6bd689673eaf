"""A message of the failed queue as operators meet it: an id of its own, why it failed, and what it is about.

Everything in it comes from headers and bytes that anybody may have published, so each text is checked before it is
shown or stored.
"""

import sys
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Protocol

from aiormq.abc import FieldValue

from consumers.broker.headers import RoomsyncHeaders, plausible, read_instant, was_parked_by_us
from consumers.broker.incoming_message import Described, Readable, Sized
from consumers.broker.parsing import check_whole
from consumers.broker.queue_names import DEATH_REASON_HEADER, HEADER_PREFIX
from consumers.messages.codes import all_codes
from consumers.messages.command import BookingCommand, parse_command
from consumers.messages.disposition import Problem
from consumers.messages.json_object import MAX_BYTES
from consumers.messages.violations import BadMessage, KnownMembers
from consumers.messages.wire_models import is_version
from consumers.tenants import TenantDirectory

ID_DIGITS = 12
_TEXT_MAX = 500
_CODES = all_codes()


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedMessage:
    """What a list needs. `code` is a key of `codes`; what cannot be told is None; `why` holds no subject, no person.

    `attempts` counts those that failed; `first_seen_at` is when a worker first met it, `failed_at` when it was parked.
    """

    failed_id: str
    code: str
    why: str
    tenant: str | None = None
    room: str | None = None
    booking_id: str | None = None
    version: int | None = None
    attempts: int = 0
    first_seen_at: datetime | None = None
    failed_at: datetime | None = None
    message_id: str | None = None
    size_bytes: int = 0
    has_too_many_headers: bool = False


class Queued(Readable, Described, Protocol):
    """A message of the failed queue, or of a file that was exported from it."""

    @property
    def head(self) -> bytes:
        """The beginning of its body, where that is larger than a command may be."""
        ...


def id_of(message: Queued) -> str:
    """An id that stays while the message lies there, whoever looks at it; equal messages share one.

    Not the message's own id, which may be missing or doubled; and nothing of what the broker counts.
    """
    # Who looks through the queue has no larger bodies, and who exports them has.
    is_large = message.size_bytes > MAX_BYTES
    digest = sha256(message.head + str(message.size_bytes).encode() if is_large else message.body)
    failed_at = _header(message, "failed-at")
    for text in (message.message_id, failed_at if isinstance(failed_at, str) else None, message.routing_key):
        digest.update(f"\0{text!r}".encode())
    return digest.hexdigest()[:ID_DIGITS]


def describe(message: Queued, tenants: TenantDirectory) -> FailedMessage:
    """Describe a message. What a worker parked says why; what the broker parked must be read for it."""
    code = _header(message, "error-code")
    is_noted = was_parked_by_us(message.headers) and not message.has_too_many_headers
    if is_noted and isinstance(code, str) and code in _CODES:
        version = _header(message, "version")
        return _described(
            message,
            code=code,
            why=shown(_header(message, "error-message")) or _CODES[code].sentence,
            tenant=shown(_header(message, "tenant")),
            room=shown(_header(message, "room")),
            booking_id=shown(_header(message, "booking-id")),
            version=version if is_version(version) else None,
            failed_at=read_instant(_header(message, "failed-at")),
        )
    return _described_by_its_body(message, tenants)


def _described_by_its_body(message: Queued, tenants: TenantDirectory) -> FailedMessage:
    about: BookingCommand | KnownMembers
    try:
        about = parse_whole(message.body, message, tenants)
    except BadMessage as bad:
        about, code, why = bad.known, bad.first.code, str(bad)
    else:
        problem = Problem.coded("parked_by_broker", detail=shown(message.headers.get(DEATH_REASON_HEADER)))
        code, why = problem.code, problem.message
    return _described(
        message,
        code=code,
        why=why,
        tenant=about.tenant,
        room=about.room,
        booking_id=about.booking_id,
        version=about.version,
        failed_at=_died_at(message) or plausible(message.timestamp),
    )


def _described(message: Queued, **known: Any) -> FailedMessage:  # noqa: ANN401 - members of FailedMessage
    notes = RoomsyncHeaders.read(message.headers)
    return FailedMessage(
        failed_id=id_of(message),
        attempts=notes.attempts,
        first_seen_at=notes.first_seen_at,
        message_id=shown(message.message_id),
        size_bytes=message.size_bytes,
        has_too_many_headers=message.has_too_many_headers,
        **known,
    )


def parse_whole(body: bytes, message: Sized, tenants: TenantDirectory) -> BookingCommand:
    """Read the body of a message, or a corrected one. Raises `BadMessage`."""
    check_whole(message, body, tenants)
    return parse_command(body, tenants)


def shown(text: object) -> str | None:
    """A text that somebody else wrote, as it may be shown on a terminal and stored; None where there is none."""
    if not isinstance(text, str) or not text:
        return None
    text = text[:_TEXT_MAX]
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
    # A hundred thousand messages have few rooms and fewer reasons.
    return sys.intern(text)


def _header(message: Described, name: str) -> FieldValue:
    return message.headers.get(HEADER_PREFIX + name)


def _died_at(message: Readable) -> datetime | None:
    deaths = (message.properties.headers or {}).get("x-death")
    latest = deaths[0] if isinstance(deaths, list) and deaths else None
    return plausible(latest.get("time")) if isinstance(latest, dict) else None
