"""Reads a room's rows and its calendar for the comparison; asks Exchange one thing at a time."""

from collections.abc import Collection
from dataclasses import dataclass

from adapters.calendar import BookingId, ItemRef, RoomAddress, RoomCalendar, RoomReading
from adapters.errors import CalendarError
from adapters.ledger import Ledger, LedgerRow, State
from consumers.messages.booking_event import event_from_snapshot
from consumers.reconcile.compare import Wanted, compare, steady
from consumers.reconcile.report import RoomReport
from consumers.sync.render import digest_of_written, render
from consumers.sync.room import Clocks
from consumers.tenants import Tenant
from consumers.throttling.retry import retry_in_place
from consumers.throttling.tenant_limiter import TenantLimiter


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomView:
    """A room that is only looked at. `hold_s`: how long throttling is waited out."""

    tenant: Tenant
    address: RoomAddress
    calendar: RoomCalendar
    gate: TenantLimiter
    ledger: Ledger
    clocks: Clocks
    hold_s: float


async def report_on(view: RoomView) -> RoomReport:
    """Compare a room. Raises `LedgerError`; what Exchange answered stands in the report.

    The rows are read before and after the calendar: who was being written meanwhile is not judged.
    """
    tenant, room = view.tenant.name, view.address
    before = await _rows(view)
    try:
        reading = await _read(view, [row.item for row in before.values() if row.item is not None])
    except CalendarError as error:
        return RoomReport(tenant=tenant, room=room, error=error)
    rows, resting = steady(before, await _rows(view))
    findings = compare(rows, resting, reading, lambda row: _wanted(view, row), view.clocks.now())
    known = {booking for booking, row in rows.items() if row.state is State.PRESENT}
    our_items = {row.item.item_id for row in rows.values() if row.item is not None}
    return RoomReport(
        tenant=tenant,
        room=room,
        known_count=len(known | {finding.booking_id for finding in findings}),
        findings=tuple(findings),
        foreign=tuple(ref.item_id for ref in reading.foreign if ref.item_id not in our_items),
        resting=tuple(sorted(resting)),
    )


async def _rows(view: RoomView) -> dict[BookingId, LedgerRow]:
    rows = await view.ledger.room_rows(view.tenant.name, view.address)
    return {row.key.booking_id: row for row in rows}


async def _read(view: RoomView, unchanged: Collection[ItemRef]) -> RoomReading:
    async def once() -> RoomReading:
        async with view.gate.slot(view.address) as turn:
            return await turn.read(view.calendar.read(view.address, unchanged))

    return await retry_in_place(once, view.hold_s, sleep=view.clocks.sleep)


def _wanted(view: RoomView, row: LedgerRow) -> Wanted | None:
    if row.snapshot is None:
        return None
    event, _ = render(event_from_snapshot(row.snapshot), view.tenant.subject_template)
    return Wanted(members=view.calendar.as_stored(event), written_digest=digest_of_written(event))
