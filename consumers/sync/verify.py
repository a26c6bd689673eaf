"""Verifies bookings: adopts what is really in the calendar and removes surplus copies (docs/protocol.md#rule-3).

The highest version is adopted, of several the oldest item; judging is pure.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from adapters.calendar import BookingId, FoundEvent, Gone, ItemRef, Mark, Outcome, Remove
from adapters.errors import CalendarError, Refused, Transient
from adapters.ledger import BookingKey, ClaimRequest, CompareAndSwap, LedgerRow, State
from adapters.story import What
from consumers.messages.disposition import CheckLater, Decision, SyncRequest
from consumers.milestones import Milestone
from consumers.policy import CLAIM_MARGIN_S
from consumers.sync.plan import tombstone
from consumers.sync.room import Room
from consumers.sync.write import Conflict

AS_MARKED = "as marked"
"""Stands for the digest of what was written where only the mark tells it: the content is that of the row's version.
Without it (None) the event holds something else, or nobody knows what."""

Verified = LedgerRow | CalendarError | Conflict
"""The row as the calendar proves it, free to be planned on; or why not: then the claim stays and the booking rests."""

Takeovers = Mapping[BookingKey, SyncRequest]
"""The commands whose delayed checks are ordered, for bookings whose claim is taken over (docs/protocol.md#rule-5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The row as the calendar proves it, without a claim, once the surplus copies are removed."""

    row: LedgerRow
    surplus: tuple[ItemRef, ...]


Found = Judgement | CalendarError | Conflict
"""What a search and the removal of surplus copies came to, before it is recorded."""


@dataclass(slots=True, kw_only=True)
class Verification:
    """What the calendar holds of some bookings, surplus copies removed, before it is recorded."""

    room: Room
    rows: Sequence[LedgerRow | None]
    """As claimed; None where the claim could not be taken."""
    found: Mapping[BookingKey, Found]
    checks: list[Decision] = field(default_factory=list)
    """Delayed checks to order before `record`: once a claim is let go, or a command parked, nobody else would see a
    write that is still to land."""

    async def record(self) -> list[Verified]:
        """Record what was found, which lets the claims go; one answer for each of `rows`."""
        swaps = [
            CompareAndSwap(before=row, after=found.row)
            for row in self.rows
            if row is not None and isinstance(found := self.found[row.key], Judgement)
        ]
        kept = iter(await self.room.ledger.swap(swaps) if swaps else [])
        return [self._verified(row, kept) for row in self.rows]

    def _verified(self, row: LedgerRow | None, kept: Iterator[bool]) -> Verified:
        found = Conflict() if row is None else self.found[row.key]
        if isinstance(found, Judgement):
            return found.row if next(kept) else Conflict()
        return found


async def claim_and_verify(room: Room, rows: Sequence[LedgerRow], takeovers: Takeovers) -> Verification:
    """Claim rows, as they were read, and verify those that were still so."""
    claimed_s = room.clocks.monotonic()
    wishes = [ClaimRequest(row=row, version=row.claim.version if row.claim else row.version) for row in rows]
    claimed = await room.ledger.claim(wishes, for_s=room.policy.claim_s) if wishes else []
    for row in claimed:
        if row is not None:
            room.reached(Milestone.CLAIMED, row.key)
    return await verify(room, claimed, claimed_s, takeovers)


async def verify(room: Room, rows: Sequence[LedgerRow | None], claimed_s: float, takeovers: Takeovers) -> Verification:
    """Verify rows that are ours since `claimed_s` (monotonic): one search, surplus copies removed."""
    claimed = [row for row in rows if row is not None]
    if not claimed:
        return Verification(room=room, rows=rows, found={})
    try:
        events = await _find(room, [row.key.booking_id for row in claimed])
    except CalendarError as error:
        return _verification(room, rows, {row.key: error for row in claimed}, takeovers)
    for row in claimed:
        room.reached(Milestone.LOOKED, row.key)
    judgements = [judge(row, events[row.key.booking_id]) for row in claimed]
    for row, judgement in zip(claimed, judgements, strict=True):
        for what, version, detail in noticed(row, judgement):
            room.tell(row.key.booking_id, what, version=version, detail=detail)
    troubles = await _remove_surplus(room, [judgement.surplus for judgement in judgements], claimed_s)
    found = {
        row.key: trouble or judgement for row, judgement, trouble in zip(claimed, judgements, troubles, strict=True)
    }
    return _verification(room, rows, found, takeovers)


def _verification(
    room: Room,
    rows: Sequence[LedgerRow | None],
    found: Mapping[BookingKey, Found],
    takeovers: Takeovers,
) -> Verification:
    checks = [
        Decision([takeovers[key]], CheckLater("booking"))
        for key, one in found.items()
        if key in takeovers and _must_check(takeovers[key], one)
    ]
    return Verification(room=room, rows=rows, found=found, checks=checks)


def _must_check(request: SyncRequest, found: Found) -> bool:
    # Not where the verification will be repeated: each repetition would leave one message more behind. A refusal parks
    # the command; a delayed check comes back all the same.
    return isinstance(found, Judgement) or (isinstance(found, Refused) and request.look is None)


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


def judge(row: LedgerRow, found: Sequence[FoundEvent]) -> Judgement:
    """Compare a row with every event found under its mark.

    Nothing at or below `removed_version` is adopted. An event the row calls present and that is missing stays wanted:
    the row keeps its version and content and loses its item, so that a second look can write it again and the next
    command creates instead of updating.
    """
    wanted = [event for event in found if event.mark.version > row.removed_version]
    kept = max(wanted, key=lambda event: (event.mark.version, -event.created_at.timestamp()), default=None)
    surplus = tuple(event.ref for event in found if event is not kept)
    if kept is not None:
        return Judgement(row=_adopt(row, kept), surplus=surplus)
    if row.state is State.PRESENT and row.version > row.removed_version:
        return Judgement(row=row.settled(item=None, written_digest=None), surplus=surplus)
    return Judgement(row=tombstone(row, row.version), surplus=surplus)


def _adopt(row: LedgerRow, kept: FoundEvent) -> LedgerRow:
    adopted = row.settled(state=State.PRESENT, item=kept.ref)
    version = kept.mark.version
    if version < row.version:
        return replace(adopted, written_digest=None)
    if version > row.version:
        return replace(adopted, version=version, command_digest=None, written_digest=AS_MARKED, snapshot=None)
    if row.item is not None and row.item.item_id == kept.ref.item_id:
        # The change key that we wrote with stays: by it `reconcile` tells whether people touched the event since.
        adopted = replace(adopted, item=row.item)
    return replace(adopted, written_digest=AS_MARKED) if row.command_digest is None else adopted


def noticed(row: LedgerRow, judgement: Judgement) -> list[tuple[What, int | None, str | None]]:
    """What a judgement tells of the calendar that the row did not: entries for the story, with version and detail."""
    after = judgement.row
    told: list[tuple[What, int | None, str | None]] = []
    if row.item is not None and after.item is None:
        told.append((What.GONE, row.version, None))
    if after.item is not None and (row.item is None or row.item.item_id != after.item.item_id):
        told.append((What.FOUND, after.version, None))
    if judgement.surplus:
        told.append((What.COPIES, None, str(len(judgement.surplus))))
    return told


def judge_first_touch(row: LedgerRow, found: Sequence[FoundEvent], trashed: Sequence[Mark]) -> Judgement:
    """Like `judge`, for a booking met in a room's scan, where Deleted Items tell what was removed.

    A version that lies in both places was a surplus copy or was brought back by a person: it stays. A trashed version
    above everything in the calendar was removed for good: what is older must not come back.
    """
    in_trash = max((mark.version for mark in trashed), default=0)
    in_calendar = max((event.mark.version for event in found), default=0)
    barred = min(in_trash, in_calendar - 1) if in_trash == in_calendar else in_trash
    judgement = judge(replace(row, removed_version=max(row.removed_version, barred)), found)
    if judgement.row.state is State.ABSENT and judgement.row.version < barred:
        # The version of what lies in Deleted Items is known, its content is not.
        return replace(judgement, row=replace(judgement.row, version=barred, command_digest=None))
    return judgement
