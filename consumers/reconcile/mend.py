"""Asks the lanes to mend what a comparison found: looks are published, nothing is written (docs/protocol.md#rule-9)."""

import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from adapters.calendar import BookingId, RoomAddress
from adapters.ledger import BookingKey, CompareAndSwap, Ledger, LedgerRow
from consumers.messages.command import CommandKind
from consumers.messages.disposition import Look
from consumers.reconcile.report import Finding, Kind, RoomReport

ROOM_LOOK = BookingId("roomsync.reconcile")
"""The booking that a look at a whole room names: nobody's, so that without its header it would remove nothing."""

AskLook = Callable[[bytes, RoomAddress, Look], Awaitable[None]]
"""Publishes a command as a look at a booking or at a room, confirmed; raises `NotPublished`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the lanes were asked for in a room.

    `looks_count` counts looks; `changed` names bookings that were written since they were compared, `postponed` those
    that have to wait for a later run.
    """

    looks_count: int = 0
    changed: tuple[BookingId, ...] = ()
    postponed: tuple[BookingId, ...] = ()


async def ask_to_mend(report: RoomReport, ledger: Ledger, ask: AskLook, now: datetime) -> Asked:
    """Ask for everything in a report that can be mended. Safe to repeat.

    Raises:
        NotPublished, LedgerError: what was not asked for stays as it is, and is found again.
    """
    changed = await _rewrite(ledger, [finding for finding in report.mendable if finding.kind in _WRITTEN_AGAIN])
    rows = {finding.booking_id: finding.row for finding in report.mendable if finding.row is not None}
    looked_at = [row for booking, row in rows.items() if booking not in changed]
    for row in looked_at:
        await ask(command_for(row, now), report.room, "booking")
    strangers = tuple(finding.booking_id for finding in report.mendable if finding.row is None)
    if strangers and any(finding.kind is Kind.MISSING for finding in report.mendable):
        # First touch takes what lies in Deleted Items for removed: it would bar what has just been asked back.
        return Asked(looks_count=len(looked_at), changed=changed, postponed=strangers)
    if strangers:
        await ledger.forget_scans(report.tenant, report.room)
        key = BookingKey(tenant=report.tenant, room=report.room, booking_id=ROOM_LOOK)
        await ask(_command(CommandKind.CANCEL, key, 1, now), report.room, "room")
    return Asked(looks_count=len(looked_at) + bool(strangers), changed=changed)


_WRITTEN_AGAIN = frozenset({Kind.EDITED, Kind.OUTDATED})


async def _rewrite(ledger: Ledger, findings: Iterable[Finding]) -> tuple[BookingId, ...]:
    """Let the rows say that their content must be written again; returns the bookings whose rows changed since."""
    rows = [finding.row for finding in findings if finding.row is not None and finding.row.written_digest is not None]
    swaps = [CompareAndSwap(before=row, after=replace(row, written_digest=None)) for row in rows]
    kept = await ledger.swap(swaps) if swaps else []
    return tuple(row.key.booking_id for row, one in zip(rows, kept, strict=True) if not one)


def command_for(row: LedgerRow, now: datetime) -> bytes:
    """The command that a look at a row carries: what the row says, so that it does no harm without its header."""
    version = max(row.version, 1)
    if row.snapshot is None:
        return _command(CommandKind.CANCEL, row.key, version, now)
    return _command(CommandKind.UPDATE, row.key, version, now, event=json.loads(row.snapshot))


def _command(kind: CommandKind, key: BookingKey, version: int, now: datetime, **members: object) -> bytes:
    command = {
        "schema_version": 1,
        "command": kind.value,
        "tenant": key.tenant,
        "booking_id": key.booking_id,
        "version": version,
        "room": key.room,
        "issued_at": now.isoformat(),
    }
    return json.dumps(command | members).encode("ascii")
