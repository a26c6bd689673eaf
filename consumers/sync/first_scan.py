"""One scan of a room's calendar and Deleted Items fills its rows, so that a lost ledger doubles nothing
(docs/protocol.md#rule-7)."""

from collections import defaultdict
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace

from adapters.calendar import BookingId, FoundEvent, Mark, RoomScan
from adapters.errors import CalendarError, Transient
from adapters.ledger import CompareAndSwap, LedgerRow, State
from consumers.messages.disposition import CheckLater, Decision, Decisions, SyncRequest
from consumers.sync.delayed_check import repair
from consumers.sync.room import Room
from consumers.sync.verify import Judgement, claim_and_verify, judge_first_touch, noticed
from consumers.throttling.retry import tries


@dataclass(frozen=True, slots=True, kw_only=True)
class _Met:
    before: LedgerRow | None
    judgement: Judgement

    @property
    def is_being_written(self) -> bool:
        """Somebody is at it: what a scan saw of it may be old already."""
        return self.before is not None and self.before.claim is not None and self.before.claim.is_live

    @property
    def is_claimed(self) -> bool:
        """Somebody is writing it, or will look: a scan leaves it to him."""
        return self.before is not None and self.before.claim is not None

    @property
    def is_changed(self) -> bool:
        """The row does not say what the scan saw."""
        return bool(self.judgement.surplus) or self.judgement.row != self.before

    @property
    def is_buried(self) -> bool:
        """Deleted Items hold a higher version than the row knows of: what is older must not be kept."""
        row = self.before
        return row is not None and self.judgement.row.removed_version > max(row.version, row.removed_version)

    @property
    def is_deleted(self) -> bool:
        """Deleted Items hold the row's own version, and the calendar nothing as high: it may be written again, but what
        is older must not stand in for it."""
        row = self.before
        if row is None or row.state is not State.PRESENT:
            return False
        return self.judgement.row.removed_version == row.version > row.removed_version


async def first_scan(room: Room, request: SyncRequest) -> AsyncGenerator[Decisions, None]:
    """Fill the room's rows from its calendar, once; short troubles are waited out.

    Args:
        request: a command of the room, to check the room by once more where the ledger replaced another one lately.

    Raises:
        CalendarError: the room could not be read, or a booking with surplus copies could not be put in order; the room
            stays unscanned.
    """
    async for current in tries(room.policy.hold_s, sleep=room.clocks.sleep):
        try:
            swaps = await _scanned(room)
            if swaps is not None:
                if room.scan_twice:
                    # Before the room counts as scanned, or a crash now would leave nobody to check it again. Not before
                    # the scan: each one that fails would leave one message more behind.
                    yield [Decision([request], CheckLater("room"))]
                await _commit(room, swaps)
        except CalendarError as error:
            current.error = error


async def _scanned(room: Room) -> list[CompareAndSwap] | None:
    """What the scan makes of the room's rows, those with surplus copies aside: they are in order by now."""
    if await room.ledger.is_scanned(room.tenant.name, room.address):
        return None
    met = [one for one in await _meet(room, await _scan(room)) if not one.is_being_written]
    met = await _record_before_checks(room, met)
    await _put_in_order(room, [one for one in met if one.judgement.surplus])
    straight = [one for one in met if not one.judgement.surplus and one.judgement.row != one.before]
    return [CompareAndSwap(before=one.before, after=one.judgement.row) for one in straight]


async def _commit(room: Room, swaps: Sequence[CompareAndSwap]) -> None:
    # False: another worker scanned it meanwhile, whose rows are as good as ours.
    if await room.ledger.commit_scan(room.tenant.name, room.address, swaps):
        for swap in swaps:
            _tell(room, swap.before or LedgerRow(key=swap.after.key), Judgement(row=swap.after, surplus=()))


async def scan_again(room: Room) -> None:
    """Scan a room once more; put in order each booking that is not as its row says. Raises `CalendarError`."""
    met = [one for one in await _meet(room, await _scan(room)) if not one.is_being_written]
    buried = [one for one in met if one.is_buried]
    recorded = await _record(room, buried)
    for one in buried:
        _tell(room, one.before or LedgerRow(key=one.judgement.row.key), one.judgement)
    # A verification reads no Deleted Items, so what they tell is recorded before it.
    crooked = [one for one in recorded if one.judgement.surplus]
    changed = [one for one in met if not (one.is_buried or one.is_claimed) and one.is_changed]
    bars = [(one.before.key, one.before.version - 1) for one in changed if one.before and one.is_deleted]
    await room.block(bars)
    await _put_in_order(room, [*crooked, *changed])


def _tell(room: Room, before: LedgerRow, judgement: Judgement) -> None:
    for what, version, detail in noticed(before, judgement):
        room.tell(before.key.booking_id, what, version=version, detail=detail)


async def _scan(room: Room) -> RoomScan:
    async with room.gate.slot(room.address) as turn:
        return await turn.read(room.calendar.scan(room.address))


async def _meet(room: Room, scan: RoomScan) -> list[_Met]:
    found: dict[BookingId, list[FoundEvent]] = defaultdict(list)
    trashed: dict[BookingId, list[Mark]] = defaultdict(list)
    for event in scan.events:
        found[event.mark.booking_id].append(event)
    for mark in scan.trashed:
        trashed[mark.booking_id].append(mark)
    bookings = list(found.keys() | trashed.keys())
    rows = await room.rows(bookings) if bookings else {}
    return [
        _Met(
            before=rows.get(booking),
            judgement=judge_first_touch(
                rows.get(booking) or LedgerRow(key=room.key(booking), backend=room.calendar.backend),
                found[booking],
                trashed[booking],
            ),
        )
        for booking in bookings
    ]


async def _record_before_checks(room: Room, met: Sequence[_Met]) -> list[_Met]:
    """Record what the scan tells of known bookings that will be verified, which reads no Deleted Items.

    Returns the bookings that nobody claimed.
    """
    verified = [one for one in met if one.is_claimed or (one.before is not None and one.judgement.surplus)]
    return await _record(room, verified) + [one for one in met if one not in verified]


async def _record(room: Room, met: Sequence[_Met]) -> list[_Met]:
    """Record judgements of known bookings; returns those that nobody claimed. An expired claim stays: whoever takes it
    over verifies."""
    swaps = [
        CompareAndSwap(
            before=one.before, after=replace(one.judgement.row, claim=one.before.claim if one.before else None)
        )
        for one in met
    ]
    if swaps and not all(await room.ledger.swap(swaps)):
        raise Transient("write_conflict")
    return [replace(one, before=one.judgement.row) for one in met if not one.is_claimed]


async def _put_in_order(room: Room, crooked: Sequence[_Met]) -> None:
    """Remove surplus copies before the room counts as scanned, under claims like any other write; a batch at a time."""
    for first in range(0, len(crooked), room.policy.batch_max):
        some = crooked[first : first + room.policy.batch_max]
        rows = [one.before or one.judgement.row.settled(state=State.WRITING, item=None) for one in some]
        swaps = [
            CompareAndSwap(before=None, after=row) for one, row in zip(some, rows, strict=True) if one.before is None
        ]
        if swaps and not all(await room.ledger.swap(swaps)):
            raise Transient("write_conflict")
        for verified in await repair(room, await claim_and_verify(room, rows, {})):
            if isinstance(verified, CalendarError):
                raise verified
            if not isinstance(verified, LedgerRow):
                raise Transient("write_conflict")
