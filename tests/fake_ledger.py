"""The ledger in memory, with a clock that tests move; held to the same contract as the SQL ledgers."""

import asyncio
import secrets
from collections import Counter, deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from adapters.calendar import BookingId, RoomAddress, TenantName
from adapters.ledger import (
    BookingKey,
    BreakerRow,
    Claim,
    ClaimRequest,
    CompareAndSwap,
    LedgerError,
    LedgerIdentity,
    LedgerRow,
    State,
)
from adapters.story import Entry

Result = TypeVar("Result")


@dataclass(slots=True)
class Record:
    """A row as it lies in the ledger: `row.claim.remaining_s` means nothing here, `claim_ends_at` does."""

    row: LedgerRow
    claim_ends_at: datetime | None
    recorded_at: datetime


@dataclass(slots=True)
class OpenBreaker:
    """A breaker as it lies in the ledger: the seconds in `row` mean nothing here."""

    row: BreakerRow
    opened_at: datetime
    next_probe_at: datetime


@dataclass(slots=True)
class Store:
    """What outlives a worker: the part of a ledger that several `FakeLedger`s may share."""

    records: dict[BookingKey, Record] = field(default_factory=dict)
    scanned: set[tuple[TenantName, RoomAddress]] = field(default_factory=set)
    breakers: dict[TenantName, OpenBreaker] = field(default_factory=dict)
    ledger_id: str = field(default_factory=lambda: secrets.token_hex(16))
    generation: int = 0


def as_read(row: LedgerRow) -> tuple[str | None, State, int, str | None]:
    """What a swap or a claim compares."""
    return (row.claim.token if row.claim else None, row.state, row.version, row.item.item_id if row.item else None)


class FakeLedger:
    """`Ledger` over a dict. Every call gives way to other tasks once, before it does anything.

    `troubles` are raised by the next calls, one each, nothing being changed; `read_only` by every change of rows, as
    when the disk is full.
    """

    def __init__(
        self, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC), store: Store | None = None
    ) -> None:
        self.store = store or Store()
        self.troubles: deque[LedgerError] = deque()
        self.read_only: LedgerError | None = None
        self.noted: list[Entry] = []
        self._clock = clock
        self._now_at = clock()
        self._staged: dict[BookingKey, Record] = {}

    def note(self, *entries: Entry) -> None:
        self.noted.extend(entries)

    def beside(self) -> "FakeLedger":
        """Another worker's ledger on the same database."""
        return FakeLedger(clock=self._clock, store=self.store)

    async def rows(self, tenant: TenantName, room: RoomAddress, bookings: Collection[BookingId]) -> list[LedgerRow]:
        await self._begin()
        keys = [BookingKey(tenant=tenant, room=room, booking_id=booking) for booking in dict.fromkeys(bookings)]
        return [row for key in keys if (row := self._row(key)) is not None]

    async def rows_if_scanned(
        self, tenant: TenantName, room: RoomAddress, bookings: Collection[BookingId]
    ) -> list[LedgerRow] | None:
        return await self.rows(tenant, room, bookings) if await self.is_scanned(tenant, room) else None

    async def claim(self, wishes: Sequence[ClaimRequest], *, for_s: float) -> list[LedgerRow | None]:
        await self._begin()
        return self._commit([self._claim(wish, for_s) for wish in wishes])

    async def swap(self, swaps: Sequence[CompareAndSwap]) -> list[bool]:
        await self._begin()
        return self._commit([self._swap(swap) for swap in swaps])

    async def bar(self, keys_and_versions: Sequence[tuple[BookingKey, int]]) -> None:
        await self._begin()
        for key, version in keys_and_versions:
            row = self._row(key) or LedgerRow(key=key)
            self._put(replace(row, removed_version=max(row.removed_version, version)))
        self._commit(None)

    async def is_scanned(self, tenant: TenantName, room: RoomAddress) -> bool:
        await self._begin()
        return (tenant, room) in self.store.scanned

    async def commit_scan(self, tenant: TenantName, room: RoomAddress, swaps: Sequence[CompareAndSwap]) -> bool:
        await self._begin()
        if (tenant, room) in self.store.scanned:
            return False
        self._commit([self._swap(swap) for swap in swaps])
        self.store.scanned.add((tenant, room))
        return True

    async def forget_scans(self, tenant: TenantName | None = None, room: RoomAddress | None = None) -> int:
        await self._begin()
        forgotten = {
            scanned for scanned in self.store.scanned if tenant in (None, scanned[0]) and room in (None, scanned[1])
        }
        self.store.scanned -= forgotten
        return len(forgotten)

    async def identity(self) -> LedgerIdentity:
        await self._begin()
        store = self.store
        is_empty = not (store.records or store.scanned or store.generation)
        return LedgerIdentity(ledger_id=store.ledger_id, generation=store.generation, is_empty=is_empty)

    async def next_generation(self) -> LedgerIdentity:
        await self._begin()
        self.store.generation += 1
        return LedgerIdentity(ledger_id=self.store.ledger_id, generation=self.store.generation, is_empty=False)

    async def breaker(self, tenant: TenantName) -> BreakerRow | None:
        await self._begin()
        return self._breaker(tenant)

    async def open_breakers(self) -> list[BreakerRow]:
        await self._begin()
        return [row for tenant in sorted(self.store.breakers) if (row := self._breaker(tenant))]

    async def open_breaker(
        self, tenant: TenantName, *, code: str, detail: str | None, fingerprint: str, next_probe_in_s: float
    ) -> BreakerRow:
        await self._begin()
        row = BreakerRow(
            tenant=tenant,
            code=code,
            detail=detail,
            open_for_s=0.0,
            next_probe_in_s=next_probe_in_s,
            probes=1,
            tried=frozenset({fingerprint}),
        )
        found = self.store.breakers.get(tenant)
        if found is None:
            next_probe_at = self._now_at + timedelta(seconds=next_probe_in_s)
            self.store.breakers[tenant] = OpenBreaker(row, self._now_at, next_probe_at)
        else:
            found.row = replace(found.row, code=code, detail=detail)
        return self._breaker(tenant) or row

    async def take_probe(self, tenant: TenantName, *, fingerprint: str, next_in_s: float) -> bool:
        await self._begin()
        found = self.store.breakers.get(tenant)
        if found is None or (found.next_probe_at > self._now_at and fingerprint in found.row.tried):
            return False
        found.next_probe_at = self._now_at + timedelta(seconds=next_in_s)
        found.row = replace(found.row, probes=found.row.probes + 1, tried=found.row.tried | {fingerprint})
        return True

    async def close_breaker(self, tenant: TenantName) -> bool:
        await self._begin()
        return self.store.breakers.pop(tenant, None) is not None

    async def hasten_probe(self, tenant: TenantName) -> bool:
        await self._begin()
        found = self.store.breakers.get(tenant)
        if found is not None:
            found.next_probe_at = self._now_at
        return found is not None

    async def history(self, tenant: TenantName | None, booking: BookingId) -> list[LedgerRow]:
        await self._begin()
        rows = [self._row(key) for key in self.store.records if key.booking_id == booking]
        return [row for row in rows if row is not None and tenant in (None, row.key.tenant)]

    async def rooms(self, tenant: TenantName | None) -> list[tuple[TenantName, RoomAddress]]:
        await self._begin()
        known = {(key.tenant, key.room) for key in self.store.records} | self.store.scanned
        return sorted(room for room in known if tenant in (None, room[0]))

    async def room_rows(self, tenant: TenantName, room: RoomAddress) -> list[LedgerRow]:
        await self._begin()
        rows = [self._row(key) for key in self.store.records if (key.tenant, key.room) == (tenant, room)]
        return [row for row in rows if row is not None]

    async def counts(self) -> dict[str, int]:
        await self._begin()
        rows = [record.row for record in self.store.records.values()]
        states = Counter(row.state.value for row in rows)
        counts = {state.value: states[state.value] for state in State}
        return counts | {"claimed": sum(row.claim is not None for row in rows), "rooms": len(self.store.scanned)}

    async def expire(self, *, keep_days: int) -> int:
        await self._begin()
        old_at, ended_at = self._now_at - timedelta(days=keep_days), self._now_at - timedelta(days=90)
        expired = [
            key
            for key, record in self.store.records.items()
            if record.row.claim is None
            and record.recorded_at < old_at
            and (record.row.event_ends_at is None or record.row.event_ends_at < ended_at)
        ]
        for key in expired:
            del self.store.records[key]
        return len(expired)

    async def check(self) -> None:
        await self._begin()

    async def close(self) -> None:
        """Nothing to let go of."""

    async def _begin(self) -> None:
        await asyncio.sleep(0)
        if self.troubles:
            raise self.troubles.popleft()
        self._now_at = self._clock()
        self._staged = {}

    def _commit(self, result: Result) -> Result:
        """Make the staged rows the ledger's, or none of them where one is a tombstone that remembers an event."""
        if self.read_only is not None:
            raise self.read_only
        for record in self._staged.values():
            row = record.row
            if row.state is State.ABSENT and (row.snapshot is not None or row.written_digest is not None):
                raise LedgerError("a tombstone holds no snapshot and no digest of what was written")
        self.store.records.update(self._staged)
        return result

    def _row(self, key: BookingKey) -> LedgerRow | None:
        record = self._staged.get(key) or self.store.records.get(key)
        if record is None:
            return None
        if record.row.claim is None or record.claim_ends_at is None:
            return record.row
        remaining_s = (record.claim_ends_at - self._now_at).total_seconds()
        return replace(record.row, claim=replace(record.row.claim, remaining_s=remaining_s))

    def _breaker(self, tenant: TenantName) -> BreakerRow | None:
        found = self.store.breakers.get(tenant)
        if found is None:
            return None
        return replace(
            found.row,
            open_for_s=(self._now_at - found.opened_at).total_seconds(),
            next_probe_in_s=(found.next_probe_at - self._now_at).total_seconds(),
        )

    def _put(self, row: LedgerRow) -> None:
        if row == self._row(row.key):
            return
        ends_at = self._now_at + timedelta(seconds=row.claim.remaining_s) if row.claim else None
        self._staged[row.key] = Record(row, ends_at, self._now_at)

    def _claim(self, wish: ClaimRequest, for_s: float) -> LedgerRow | None:
        row = self._row(wish.row.key) or LedgerRow(key=wish.row.key)
        if as_read(row) != as_read(wish.row) or (row.claim and row.claim.is_live):
            return None
        claim = Claim(token=secrets.token_hex(8), version=wish.version, remaining_s=for_s)
        removed_version = max(row.removed_version, wish.row.removed_version)
        claimed = replace(row, claim=claim, state=wish.state or row.state, removed_version=removed_version)
        self._put(claimed)
        return claimed

    def _swap(self, swap: CompareAndSwap) -> bool:
        row, before, after = self._row(swap.after.key), swap.before, swap.after
        if before is None and row is not None:
            return False
        if before is not None and as_read(before) != as_read(row or LedgerRow(key=before.key)):
            return False
        claim = after.claim
        if claim and row and row.claim and row.claim.token == claim.token:
            claim = replace(claim, remaining_s=row.claim.remaining_s)
        removed_version = max(after.removed_version, row.removed_version if row else 0)
        self._put(replace(after, claim=claim, removed_version=removed_version))
        return True
