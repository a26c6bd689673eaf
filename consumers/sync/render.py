"""Renders a booking's event into the event that is written: the tenant's subject, and texts that XML can carry.

Ledgers keep the digest of what was written for months, so it does not change for the content that it stands for: a
member that an event gains counts only where it differs from its default, and a digest with such members says in which
version it was made.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import MISSING, Field, fields
from datetime import datetime, timedelta
from hashlib import sha256

from adapters.calendar import EventBody, RoomEvent
from consumers.messages.booking_event import BookingEvent
from consumers.messages.times import whole_seconds
from consumers.messages.violations import Remark

SUBJECT_MAX = 255
FIRST_MEMBERS = frozenset(
    (
        *("subject", "starts_at", "ends_at", "time_zone", "all_day"),
        *("body", "location", "categories", "sensitivity", "show_as"),
    )
)
"""The members that every digest of what was written counts; a digest of these alone is of version 1 and bears no
number. To add one here would change every digest in every ledger."""

# XML 1.0, section 2.2: everything that is no `Char`.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PLACEHOLDER = re.compile(r"\{(subject|organizer)\}")


def render(event: BookingEvent, subject_template: str) -> tuple[RoomEvent, tuple[Remark, ...]]:
    """The event as it shall stand in the room's calendar, and what had to be changed for that.

    Args:
        subject_template: the tenant's `subject`; `{subject}` and `{organizer}` (the name, else the address) are filled.
    """
    remarks: list[Remark] = []
    subject = _cut(_clean(_fill(subject_template, event), "/event/subject", remarks), remarks)
    starts_at = _cut_time(event.starts_at, "/event/start", remarks)
    ends_at = _cut_time(event.ends_at, "/event/end", remarks)
    rendered = RoomEvent(
        subject=subject,
        starts_at=starts_at,
        # An older roomsync took events that begin and end within a second: they are in ledgers.
        ends_at=max(ends_at, starts_at + timedelta(seconds=1)),
        time_zone=event.time_zone,
        all_day=event.all_day,
        body=EventBody(
            content_type=event.body.content_type,
            content=_clean(event.body.content, "/event/body/content", remarks),
        ),
        location=_clean(event.location, "/event/location", remarks),
        categories=_without_repeats(
            _clean(category, f"/event/categories/{index}", remarks) for index, category in enumerate(event.categories)
        ),
        sensitivity=event.sensitivity,
        show_as=event.show_as,
    )
    return rendered, tuple(remarks)


def digest_of_written(event: RoomEvent) -> str:
    """The digest of an event as it is written: tells `reconcile` what was rendered otherwise, and spares nothing.

    Returns:
        64 hexadecimal digits, behind `2:` where members count that version 1 did not have.
    """
    content = {name: getattr(event, name) for name in FIRST_MEMBERS}
    gained = [each for each in fields(event) if each.name not in FIRST_MEMBERS and not _is_default(event, each)]
    content |= {each.name: getattr(event, each.name) for each in gained}
    digest = sha256(
        json.dumps(content, sort_keys=True, separators=(",", ":"), default=_plain).encode("ascii")
    ).hexdigest()
    return digest if len(content) == len(FIRST_MEMBERS) else f"2:{digest}"


def _is_default(event: RoomEvent, member: "Field[object]") -> bool:
    default = member.default if member.default_factory is MISSING else member.default_factory()
    return bool(getattr(event, member.name) == default)


def _plain(value: datetime | EventBody) -> object:
    return [value.content_type, value.content] if isinstance(value, EventBody) else value.isoformat()


def _fill(template: str, event: BookingEvent) -> str:
    organizer = event.organizer
    values = {"subject": event.subject, "organizer": (organizer.name or organizer.email) if organizer else ""}
    # Not str.format: braces in what is filled in, and other braces in the template, are text.
    return _PLACEHOLDER.sub(lambda match: values[match[1]], template)


def _cut_time(instant: datetime, member: str, remarks: list[Remark]) -> datetime:
    # Here and not when it is parsed: digests are of what was published, and must stay as they are in ledgers.
    if instant.microsecond:
        remarks.append(Remark.of("time_cut", member))
    return whole_seconds(instant)


def _clean(text: str, member: str, remarks: list[Remark]) -> str:
    cleaned = _FORBIDDEN.sub("", text)
    if cleaned != text:
        remarks.append(Remark.of("characters_removed", member))
    return cleaned


def _cut(subject: str, remarks: list[Remark]) -> str:
    # Counted in UTF-16, the way Windows counts characters, so that the limit holds for either way of counting.
    units = subject.encode("utf-16-le")
    if len(units) <= 2 * SUBJECT_MAX:
        return subject
    remarks.append(Remark.of("subject_cut", "/event/subject"))
    return units[: 2 * SUBJECT_MAX].decode("utf-16-le", errors="ignore")


def _without_repeats(categories: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(categories))
