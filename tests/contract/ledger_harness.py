"""A database for ledgers and its time, as the contract of ledgers needs them, and builders of keys and rows."""

import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest

from adapters.calendar import BookingId, ItemRef, RoomAddress, TenantName
from adapters.ledger import BookingKey, ClaimRequest, CompareAndSwap, Ledger, LedgerRow, State

ACME, BOARD = TenantName("acme"), RoomAddress("board@acme.example")
FOR_S = 90.0
_numbers = itertools.count(1)


class LedgerHarness(Protocol):
    """A database for ledgers, and its time."""

    async def open(self) -> Ledger:
        """One more worker's ledger on the database."""
        ...

    async def elapse(self, duration: timedelta) -> None:
        """Let time pass for the ledgers of this database."""
        ...


class MovableClock:
    """The host's clock, and what a test has added to it."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def a_key(booking: str | None = None, *, room: RoomAddress = BOARD, tenant: TenantName = ACME) -> BookingKey:
    """A booking; without a name one that no test has met."""
    return BookingKey(tenant=tenant, room=room, booking_id=BookingId(booking or f"B-{next(_numbers)}"))


def a_present_row(key: BookingKey, *, version: int = 1, item: str = "AAMk1", **changes: object) -> LedgerRow:
    """A settled row with everything in it."""
    row = LedgerRow(
        key=key,
        state=State.PRESENT,
        version=version,
        removed_version=0,
        backend="ews",
        item=ItemRef(item_id=item, change_key="CQAA"),
        command_digest="c" * 64,
        written_digest="w" * 64,
        snapshot='{"subject": "Réunion 会議 🏢"}',
        event_ends_at=datetime(2026, 12, 1, 9, 0, 0, 123_457, tzinfo=UTC),
    )
    return replace(row, **changes)  # type: ignore[arg-type]


async def read(ledger: Ledger, key: BookingKey) -> LedgerRow | None:
    rows = await ledger.rows(key.tenant, key.room, [key.booking_id])
    return rows[0] if rows else None


async def written(ledger: Ledger, row: LedgerRow) -> LedgerRow:
    """The row, after it was put into the ledger."""
    assert await ledger.swap([CompareAndSwap(before=None, after=row)]) == [True]
    return row


async def claimed(ledger: Ledger, row: LedgerRow, *, version: int = 2, state: State | None = None) -> LedgerRow:
    [mine] = await ledger.claim([ClaimRequest(row=row, version=version, state=state)], for_s=FOR_S)
    assert mine is not None
    return mine


class WithLedgers:
    """Fixtures over a fixture `harness`, which the inheriting class gives."""

    @pytest.fixture
    async def ledger(self, harness: LedgerHarness) -> AsyncIterator[Ledger]:
        ledger = await harness.open()
        yield ledger
        await ledger.close()

    @pytest.fixture
    async def other(self, harness: LedgerHarness) -> AsyncIterator[Ledger]:
        """A second worker's ledger on the same database."""
        other = await harness.open()
        yield other
        await other.close()
