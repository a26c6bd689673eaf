"""Looks before acting: adopts what is really in the calendar, removes surplus copies (docs/protocol.md#rule-3)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from adapters.calendar import BookingId, FoundEvent, Gone, ItemRef, Outcome, Remove
from adapters.errors import CalendarError, Refused, Transient
from adapters.ledger import BookingKey, ClaimRequest, CompareAndSwap, LedgerRow
from consumers.messages.disposition import SyncRequest
from consumers.milestones import Milestone
from consumers.policy import CLAIM_MARGIN_S
from consumers.sync.judge import judge, noticed
from consumers.sync.room import Room
from consumers.sync.write import Conflict

Looked = LedgerRow | CalendarError | Conflict
"""The row as the calendar proves it, free to be planned on; or why not: then the claim stays and the booking rests."""


async def claim_and_look(
    room: Room, rows: Sequence[LedgerRow], again: Mapping[BookingKey, SyncRequest]
) -> list[Looked]:
    """Claim rows, as they were read, and look at those that were still so; `again` as for `look`."""
    claimed_s = room.clocks.monotonic()
    wishes = [ClaimRequest(row=row, version=row.claim.version if row.claim else row.version) for row in rows]
    claimed = await room.ledger.claim(wishes, for_s=room.policy.claim_s)
    for row in claimed:
        if row is not None:
            room.reached(Milestone.CLAIMED, row.key)
    looked = iter(await look(room, [row for row in claimed if row is not None], claimed_s, again))
    return [Conflict() if row is None else next(looked) for row in claimed]


async def look(
    room: Room, claimed: Sequence[LedgerRow], claimed_s: float, again: Mapping[BookingKey, SyncRequest]
) -> list[Looked]:
    """Look at rows that are ours since `claimed_s` (monotonic): one search, surplus copies removed, rows recorded.

    Args:
        again: the commands of the delayed checks, for bookings whose claim was taken over (docs/protocol.md#rule-5).
    """
    if not claimed:
        return []
    try:
        found = await _find(room, [row.key.booking_id for row in claimed])
    except CalendarError as error:
        await _have_looked_again(room, [(row.key, error) for row in claimed], again)
        return [error for _ in claimed]
    for row in claimed:
        room.reached(Milestone.LOOKED, row.key)
    judgements = [judge(row, found[row.key.booking_id]) for row in claimed]
    for row, judgement in zip(claimed, judgements, strict=True):
        for what, version, detail in noticed(row, judgement):
            room.tell(row.key.booking_id, what, version=version, detail=detail)
    troubles = await _remove_surplus(room, [judgement.surplus for judgement in judgements], claimed_s)
    clean = [
        CompareAndSwap(before=row, after=judgement.row)
        for row, judgement, trouble in zip(claimed, judgements, troubles, strict=True)
        if trouble is None
    ]
    await _have_looked_again(room, [(row.key, each) for row, each in zip(claimed, troubles, strict=True)], again)
    kept = iter(await room.ledger.swap(clean) if clean else [])
    return [
        trouble or (judgement.row if next(kept) else Conflict())
        for judgement, trouble in zip(judgements, troubles, strict=True)
    ]


async def _have_looked_again(
    room: Room,
    looked: Sequence[tuple[BookingKey, CalendarError | Conflict | None]],
    again: Mapping[BookingKey, SyncRequest],
) -> None:
    """Publish the second looks of bookings whose first one is over."""
    for key, trouble in looked:
        # Before the claim is let go or the command parked, or a write that is still to land would be seen by nobody.
        # Not when the look will be repeated: each repetition would leave one message more behind. A refusal parks the
        # command; a second look comes back all the same.
        ask = again.get(key)
        if ask is not None and (trouble is None or (isinstance(trouble, Refused) and ask.look is None)):
            await room.desk.second_look(ask, "booking")


async def _find(room: Room, bookings: list[BookingId]) -> dict[BookingId, list[FoundEvent]]:
    async with room.gate.slot(room.address) as turn:
        events = await turn.read(room.calendar.find(room.address, bookings))
    found: dict[BookingId, list[FoundEvent]] = defaultdict(list)
    for event in events:
        found[event.mark.booking_id].append(event)
    return found


async def _remove_surplus(
    room: Room, surplus: Sequence[Sequence[ItemRef]], claimed_s: float
) -> list[CalendarError | Conflict | None]:
    """Remove the surplus copies of several bookings in one go. Returns the first trouble that each booking met."""
    refs = [ref for refs in surplus for ref in refs]
    if not refs:
        return [None for _ in surplus]
    outcomes = await _remove(room, refs, claimed_s)
    bookings_count = sum(map(bool, surplus))
    if bookings_count > 1 and any(isinstance(outcome, Refused) and outcome.whole_request for outcome in outcomes):
        # A verdict on none of them (docs/protocol.md#rule-8): one by one.
        return [(await _remove_surplus(room, [refs], claimed_s))[0] for refs in surplus]
    following = iter(outcomes)
    own = [[_trouble(next(following)) for _ in refs] for refs in surplus]
    return [next((trouble for trouble in troubles if trouble is not None), None) for troubles in own]


async def _remove(room: Room, refs: Sequence[ItemRef], claimed_s: float) -> Sequence[Outcome | Conflict]:
    """One outcome for each; `Conflict` for all where the claims would not outlast the request."""
    remaining_s = room.policy.claim_s - (room.clocks.monotonic() - claimed_s)
    if remaining_s < room.policy.request_timeout_s + CLAIM_MARGIN_S:
        return [Conflict() for _ in refs]
    try:
        async with room.gate.slot(room.address) as turn:
            return await turn.report(await room.calendar.apply(room.address, [Remove(ref=ref) for ref in refs]))
    except CalendarError as error:
        return [error for _ in refs]


def _trouble(outcome: Outcome | Conflict) -> CalendarError | Conflict | None:
    # A copy that is gone while it is removed was moved or restored by somebody under another id: look again.
    if isinstance(outcome, Gone):
        return Transient("write_conflict")
    return outcome if isinstance(outcome, CalendarError | Conflict) else None
