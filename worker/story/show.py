"""How a booking's story is shown: for each room the answer first, then what befell it; JSON for machines."""

from typing import Any

from adapters.ledger import LedgerRow
from adapters.story import Entry
from consumers.story import words
from consumers.story.reading import RoomStory
from consumers.story.trails import OpenMessage
from consumers.story.words import Queues
from worker.story.booking import BookingStory


def as_lines(story: BookingStory) -> list[str]:
    """The story for people."""
    if not story.rooms:
        return [f"Neither the ledger nor any story knows the booking {story.booking_id}."]
    return [line for room in story.rooms for line in (*_room_lines(room, story.queues), "")][:-1]


def _room_lines(room: RoomStory, queues: Queues) -> list[str]:
    lines = [f"[{room.tenant or '?'}] {_answer(room, queues)}"]
    for entry in room.entries:
        lines.append(f"  {words.instant(entry.at)}  {_which(entry):<20}  {words.of_entry(entry)}{_attempt(entry)}")
    for message in room.messages:
        lines.append(f"  {_which(message.last)}: {words.of_message(message, queues)}")
    if not room.entries:
        lines.append("  (no story: it is older than [ledger] story_days, or was kept by an older roomsync)")
    return lines


def _answer(room: RoomStory, queues: Queues) -> str:
    return words.of_standing(room.standing, room.room, queues, elsewhere=room.elsewhere)


def _which(entry: Entry) -> str:
    if entry.version is None:
        return "-"
    return f"version {entry.version} {entry.command}" if entry.command else f"version {entry.version}"


def _attempt(entry: Entry) -> str:
    return f" [attempt {entry.attempt}]" if entry.attempt is not None and entry.attempt > 1 else ""


def as_json(story: BookingStory) -> dict[str, Any]:
    """The story for machines."""
    return {"booking": story.booking_id, "rooms": [_room_json(room, story.queues) for room in story.rooms]}


def _room_json(room: RoomStory, queues: Queues) -> dict[str, Any]:
    standing = room.standing
    return {
        "tenant": room.tenant,
        "room": room.room,
        "answer": _answer(room, queues),
        "holds": standing.holds.value,
        "settled_version": standing.version,
        "since": standing.since and standing.since.isoformat(),
        "elsewhere": room.elsewhere,
        **_row_json(room.row),
        "messages": [_message_json(message, queues) for message in room.messages],
        "story": [_entry_json(entry) for entry in room.entries],
    }


def _row_json(row: LedgerRow | None) -> dict[str, Any]:
    if row is None:
        row_members = ("state", "version", "removed_version", "item_id", "event_ends_at")
        return dict.fromkeys((*row_members, "claimed_version", "claimed_for_s"))
    return {
        "state": row.state.value,
        "version": row.version,
        "removed_version": row.removed_version,
        "item_id": row.item.item_id if row.item else None,
        "event_ends_at": row.event_ends_at.isoformat() if row.event_ends_at else None,
        "claimed_version": row.claim.version if row.claim else None,
        "claimed_for_s": round(row.claim.remaining_s, 1) if row.claim else None,
    }


def _message_json(message: OpenMessage, queues: Queues) -> dict[str, Any]:
    last = message.last
    return {
        "message_id": last.message_id,
        "version": last.version,
        "command": last.command,
        "place": message.place.value,
        "since": last.at.isoformat(),
        "until": message.until and message.until.isoformat(),
        "code": last.code,
        "advice": words.advice(last.code),
        "sentence": words.of_message(message, queues),
    }


def _entry_json(entry: Entry) -> dict[str, Any]:
    return {
        "at": entry.at.isoformat(),
        "what": entry.what.value,
        "version": entry.version,
        "command": entry.command,
        "code": entry.code,
        "detail": entry.detail,
        "wait_s": entry.wait_s,
        "attempt": entry.attempt,
        "message_id": entry.message_id,
        "actor": entry.actor,
        "sentence": words.of_entry(entry),
    }
