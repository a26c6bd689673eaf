"""What an outcome means for a booking's commands, its older ones included (docs/protocol.md#rule-8). Asks nobody."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from adapters.calendar import Done, Gone
from adapters.errors import CalendarError, Misconfigured, Refused, Throttled, Transient, Unknown
from consumers.messages.codes import code_of
from consumers.messages.disposition import (
    Completed,
    DeadLettered,
    Decision,
    Deferred,
    Effect,
    Finished,
    Problem,
)
from consumers.messages.violations import Remark
from consumers.sync.booking_batch import BookingWork
from consumers.sync.room import Room
from consumers.sync.write import Conflict, Written

_MEMBER = {
    "time_zone_as_utc": "/event/time_zone",
    "time_zone_replaced": "/event/time_zone",
    "all_day_as_times": "/event/all_day",
}
"""The members that warnings of a write are about."""


def done(
    work: BookingWork, *, item_id: str | None, effect: Effect | None = None, remarks: Sequence[Remark] = ()
) -> list[Decision]:
    """The newest command is true, and with it its equals; what it supersedes comes behind."""
    finished = Finished.REMOVED if work.command.is_removal else Finished.SYNCED
    warnings = (*work.rendered.remarks, *remarks)
    completed = Completed(outcome=finished, effect=effect, item_id=item_id, warnings=warnings)
    version = work.command.version
    decisions = [Decision(work.take(work.same_version()), completed)]
    older = work.take([request for request in work.requests if request.command.version < version])
    if older:
        decisions.append(Decision(older, Completed(outcome=Finished.SUPERSEDED)))
    return decisions


def superseded(work: BookingWork) -> list[Decision]:
    """The ledger holds something newer than the newest command at hand."""
    return [Decision(work.take_all(), Completed(outcome=Finished.SUPERSEDED))]


def refused(work: BookingWork, problem: Problem) -> list[Decision]:
    """Dead-letter the newest command and its equals. The next older takes its place, but never past a removal."""
    is_removal = work.command.is_removal
    decisions = [Decision(work.take(work.same_version()), DeadLettered(problem=problem))]
    return decisions + superseded(work) if is_removal and work.requests else decisions


def refused_version(work: BookingWork) -> list[Decision]:
    """A reused version was not applied; what is older is planned on its own."""
    problem = Problem.coded("version_reused", member="/version")
    return [Decision(work.take(work.same_version()), DeadLettered(problem=problem))]


def rest(work: BookingWork, wait_s: float) -> list[Decision]:
    """Another worker may still be writing: all commands of the booking wait together."""
    return [Decision(work.take_all(), resting(wait_s))]


def resting(wait_s: float) -> Deferred:
    """What becomes of commands whose booking another worker may be writing."""
    return Deferred(wait_s=wait_s, problem=Problem.coded("write_under_way"), counts_attempt=False)


def give_up(room: Room, work: BookingWork, error: CalendarError, *, at_least_s: float = 0.0) -> list[Decision]:
    """The error was not to be waited out: dead-letter the newest, or defer all, for so long at least."""
    disposition = after_error(room, error)
    if isinstance(disposition, DeadLettered):
        return refused(work, disposition.problem)
    return [Decision(work.take_all(), replace(disposition, wait_s=max(disposition.wait_s, at_least_s)))]


def after_error(room: Room, error: CalendarError) -> DeadLettered | Deferred:
    """What becomes of commands that met an error: waiting may cure it; a refusal dead-letters."""
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


def on_written(
    room: Room, work: BookingWork, written: Written, *, effect: Effect, shared_request: bool
) -> list[Decision]:
    """What became of a booking's write decides its commands, or leaves them open for another round."""
    match written.outcome:
        case Done(ref=ref, warnings=codes):
            return done(work, item_id=ref.item_id if ref else None, effect=effect, remarks=_remarks(codes))
        case Refused(whole_request=True) | Transient(whole_request=True) if shared_request:
            # A verdict on none of them: the next round sends each alone.
            work.alone = True
        case Throttled() | Transient() as error:
            work.error = error
        case CalendarError() as error:
            return give_up(room, work, error)
        case Gone() | Conflict():
            pass
    return []


def on_unverified(room: Room, work: BookingWork, trouble: CalendarError | Conflict) -> list[Decision]:
    """A verification that failed keeps its claim, so the booking rests until that has run out."""
    if isinstance(trouble, Conflict):
        return []
    return give_up(room, work, trouble, at_least_s=room.policy.claim_s)


def _remarks(codes: Iterable[str]) -> list[Remark]:
    """The warnings that a result carries, for codes that a calendar answered with."""
    return [Remark(code=code, message=code_of(code).sentence, member=_MEMBER.get(code)) for code in codes]
