"""How failed messages are shown: tables on a terminal, plain lines elsewhere, JSON for machines.

Ids, codes, bookings and times always; what stands in an event only where it was asked for: it is people's.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from consumers.failed.message import FailedMessage
from consumers.failed.selection import Group, GroupBy
from consumers.messages.codes import code_of
from worker.failed.looking import Listing
from worker.terminal import is_terminal, say, table, visible

SHOWN_MAX = 100


def message_json(failed: FailedMessage) -> dict[str, Any]:
    """A message, for machines."""
    return {
        "id": failed.failed_id,
        "failed_at": instant(failed.failed_at),
        "first_seen_at": instant(failed.first_seen_at),
        "code": failed.code,
        "why": failed.why,
        "tenant": failed.tenant,
        "room": failed.room,
        "booking_id": failed.booking_id,
        "version": failed.version,
        "attempts": failed.attempts,
        "message_id": failed.message_id,
        "size_bytes": failed.size_bytes,
    }


def tell_listing(listing: Listing) -> None:
    """A listing, for machines; written line by line, since a hundred thousand messages make a long text."""
    say(f'{{"total": {listing.total_count}, "matched": {listing.matched_count}, "messages": [')
    last = len(listing.messages) - 1
    for index, failed in enumerate(listing.messages):
        say(f"  {json.dumps(message_json(failed))}{',' if index < last else ''}")
    say("]}")


def show_listing(listing: Listing) -> None:
    """The first hundred, and how many there are."""
    some = listing.messages[:SHOWN_MAX]
    columns = ("id", "failed at", "code", "tenant", "room", "booking", "version", "attempts")
    rows = [
        (
            failed.failed_id,
            instant(failed.failed_at, seconds=True),
            failed.code,
            failed.tenant,
            failed.room,
            failed.booking_id,
            failed.version,
            failed.attempts,
        )
        for failed in some
    ]
    rows_shown(columns, rows)
    told = [counted(listing.total_count, "message") + " in the failed queue"]
    if listing.matched_count != listing.total_count:
        told.append(f"{listing.matched_count} selected")
    if len(some) < listing.matched_count:
        told.append(f"{len(some)} shown")
    say(", ".join(told) + ".")


def groups_json(groups: Sequence[Group], by: GroupBy) -> dict[str, Any]:
    """Groups, for machines."""
    return {
        "total": sum(group.count for group in groups),
        "groups": [
            {by.value: group.name, "count": group.count, "newest_at": instant(group.newest_at)} for group in groups
        ],
    }


def show_groups(groups: Sequence[Group], by: GroupBy) -> None:
    """Each group with its count and its newest; a code with what it means."""
    columns: tuple[str, ...] = (by.value, "messages", "newest")
    rows: list[tuple[object, ...]] = [
        (group.name or "(unknown)", group.count, instant(group.newest_at, seconds=True)) for group in groups
    ]
    if by is GroupBy.CODE:
        columns += ("meaning",)
        rows = [(*row, code_of(str(row[0])).sentence) for row in rows]
    rows_shown(columns, rows)
    say(f"{counted(sum(group.count for group in groups), 'message')}.")


def rows_shown(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on a terminal; elsewhere a line each, the fields apart by tabs."""
    if is_terminal():
        table(columns, rows)
        return
    for row in rows:
        say("\t".join("-" if field is None else visible(field) for field in row))


def instant(at: datetime | None, *, seconds: bool = False) -> str | None:
    """An instant in UTC, RFC 3339, in milliseconds or whole seconds."""
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="seconds" if seconds else "milliseconds").replace("+00:00", "Z")


def counted(count: int, what: str) -> str:
    """A number with its noun."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def lasting(seconds: float) -> str:
    """About how long: in seconds, minutes or hours."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"
