"""The ledger over SQL: what each call reads and changes; `Committer` makes transactions of it."""

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import TypeVar

from adapters.calendar import BookingId, RoomAddress, TenantName
from adapters.ledger import BookingKey, BreakerRow, ClaimRequest, CompareAndSwap, LedgerError, LedgerIdentity, LedgerRow
from adapters.sql import breakers, overview, story
from adapters.sql.committer import Committed, Committer, Work
from adapters.sql.database import Database
from adapters.sql.story import StoryWriter
from adapters.sql.transaction import Transaction
from adapters.story import Entry

Result = TypeVar("Result")


class SqlLedger:
    """`Ledger` in a database that `open_ledger` has prepared.

    Lanes write through one connection and read through another, so that no read waits for a commit; what looks at
    the whole ledger (`history`, `rooms`, `counts`) does so on a third, and keeps nobody waiting.

    A caller that is cancelled while it waits cannot know whether its change was committed. With PostgreSQL the same
    holds for `LedgerUnavailable` if the connection was lost during COMMIT; either is safe, because every change is
    bound to the row as it was read and may be tried again.
    """

    def __init__(self, database: Database, *, committed: Committed = lambda _seconds: None) -> None:
        """`committed`: told of each transaction that writes."""
        self._database = database
        self._story = StoryWriter(database)
        self._coming_by: asyncio.Task[None] | None = None
        self._writer = Committer(database, writes=True, between=self._story.write_if_due, committed=committed)
        self._reader = Committer(database, writes=False)

    async def rows(self, tenant: TenantName, room: RoomAddress, bookings: Collection[BookingId]) -> list[LedgerRow]:
        """The rows there are for these bookings, in any order."""
        keys = _keys(tenant, room, bookings)
        work = Work(lambda transaction: (transaction.rows(keys), transaction.read_at_s), keys=keys)
        rows, read_at_s = await self._reader.do(work)
        return [_as_of_now(row, read_at_s) for row in rows]

    async def rows_if_scanned(
        self, tenant: TenantName, room: RoomAddress, bookings: Collection[BookingId]
    ) -> list[LedgerRow] | None:
        """The same, or None while the room is not scanned."""
        keys, room_key = _keys(tenant, room, bookings), (tenant, room)

        def run(transaction: Transaction) -> tuple[list[LedgerRow] | None, float]:
            return transaction.rows(keys) if transaction.is_scanned(room_key) else None, transaction.read_at_s

        rows, read_at_s = await self._reader.do(Work(run, keys=keys, rooms=[room_key]))
        return None if rows is None else [_as_of_now(row, read_at_s) for row in rows]

    async def claim(self, wishes: Sequence[ClaimRequest], *, for_s: float) -> list[LedgerRow | None]:
        """Take each claim whose row is still as it was read and has no live claim."""

        def run(transaction: Transaction) -> tuple[list[LedgerRow | None], float]:
            return [transaction.claim(wish, for_s) for wish in wishes], transaction.read_at_s

        rows, read_at_s = await self._writer.do(Work(run, keys=[wish.row.key for wish in wishes]))
        return [row and _as_of_now(row, read_at_s) for row in rows]

    async def swap(self, swaps: Sequence[CompareAndSwap]) -> list[bool]:
        """Carry out each swap whose row is still as it was read; True where it was."""

        def run(transaction: Transaction) -> list[bool]:
            return [transaction.swap(swap) for swap in swaps]

        return await self._writer.do(Work(run, keys=[swap.after.key for swap in swaps]))

    async def bar(self, keys_and_versions: Sequence[tuple[BookingKey, int]]) -> None:
        """Raise `removed_version` to at least the version, making a row where there is none."""

        def run(transaction: Transaction) -> None:
            for key, version in keys_and_versions:
                transaction.bar(key, version)

        await self._writer.do(Work(run, keys=[key for key, _ in keys_and_versions]))

    async def is_scanned(self, tenant: TenantName, room: RoomAddress) -> bool:
        """Whether the room's rows were filled from its calendar once."""
        room_key = (tenant, room)
        return await self._reader.do(Work(lambda transaction: transaction.is_scanned(room_key), rooms=[room_key]))

    async def commit_scan(self, tenant: TenantName, room: RoomAddress, swaps: Sequence[CompareAndSwap]) -> bool:
        """Carry out all swaps and mark the room scanned, or, if it is scanned already, nothing and return False."""
        room_key = (tenant, room)

        def run(transaction: Transaction) -> bool:
            if transaction.is_scanned(room_key):
                return False
            for swap in swaps:
                transaction.swap(swap)
            transaction.mark_scanned(room_key)
            return True

        return await self._writer.do(Work(run, keys=[swap.after.key for swap in swaps], rooms=[room_key]))

    async def forget_scans(self, tenant: TenantName | None = None, room: RoomAddress | None = None) -> int:
        """Mark rooms unscanned (all, one tenant's or one); returns how many were scanned."""

        def run(transaction: Transaction) -> int:
            return overview.forget_scans(transaction.connection, tenant, room)

        return await self._writer.do(Work(run, alone=True))

    async def identity(self) -> LedgerIdentity:
        """The ledger's id and generation, and whether it holds nothing yet."""
        return await self._reader.do(Work(lambda transaction: overview.identity(transaction.connection), alone=True))

    async def next_generation(self) -> LedgerIdentity:
        """Raise the generation by one, so that an older copy of this ledger can be told."""

        def run(transaction: Transaction) -> LedgerIdentity:
            return overview.next_generation(transaction.connection)

        return await self._writer.do(Work(run, alone=True))

    async def breaker(self, tenant: TenantName) -> BreakerRow | None:
        """The tenant's open breaker, or None."""

        def run(transaction: Transaction) -> BreakerRow | None:
            return breakers.read(transaction.connection, transaction.now_us, tenant)

        return await self._reader.do(Work(run, alone=True))

    async def open_breakers(self) -> list[BreakerRow]:
        """All that are open, by tenant."""

        def run(transaction: Transaction) -> list[BreakerRow]:
            return breakers.read_all(transaction.connection, transaction.now_us)

        return await self._reader.do(Work(run, alone=True))

    async def open_breaker(
        self, tenant: TenantName, *, code: str, detail: str | None, fingerprint: str, next_probe_in_s: float
    ) -> BreakerRow:
        """Open it; returns the row. Of one that is open only `code` and `detail` change."""
        row = BreakerRow(
            tenant=tenant,
            code=code,
            detail=detail,
            open_for_s=0.0,
            next_probe_in_s=next_probe_in_s,
            probes=1,
            tried=frozenset({fingerprint}),
        )

        def run(transaction: Transaction) -> BreakerRow:
            return breakers.open_one(transaction.connection, transaction.now_us, row)

        return await self._writer.do(Work(run, alone=True))

    async def take_probe(self, tenant: TenantName, *, fingerprint: str, next_in_s: float) -> bool:
        """Whether the caller may send a probe now."""

        def run(transaction: Transaction) -> bool:
            connection, now_us = transaction.connection, transaction.now_us
            return breakers.take_probe(connection, now_us, tenant, fingerprint, next_in_s)

        return await self._writer.do(Work(run, alone=True))

    async def close_breaker(self, tenant: TenantName) -> bool:
        """Close it; returns whether it was open."""
        return await self._writer.do(
            Work(lambda transaction: breakers.close_one(transaction.connection, tenant), alone=True)
        )

    async def hasten_probe(self, tenant: TenantName) -> bool:
        """Make the next probe due now; returns whether the breaker is open."""

        def run(transaction: Transaction) -> bool:
            return breakers.hasten(transaction.connection, transaction.now_us, tenant)

        return await self._writer.do(Work(run, alone=True))

    async def history(self, tenant: TenantName | None, booking: BookingId) -> list[LedgerRow]:
        """Every row of a booking, in all rooms."""

        def run(transaction: Transaction) -> list[LedgerRow]:
            return overview.history(transaction.connection, transaction.now_us, tenant, booking)

        return await self._overlook(run)

    async def rooms(self, tenant: TenantName | None) -> list[tuple[TenantName, RoomAddress]]:
        """Every room that has a row or was scanned, in order. Reads the keys of the whole ledger."""
        return await self._overlook(lambda transaction: overview.known_rooms(transaction.connection, tenant))

    async def room_rows(self, tenant: TenantName, room: RoomAddress) -> list[LedgerRow]:
        """Every row of a room, tombstones included."""

        def run(transaction: Transaction) -> tuple[list[LedgerRow], float]:
            found = overview.room_rows(transaction.connection, transaction.now_us, tenant, room)
            return found, transaction.read_at_s

        rows, read_at_s = await self._overlook(run)
        return [_as_of_now(row, read_at_s) for row in rows]

    async def counts(self) -> dict[str, int]:
        """Rows by state, and `claimed`, `rooms`. Reads the whole ledger: ask once a minute, not once a second."""
        return await self._overlook(lambda transaction: overview.counts(transaction.connection))

    async def expire(self, *, keep_days: int) -> int:
        """Delete rows without a claim that were recorded and whose event ended long enough ago; returns how many.

        Reads the whole table while writers wait, about 0.5 s for a million rows: once an hour is enough.
        """

        def run(transaction: Transaction) -> int:
            return overview.expire(transaction.connection, transaction.now_us, keep_days)

        return await self._writer.do(Work(run, alone=True))

    def note(self, *entries: Entry) -> None:
        """Hand in entries of bookings' stories; returns at once."""
        self._story.take(entries)
        if self._coming_by is None or self._coming_by.done():
            self._coming_by = asyncio.create_task(self._come_by())

    async def story(self, tenant: TenantName | None, booking: BookingId) -> list[Entry]:
        """All that is known of a booking in all rooms, the oldest first."""
        if self._story.is_waiting:
            self._story.hasten()
            await self.check()
            await self.check()  # it begins when what follows the first one is over: the story is written
        return await self._overlook(lambda transaction: story.read(transaction.connection, tenant, booking))

    async def expire_story(self, *, keep_days: int) -> int:
        """Drop entries older than `keep_days`, some at a time, so that no writer waits long; returns how many."""

        def run(transaction: Transaction) -> int:
            return story.expire(transaction.connection, transaction.now_us, keep_days)

        dropped = 0
        while some := await self._writer.do(Work(run, alone=True)):
            dropped += some
        return dropped

    async def check(self) -> None:
        """Begin a transaction that may write and end it; raises what would keep a writer from writing."""
        await self._writer.do(Work(lambda _: None, alone=True))

    async def close(self) -> None:
        """Finish what was handed in and let go of the database."""
        if self._coming_by is not None:
            self._coming_by.cancel()
        await self._writer.close()
        await asyncio.to_thread(self._story.close)
        await self._reader.close()

    async def _come_by(self) -> None:
        """See to it that the story is written although nobody else has anything to commit."""
        pause_s = story.WRITE_EVERY_S
        while self._story.is_waiting:
            await asyncio.sleep(pause_s)
            try:
                await self.check()
            except LedgerError:
                pause_s = story.AWAY_S

    async def _overlook(self, run: Callable[[Transaction], Result]) -> Result:
        committer = Committer(self._database, writes=False)
        try:
            return await committer.do(Work(run, alone=True))
        finally:
            await committer.close()


def _keys(tenant: TenantName, room: RoomAddress, bookings: Collection[BookingId]) -> list[BookingKey]:
    return [BookingKey(tenant=tenant, room=room, booking_id=booking) for booking in dict.fromkeys(bookings)]


def _as_of_now(row: LedgerRow, read_at_s: float) -> LedgerRow:
    """The row with what remains of its claim after the wait for the commit: a slow disk must not lengthen a claim."""
    if row.claim is None:
        return row
    remaining_s = row.claim.remaining_s - (time.monotonic() - read_at_s)
    return replace(row, claim=replace(row.claim, remaining_s=remaining_s))
