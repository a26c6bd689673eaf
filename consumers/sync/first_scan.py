"""First touch: one scan of a room's calendar and Deleted Items fills its rows, so that a lost ledger doubles nothing
(docs/protocol.md#rule-7)."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from adapters.calendar import BookingId, FoundEvent, Mark, RoomScan
from adapters.errors import CalendarError, Transient
from adapters.ledger import CompareAndSwap, LedgerRow, State
from consumers.messages.disposition import SyncRequest
from consumers.sync.delayed_check import look_and_mend
from consumers.sync.judge import Judgement, judge_first_touch, noticed
from consumers.sync.room import Room


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


async def first_touch(room: Room, ask: SyncRequest) -> None:
    """Fill the room's rows from its calendar, once.

    Args:
        ask: a command of the room, to look at it by once more where the ledger replaced another one lately.

    Raises:
        CalendarError: the room could not be read, or a booking with surplus copies could not be put in order; the room
            stays unscanned.
    """
    if await room.ledger.is_scanned(room.tenant.name, room.address):
        return
    met = [one for one in await _meet(room, await _scan(room)) if not one.is_being_written]
    met = await _record_before_looks(room, met)
    crooked = [one for one in met if one.judgement.surplus]
    await _put_in_order(room, crooked)
    straight = [one for one in met if not one.judgement.surplus and one.judgement.row != one.before]
    swaps = [CompareAndSwap(before=one.before, after=one.judgement.row) for one in straight]
    if room.scan_twice:
        # Before the room counts as scanned, or a crash now would leave nobody to look again. Not before the scan: each
        # one that fails would leave one message more behind.
        await room.desk.second_look(ask, "room")
    # False: another worker scanned it meanwhile, whose rows are as good as ours.
    if await room.ledger.commit_scan(room.tenant.name, room.address, swaps):
        _tell(room, straight)


async def look_again(room: Room) -> None:
    """Scan a room once more; put in order each booking that is not as its row says. Raises `CalendarError`."""
    met = [one for one in await _meet(room, await _scan(room)) if not one.is_being_written]
    buried = [one for one in met if one.is_buried]
    recorded = await _record(room, buried)
    _tell(room, buried)
    # A look reads no Deleted Items, so what they tell is recorded before it.
    crooked = [one for one in recorded if one.judgement.surplus]
    changed = [one for one in met if not (one.is_buried or one.is_claimed) and one.is_changed]
    bars = [(one.before.key, one.before.version - 1) for one in changed if one.before and one.is_deleted]
    if bars:
        await room.ledger.bar(bars)
    await _put_in_order(room, [*crooked, *changed])


def _tell(room: Room, met: Sequence[_Met]) -> None:
    for one in met:
        key = one.judgement.row.key
        for what, version, detail in noticed(one.before or LedgerRow(key=key), one.judgement):
            room.tell(key.booking_id, what, version=version, detail=detail)


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


async def _record_before_looks(room: Room, met: Sequence[_Met]) -> list[_Met]:
    """Record what the scan tells of known bookings that will be looked at, since a look does not read Deleted Items.

    Returns the bookings that nobody claimed.
    """
    looked_at = [one for one in met if one.is_claimed or (one.before is not None and one.judgement.surplus)]
    return await _record(room, looked_at) + [one for one in met if one not in looked_at]


async def _record(room: Room, met: Sequence[_Met]) -> list[_Met]:
    """Record judgements of known bookings; returns those that nobody claimed. An expired claim stays: whoever takes it
    over looks."""
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
        for looked in await look_and_mend(room, rows, {}):
            if isinstance(looked, CalendarError):
                raise looked
            if not isinstance(looked, LedgerRow):
                raise Transient("write_conflict")
