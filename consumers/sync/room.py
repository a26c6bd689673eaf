"""Everything that a room's work needs, and nothing that changes while it runs."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from adapters.calendar import BookingId, RoomAddress, RoomCalendar
from adapters.ledger import BookingKey, Ledger, LedgerRow
from adapters.story import Entry, Note, What, unnoted
from consumers.milestones import OnMilestone, ignore
from consumers.policy import SyncPolicy
from consumers.tenants import Tenant
from consumers.throttling.tenant_limiter import TenantLimiter

GiveWay = Callable[[], Awaitable[None]]


async def at_once() -> None:
    """Gives way to nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """Time, as arguments, so that no test waits: `now` is zone-aware UTC, `monotonic` and `sleep` are in seconds."""

    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """One room of one tenant, with its calendar, its gate and the ledger."""

    tenant: Tenant
    address: RoomAddress
    calendar: RoomCalendar
    gate: TenantLimiter
    ledger: Ledger
    policy: SyncPolicy
    clocks: Clocks
    scan_twice: bool = False
    """The ledger replaced another one lately: every first scan is repeated once (docs/protocol.md#rule-7)."""
    reached: OnMilestone = ignore
    note: Note = unnoted
    give_way: GiveWay = at_once
    """Awaited before each step that takes the event loop long and that nobody waits for just now."""

    def key(self, booking: BookingId) -> BookingKey:
        """The ledger's key of a booking here."""
        return BookingKey(tenant=self.tenant.name, room=self.address, booking_id=booking)

    def tell(
        self,
        booking: BookingId,
        what: What,
        *,
        version: int | None = None,
        code: str | None = None,
        detail: str | None = None,
        wait_s: int | None = None,
    ) -> None:
        """Add to a booking's story what no verdict tells."""
        at, key = self.clocks.now(), self.key(booking)
        self.note(Entry(key=key, at=at, what=what, version=version, code=code, detail=detail, wait_s=wait_s))

    async def block(self, removals: Sequence[tuple[BookingKey, int]]) -> None:
        """Let nothing at or below these versions come back, if there are any (docs/protocol.md#rule-4)."""
        if removals:
            await self.ledger.bar(removals)

    async def rows(self, bookings: list[BookingId]) -> dict[BookingId, LedgerRow]:
        """What the ledger knows; a fresh row for a booking never heard of is not among them."""
        return _by_booking(await self.ledger.rows(self.tenant.name, self.address, bookings))

    async def rows_if_scanned(self, bookings: list[BookingId]) -> dict[BookingId, LedgerRow] | None:
        """The same, or None while the room is not scanned."""
        rows = await self.ledger.rows_if_scanned(self.tenant.name, self.address, bookings)
        return None if rows is None else _by_booking(rows)


def _by_booking(rows: Iterable[LedgerRow]) -> dict[BookingId, LedgerRow]:
    return {row.key.booking_id: row for row in rows}
