"""How one failed message is shown: what it asks for, why it failed, what to do, and what the ledger knows now."""

import json
from typing import Any

from adapters.ledger import LedgerRow
from consumers.failed.message import shown
from consumers.messages.codes import code_of
from consumers.messages.command import BookingCommand
from worker.failed.looking import Shown
from worker.failed.show import instant, message_json
from worker.failed.show_plan import fate_words
from worker.terminal import say, visible


def one_json(found: Shown, *, personal: bool) -> dict[str, Any]:
    """Everything, for machines; subject, text and people only with `personal`."""
    failed, code = found.seen.failed, code_of(found.seen.failed.code)
    return message_json(failed) | {
        "equal_messages": found.seen.count,
        "meaning": code.sentence,
        "advice": code.advice,
        "scope": code.scope,
        "command": None if found.planned.command is None else _command(found.planned.command, personal=personal),
        "unreadable": None if found.planned.command else found.planned.fate.why,
        "body": _text(found.seen.body) if personal and found.planned.command is None else None,
        "replay": fate_words(found.planned),
        "ledger": [_row(row) for row in found.rows],
    }


def _command(command: BookingCommand, *, personal: bool) -> dict[str, Any]:
    event = command.event
    told: dict[str, Any] = {
        "command": command.kind.value,
        "previous_room": command.previous_room,
        "issued_at": instant(command.issued_at),
    }
    if event is None:
        return told | {"event": None}
    if personal:
        return told | {"event": json.loads(event.canonical(with_attendees=True))}
    times = {"start": instant(event.starts_at), "end": instant(event.ends_at), "time_zone": event.time_zone}
    return told | {"event": times | {"all_day": event.all_day}}


def _row(row: LedgerRow) -> dict[str, Any]:
    return {
        "tenant": row.key.tenant,
        "room": row.key.room,
        "state": row.state.value,
        "version": row.version,
        "removed_version": row.removed_version,
        "being_written": row.claim.version if row.claim else None,
    }


def _text(body: bytes) -> str | None:
    return shown(body.decode("utf-8", errors="replace"))


def show_one(found: Shown, *, personal: bool) -> None:
    """Everything, for a person."""
    told = one_json(found, personal=personal)
    code = f"{told['code']}: {told['why']}"
    lines = [
        ("message", f"{told['id']}  (message id {told['message_id'] or 'none'}, {told['size_bytes']:,} bytes)"),
        ("booking", f"{told['booking_id']} version {told['version']} of {told['tenant']} in {told['room']}"),
        ("failed", f"{told['failed_at']}, first seen {told['first_seen_at']}, attempts {told['attempts']}"),
        ("why", code),
        ("what to do", told["advice"]),
        ("replayed now", told["replay"]),
    ]
    lines += [(name, text) for name, text in _command_lines(told)]
    lines += [("ledger", _row_line(row)) for row in told["ledger"]] or [("ledger", "nothing is known of the booking")]
    for name, text in lines:
        say(f"{name:<13} {visible(text)}")


def _command_lines(told: dict[str, Any]) -> list[tuple[str, str]]:
    command = told["command"]
    if command is None:
        return [("unreadable", told["unreadable"] or ""), *([("body", told["body"])] if told["body"] else [])]
    words = [command["command"], f"issued {command['issued_at']}"]
    if command["previous_room"]:
        words.append(f"from {command['previous_room']}")
    lines = [("command", ", ".join(words))]
    if command["event"] is None:
        return [*lines, ("event", "none: the booking is to be removed")]
    return [*lines, *((name, json.dumps(value, ensure_ascii=False)) for name, value in command["event"].items())]


def _row_line(row: dict[str, Any]) -> str:
    being = f", version {row['being_written']} is being written" if row["being_written"] else ""
    return f"{row['room']}: {row['state']}, version {row['version']}, removed up to {row['removed_version']}{being}"
