"""What an outcome means for a booking's commands, its older ones included (docs/protocol.md#rule-8)."""

from collections.abc import Sequence

from adapters.calendar import Done, Gone
from adapters.errors import CalendarError, Misconfigured, Refused, Throttled, Transient, Unknown
from consumers.messages.disposition import Completed, DeadLettered, Deferred, Disposition, Effect, Finished, Problem
from consumers.messages.violations import Remark
from consumers.sync.booking_batch import BookingWork
from consumers.sync.remarks import remarks_on_write
from consumers.sync.room import Room
from consumers.sync.write import Conflict, Written


async def done(
    room: Room,
    pending: BookingWork,
    *,
    item_id: str | None,
    effect: Effect | None = None,
    remarks: Sequence[Remark] = (),
) -> None:
    """The newest command is true: settle it and its equals, then what it supersedes."""
    finished = Finished.REMOVED if pending.command.is_removal else Finished.SYNCED
    warnings = (*pending.rendered.remarks, *remarks)
    verdict = Completed(outcome=finished, effect=effect, item_id=item_id, warnings=warnings)
    version = pending.command.version
    settled = pending.take(pending.same_version())
    older = pending.take([ask for ask in pending.asks if ask.command.version < version])
    await room.desk.settle(settled, verdict)
    if older:
        await room.desk.settle(older, Completed(outcome=Finished.SUPERSEDED))


async def superseded(room: Room, pending: BookingWork) -> None:
    """The ledger holds something newer than the newest command at hand."""
    await room.desk.settle(pending.take_all(), Completed(outcome=Finished.SUPERSEDED))


async def refused(room: Room, pending: BookingWork, problem: Problem) -> None:
    """Park the newest command and its equals. The next older takes its place, but never past a removal."""
    is_removal = pending.command.is_removal
    await room.desk.settle(pending.take(pending.same_version()), DeadLettered(problem=problem))
    if is_removal and pending.asks:
        await superseded(room, pending)


async def rest(room: Room, pending: BookingWork, wait_s: float) -> None:
    """Somebody may still be writing: all commands of the booking wait together."""
    problem = Problem.coded("write_under_way")
    await room.desk.settle(pending.take_all(), Deferred(wait_s=wait_s, problem=problem, counts_attempt=False))


async def give_up(room: Room, pending: BookingWork, error: CalendarError) -> None:
    """The error was not to be ridden out: park, or send away with all older same_version."""
    if isinstance(error, Refused):
        await refused(room, pending, Problem.of(error))
        return
    await room.desk.settle(pending.take_all(), send_away(room, error))


def send_away(room: Room, error: CalendarError) -> Disposition:
    """The verdict on commands that met an error which waiting may cure; a refusal parks."""
    match error:
        case Refused():
            return DeadLettered(problem=Problem.of(error))
        case Throttled():
            wait_s = error.retry_after_s or 0.0
        case Misconfigured():
            wait_s = room.gate.breaker.wait_s
        case Unknown():
            wait_s = room.policy.claim_s
        case _:
            wait_s = 0.0
    return Deferred.after(error, wait_s=wait_s)


async def on_written(
    room: Room, pending: BookingWork, written: Written, *, effect: Effect, shared_request: bool
) -> None:
    """Settle a booking by what became of its write, or leave it open for another round."""
    match written.outcome:
        case Done(ref=ref, warnings=codes):
            item_id = ref.item_id if ref else None
            await done(room, pending, item_id=item_id, effect=effect, remarks=remarks_on_write(codes))
        case Refused(whole_request=True) | Transient(whole_request=True) if shared_request:
            # A verdict on none of them: the next round sends each alone.
            pending.alone = True
        case Throttled() | Transient() as error:
            pending.error = error
        case CalendarError() as error:
            await give_up(room, pending, error)
        case Gone() | Conflict():
            pass


async def on_trouble_looking(room: Room, pending: BookingWork, trouble: CalendarError | Conflict) -> None:
    """A look that failed keeps its claim, so the booking rests until that has run out."""
    if isinstance(trouble, Conflict):
        return
    verdict = send_away(room, trouble)
    if isinstance(verdict, Deferred):
        verdict = Deferred(
            wait_s=max(verdict.wait_s, room.policy.claim_s),
            problem=verdict.problem,
            counts_attempt=verdict.counts_attempt,
        )
        await room.desk.settle(pending.take_all(), verdict)
        return
    await refused(room, pending, Problem.of(trouble))
