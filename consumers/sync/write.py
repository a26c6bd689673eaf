"""Claims, sends and records writes: the only way to change a calendar (docs/protocol.md#rule-1 to #rule-3)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from adapters.calendar import Create, Done, Gone, Mark, Operation, Outcome, Remove, RoomEvent, Update
from adapters.errors import Refused, Throttled, Unknown
from adapters.ledger import ClaimRequest, CompareAndSwap, LedgerRow, State
from consumers.milestones import Milestone
from consumers.policy import CLAIM_MARGIN_S
from consumers.sync.room import Room
from consumers.throttling.tenant_limiter import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """An operation on a booking. `row`: as it was read; `version`: what is claimed; `after`: the row once it is done,
    its item still to be filled in."""

    row: LedgerRow
    version: int
    operation: Operation
    after: LedgerRow


@dataclass(frozen=True, slots=True)
class Conflict:
    """The row changed before the claim was taken, or the claim was lost before the outcome was recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What happened to a write, and the row as the ledger has it now (still claimed after `Unknown` and `Gone`)."""

    outcome: Outcome | Conflict
    row: LedgerRow


async def write(room: Room, writes: Sequence[Write]) -> list[Written]:
    """Claim the rows, send what was claimed in one go, record each outcome under its claim.

    Raises:
        CalendarError: the gate is closed; nothing was claimed or sent.
        LedgerUnavailable: nothing may be acknowledged.
    """
    if not writes:
        return []
    # Claims are taken with the slot in hand: a claim that waits for a slot could run out before it is used.
    async with room.gate.slot(room.address) as turn:
        claimed_s = room.clocks.monotonic()
        rows = await room.ledger.claim([_wish(write) for write in writes], for_s=room.policy.claim_s)
        claimed = [(write, row) for write, row in zip(writes, rows, strict=True) if row is not None]
        _reached(room, Milestone.CLAIMED, claimed)
        outcomes = await _send(room, turn, claimed, claimed_s)
    await room.give_way()
    recorded = iter(await _record(room, claimed, outcomes))
    return [
        Written(outcome=Conflict(), row=write.row) if row is None else next(recorded)
        for write, row in zip(writes, rows, strict=True)
    ]


def put(row: LedgerRow, version: int, event: RoomEvent) -> Create | Update:
    """The operation that makes the calendar hold an event: on the item that the row knows, else on a new one."""
    mark = Mark(booking_id=row.key.booking_id, version=version)
    return Create(mark=mark, event=event) if row.item is None else Update(mark=mark, ref=row.item, event=event)


def _wish(write: Write) -> ClaimRequest:
    # A removal's bar goes into the ledger with its claim, before Exchange is asked (docs/protocol.md#rule-4).
    row = replace(write.row, removed_version=max(write.row.removed_version, write.after.removed_version))
    state = State.WRITING if isinstance(write.operation, Create) else None
    return ClaimRequest(row=row, version=write.version, state=state)


async def _send(
    room: Room, turn: Request, claimed: Sequence[tuple[Write, LedgerRow]], claimed_s: float
) -> Sequence[Outcome | Conflict]:
    remaining_s = room.policy.claim_s - (room.clocks.monotonic() - claimed_s)
    if not claimed or remaining_s < room.policy.request_timeout_s + CLAIM_MARGIN_S:
        return [Conflict() for _ in claimed]
    try:
        # Again: claiming took its time, and the room may have been told to wait meanwhile.
        turn.begin()
    except Throttled as paused:
        return [paused for _ in claimed]
    outcomes = await room.calendar.apply(room.address, [write.operation for write, _ in claimed])
    _reached(room, Milestone.REPLIED, claimed)
    return await turn.report(outcomes)


async def _record(
    room: Room, claimed: Sequence[tuple[Write, LedgerRow]], outcomes: Sequence[Outcome | Conflict]
) -> list[Written]:
    afters = [_after(write, row, outcome) for (write, row), outcome in zip(claimed, outcomes, strict=True)]
    swaps = [
        CompareAndSwap(before=row, after=after)
        for (_, row), after in zip(claimed, afters, strict=True)
        if after is not row
    ]
    kept = iter(await room.ledger.swap(swaps) if swaps else [])
    _reached(room, Milestone.COMMITTED, claimed)
    return [
        Written(outcome=outcome, row=after) if after is row or next(kept) else Written(outcome=Conflict(), row=row)
        for (_, row), after, outcome in zip(claimed, afters, outcomes, strict=True)
    ]


def _reached(room: Room, milestone: Milestone, claimed: Sequence[tuple[Write, LedgerRow]]) -> None:
    for _, row in claimed:
        room.reached(milestone, row.key)


def _after(write: Write, claimed: LedgerRow, outcome: Outcome | Conflict) -> LedgerRow:
    """The row after an outcome; the claimed row itself where the claim must stay."""
    match outcome:
        case Done(ref=ref):
            after = write.after.settled(removed_version=max(write.after.removed_version, claimed.removed_version))
            return after if isinstance(write.operation, Remove) else replace(after, item=ref)
        case Unknown() | Gone():
            # Unknown: Exchange may still be at work, so the claim stays and the booking rests.
            # Gone: the one who claimed looks next, under the same claim.
            return claimed
        case Refused() if isinstance(write.operation, Create):
            # Seen on a real server: an error although the item was created. It stays `writing`: the next one looks.
            return claimed.settled()
        case Refused():
            # For the same reason nobody knows any more what the event holds: the same version again must be written.
            return write.row.settled(written_digest=None, removed_version=claimed.removed_version)
        case _:
            return write.row.settled(removed_version=claimed.removed_version)
