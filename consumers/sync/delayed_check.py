"""The delayed check: minutes after an unknown outcome, restores what a late write destroyed or doubled.

It publishes no result and is never skipped for its version (docs/protocol.md#rule-5); one that is newer than what is
settled is carried out as the command that it is (docs/protocol.md#rule-10).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from adapters.calendar import BookingId, Create, Done, Mark, Operation, Update
from adapters.errors import CalendarError, Refused, Transient, Unknown
from adapters.ledger import BookingKey, LedgerRow, State
from adapters.story import What
from consumers.messages.booking_event import event_from_snapshot
from consumers.messages.command import BookingCommand
from consumers.messages.disposition import Checked, Completed, Deferred, Disposition, Look, Problem, SyncRequest
from consumers.sync.render import digest_of_written, render
from consumers.sync.room import Room
from consumers.sync.verify import Looked, claim_and_look
from consumers.sync.write import Conflict, Write, Written, write


async def second_looks(room: Room, asks: Sequence[SyncRequest]) -> list[SyncRequest]:
    """Carry out the second looks at these bookings in one go, and settle them. Asks for one booking share its fate.

    Returns those that are newer than what is settled: they are left to be carried out as commands.
    """
    by_booking: dict[BookingId, list[SyncRequest]] = {}
    for ask in asks:
        by_booking.setdefault(ask.command.booking_id, []).append(ask)
    rows = await room.rows(list(by_booking))
    due = [row for row in rows.values() if row.claim is None or not row.claim.is_live]
    taken_over = {
        row.key: by_booking[row.key.booking_id][0] for row in due if row.claim is not None or row.state is State.WRITING
    }
    looked = dict(zip([row.key.booking_id for row in due], await look_and_mend(room, due, taken_over), strict=True))
    newer: list[SyncRequest] = []
    for booking, theirs in by_booking.items():
        row, found = rows.get(booking), looked.get(booking)
        newer += [ask for ask in theirs if is_newer(ask.command, row, found)]
        over = [ask for ask in theirs if not is_newer(ask.command, row, found)]
        if over:
            await room.desk.settle(over, _verdict(room, row, found))
    return newer


def is_newer(command: BookingCommand, row: LedgerRow | None, looked: Looked | None) -> bool:
    """Whether a ledger that was lost since has to learn this version from its second look, nobody else repeating it.

    Args:
        row: as it was read before the look. Not where nothing is settled: of a new booking the command may have been
            refused, and then it is not to be carried out behind its result.
        looked: what the look made of it.
    """
    if row is None or row.state is State.WRITING or row.version == 0 or not isinstance(looked, LedgerRow):
        return False
    return command.version > max(looked.version, looked.removed_version)


@dataclass(frozen=True, slots=True)
class LooksDesk:
    """Takes the verdicts on second looks that are carried out as commands: what ended well was told when the command
    itself was settled, or will be."""

    room: Room

    async def settle(self, asks: Sequence[SyncRequest], verdict: Disposition) -> None:
        """As `Desk.settle`; what was written stands in the story."""
        if isinstance(verdict, Completed):
            if verdict.effect is not None:
                command = asks[0].command
                self.room.tell(command.booking_id, What.MENDED, version=command.version)
            verdict = Checked()
        await self.room.desk.settle(asks, verdict)

    async def second_look(self, ask: SyncRequest, look: Look) -> None:
        """As `Desk.second_look`."""
        await self.room.desk.second_look(ask, look)


def _verdict(room: Room, row: LedgerRow | None, looked: Looked | None) -> Disposition:
    if row is None:
        return Checked()
    if looked is None:
        return _resting(row.claim.remaining_s if row.claim else 0.0)
    return verdict_of(looked, room)


async def look_and_mend(room: Room, rows: Sequence[LedgerRow], again: Mapping[BookingKey, SyncRequest]) -> list[Looked]:
    """Look at bookings, and write again from their rows' snapshots what is missing or older; `again` as for `look`.

    One search for all of them, and one request for each kind of write.
    """
    looked = await claim_and_look(room, rows, again) if rows else []
    mendings = [_mending(room, one) if isinstance(one, LedgerRow) else None for one in looked]
    mended = iter(await _mend(room, [mending for mending in mendings if mending is not None]))
    return [one if mending is None else next(mended) for one, mending in zip(looked, mendings, strict=True)]


async def _mend(room: Room, mendings: Sequence[Write]) -> list[Looked]:
    if not mendings:
        return []
    try:
        written = await write(room, mendings)
    except CalendarError as error:
        return [error for _ in mendings]
    for one in written:
        if isinstance(one.outcome, Done):
            room.tell(one.row.key.booking_id, What.MENDED, version=one.row.version)
    return [await _mended(room, one, shared_request=len(mendings) > 1) for one in written]


def _mending(room: Room, row: LedgerRow) -> Write | None:
    """The write that makes the calendar hold again what the row says, or None where it does."""
    if row.state is not State.PRESENT or row.written_digest is not None or row.snapshot is None:
        return None
    event, _ = render(event_from_snapshot(row.snapshot), room.tenant.subject_template)
    mark = Mark(booking_id=row.key.booking_id, version=row.version)
    operation: Operation = (
        Create(mark=mark, event=event) if row.item is None else Update(mark=mark, ref=row.item, event=event)
    )
    after = replace(row, written_digest=digest_of_written(event))
    return Write(row=row, version=row.version, operation=operation, after=after)


async def _mended(room: Room, written: Written, *, shared_request: bool) -> Looked:
    match written.outcome:
        case Done():
            return written.row
        case Refused(whole_request=True) if shared_request:
            # A verdict on none of them (docs/protocol.md#rule-8): each alone, from the look on: it may be applied.
            (looked,) = await look_and_mend(room, [written.row], {})
            return looked
        case CalendarError() as error:
            return error
        case Conflict() as missed:
            return missed
        case _:
            return Transient("write_conflict")


def verdict_of(looked: Looked, room: Room) -> Disposition:
    """What a second look that ended like this is worth."""
    match looked:
        case LedgerRow():
            return Checked()
        case Unknown() as error:
            return Deferred.after(error, wait_s=room.policy.claim_s)
        case CalendarError() as error:
            return Deferred.after(error, wait_s=0.0)
        case _:
            return _resting(room.policy.claim_s)


def _resting(for_s: float) -> Deferred:
    return Deferred(wait_s=for_s, problem=Problem.coded("write_under_way"), counts_attempt=False)
