"""The delayed check: minutes after an unknown outcome, restores what a late write destroyed or doubled.

It publishes no result and is never skipped for its version (docs/protocol.md#rule-5); one that is newer than what is
settled is carried out as the command that it is (docs/protocol.md#rule-10).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from adapters.calendar import BookingId, Done
from adapters.errors import CalendarError, Refused, Transient, Unknown
from adapters.ledger import LedgerRow, State
from adapters.story import What
from consumers.messages.booking_event import event_from_snapshot
from consumers.messages.command import BookingCommand
from consumers.messages.disposition import (
    Checked,
    Completed,
    Decision,
    Decisions,
    Deferred,
    Disposition,
    SyncRequest,
)
from consumers.sync.decide import resting
from consumers.sync.render import digest_of_written, render
from consumers.sync.room import Room
from consumers.sync.verify import Verification, Verified, claim_and_verify
from consumers.sync.write import Conflict, Write, Written, put, write


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingChecks:
    """Delayed checks of bookings, verified but not recorded; requests for one booking share its fate.

    `rows` are as they were read; `due` those of them that nobody is writing.
    """

    room: Room
    of_booking: Mapping[BookingId, Sequence[SyncRequest]]
    rows: Mapping[BookingId, LedgerRow]
    due: Sequence[LedgerRow]
    verification: Verification

    async def repair(self) -> tuple[list[Decision], list[SyncRequest]]:
        """Repair what must be, and decide; returns also the requests that are newer than what is settled: they are
        left to be carried out as commands."""
        verified = await repair(self.room, self.verification)
        by_booking = dict(zip([row.key.booking_id for row in self.due], verified, strict=True))
        decisions: list[Decision] = []
        newer: list[SyncRequest] = []
        for booking, theirs in self.of_booking.items():
            row, one = self.rows.get(booking), by_booking.get(booking)
            newer += [request for request in theirs if is_newer(request.command, row, one)]
            over = [request for request in theirs if not is_newer(request.command, row, one)]
            if over:
                decisions.append(Decision(over, self._disposition(row, one)))
        return decisions, newer

    def _disposition(self, row: LedgerRow | None, verified: Verified | None) -> Disposition:
        if row is None:
            return Checked()
        if verified is None:
            return resting(row.claim.remaining_s if row.claim else 0.0)
        return after_check(verified, self.room)


async def check_bookings(room: Room, requests: Sequence[SyncRequest]) -> BookingChecks:
    """Verify the bookings of delayed checks in one go."""
    of_booking: dict[BookingId, list[SyncRequest]] = {}
    for request in requests:
        of_booking.setdefault(request.command.booking_id, []).append(request)
    rows = await room.rows(list(of_booking))
    due = [row for row in rows.values() if row.claim is None or not row.claim.is_live]
    takeovers = {
        row.key: of_booking[row.key.booking_id][0] for row in due if row.claim is not None or row.state is State.WRITING
    }
    verification = await claim_and_verify(room, due, takeovers)
    return BookingChecks(room=room, of_booking=of_booking, rows=rows, due=due, verification=verification)


def is_newer(command: BookingCommand, row: LedgerRow | None, verified: Verified | None) -> bool:
    """Whether a ledger that was lost since has to learn this version from its delayed check, nobody else repeating it.

    Args:
        row: as it was read before the check. Not where nothing is settled: of a new booking the command may have been
            refused, and then it is not to be carried out behind its result.
        verified: what the check made of it.
    """
    if row is None or row.state is State.WRITING or row.version == 0 or not isinstance(verified, LedgerRow):
        return False
    return command.version > max(verified.version, verified.removed_version)


def as_checks(room: Room, decisions: Decisions) -> Iterable[Decision]:
    """Decisions about delayed checks that were carried out as commands: what ended well was told when the command
    itself was settled, or will be; what was written stands in the story."""
    for requests, disposition in decisions:
        if isinstance(disposition, Completed):
            if disposition.effect is not None:
                command = requests[0].command
                room.tell(command.booking_id, What.MENDED, version=command.version)
            yield Decision(requests, Checked())
        else:
            yield Decision(requests, disposition)


async def repair(room: Room, verification: Verification) -> list[Verified]:
    """Record a verification, and write again from the rows' snapshots what is missing or older: one request."""
    verified = await verification.record()
    writes = [_repairing(room, one) if isinstance(one, LedgerRow) else None for one in verified]
    repaired = iter(await _repair(room, [each for each in writes if each is not None]))
    return [one if each is None else next(repaired) for one, each in zip(verified, writes, strict=True)]


async def _repair(room: Room, writes: Sequence[Write]) -> list[Verified]:
    try:
        written = await write(room, writes)
    except CalendarError as error:
        return [error for _ in writes]
    for one in written:
        if isinstance(one.outcome, Done):
            room.tell(one.row.key.booking_id, What.MENDED, version=one.row.version)
    return [await _repaired(room, one, shared_request=len(writes) > 1) for one in written]


def _repairing(room: Room, row: LedgerRow) -> Write | None:
    """The write that makes the calendar hold again what the row says, or None where it does."""
    if row.state is not State.PRESENT or row.written_digest is not None or row.snapshot is None:
        return None
    event, _ = render(event_from_snapshot(row.snapshot), room.tenant.subject_template)
    after = replace(row, written_digest=digest_of_written(event))
    return Write(row=row, version=row.version, operation=put(row, row.version, event), after=after)


async def _repaired(room: Room, written: Written, *, shared_request: bool) -> Verified:
    match written.outcome:
        case Done():
            return written.row
        case Refused(whole_request=True) if shared_request:
            # A verdict on none of them (docs/protocol.md#rule-8): each alone, verified again: it may be applied.
            (verified,) = await repair(room, await claim_and_verify(room, [written.row], {}))
            return verified
        case CalendarError() as error:
            return error
        case Conflict() as missed:
            return missed
        case _:
            return Transient("write_conflict")


def after_check(verified: Verified, room: Room) -> Disposition:
    """What becomes of a delayed check that ended like this."""
    match verified:
        case LedgerRow():
            return Checked()
        case Unknown() as error:
            return Deferred.after(error, wait_s=room.policy.claim_s)
        case CalendarError() as error:
            return Deferred.after(error, wait_s=0.0)
        case _:
            return resting(room.policy.claim_s)
