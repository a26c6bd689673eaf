"""One transaction over many callers' work: read the rows, change them in memory, write what changed, all at once.

A statement for each row would cost several times as much; the locks under which the rows are read make it safe.
"""

import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Subquery, Table, and_, insert, select, update

from adapters.calendar import RoomAddress, TenantName
from adapters.ledger import BookingKey, Claim, ClaimRequest, CompareAndSwap, LedgerRow, State
from adapters.sql.database import Database
from adapters.sql.prepared import Prepared, as_rows
from adapters.sql.schema import bookings, record_of, rooms, row_of

RoomKey = tuple[TenantName, RoomAddress]

# Tells claims apart and is no secret. `secrets` would ask the system for each, and wait for Python's lock after each.
_TOKENS = random.Random()  # noqa: S311
_COLUMNS = list(bookings.c)
_KEYS = list(bookings.primary_key)
_ROOM_KEYS = list(rooms.primary_key)


class Statements:
    """What transactions say to a database; those that write lock the rows that they read."""

    def __init__(self, database: Database, *, writes: bool) -> None:
        dialect = database.engine.dialect
        self.read = Prepared(database.in_few_steps(_reading(database.listed(_KEYS), locks=writes)), dialect)
        asked = database.listed(_ROOM_KEYS)
        scanned = select(*_ROOM_KEYS).join(asked, _same_key(rooms, asked))
        self.read_rooms = Prepared(database.in_few_steps(scanned), dialect)
        new = database.listed(_COLUMNS)
        self.insert = Prepared(insert(bookings).from_select(_COLUMNS, select(new)), dialect)
        changes = {column: new.c[column.name] for column in _COLUMNS if column not in _KEYS}
        self.update = Prepared(update(bookings).where(_same_key(bookings, new)).values(changes), dialect)


def _reading(wanted: Subquery, *, locks: bool) -> Select[Any]:
    read = select(bookings).join(wanted, _same_key(bookings, wanted))
    # In the order of the keys, whoever reads: so that two replicas wait for each other and never deadlock.
    return read.order_by(*wanted.c).with_for_update(of=bookings) if locks else read


def _same_key(table: Table, other: Subquery) -> ColumnElement[bool]:
    return and_(*(column == other.c[column.name] for column in table.primary_key))


class Transaction:
    """What a transaction has read of the ledger, and what it will write.

    `now_us` is the ledger's clock, read once all rows were read (and locked, where it `writes`); `read_at_s` is the
    host's monotonic clock just before.
    """

    def __init__(self, database: Database, connection: Connection, statements: Statements) -> None:
        self.connection = connection
        self._database = database
        self._statements = statements
        self._found: dict[BookingKey, LedgerRow] = {}
        self._changed: dict[BookingKey, LedgerRow] = {}
        self._scanned: set[RoomKey] = set()
        self.read_at_s = 0.0
        self.now_us = 0

    def read(self, keys: Iterable[BookingKey], room_keys: Iterable[RoomKey]) -> None:
        """Read (and lock) the rows that there are for the keys, and which of the rooms are scanned."""
        wanted = {(key.tenant, key.room, key.booking_id) for key in keys}
        records = self._records(self._statements.read, sorted(wanted))
        scanned = self._records(self._statements.read_rooms, sorted(set(room_keys)))
        self._scanned = {(TenantName(tenant), RoomAddress(room)) for tenant, room in scanned}
        self.read_at_s = time.monotonic()
        self.now_us = self._database.now_us(self.connection)
        self._found = {row.key: row for row in (row_of(record, self.now_us) for record in records)}

    def row(self, key: BookingKey) -> LedgerRow | None:
        """The row as it is after the changes so far; only for keys that were read."""
        return self._changed.get(key) or self._found.get(key)

    def rows(self, keys: Iterable[BookingKey]) -> list[LedgerRow]:
        """Those that there are."""
        found = [self.row(key) for key in keys]
        return [row for row in found if row is not None]

    def put(self, row: LedgerRow) -> None:
        """Write the row at the end, if it is not as it was."""
        if row != self.row(row.key):
            self._changed[row.key] = row

    def claim(self, wish: ClaimRequest, for_s: float) -> LedgerRow | None:
        """The row with a fresh claim, or None where it changed since it was read or has a claim that is still live."""
        current = self.row(wish.row.key) or LedgerRow(key=wish.row.key)
        if _as_read(current) != _as_read(wish.row) or (current.claim is not None and current.claim.is_live):
            return None
        claim = Claim(token=f"{_TOKENS.getrandbits(64):016x}", version=wish.version, remaining_s=for_s)
        removed_version = max(current.removed_version, wish.row.removed_version)
        row = replace(current, claim=claim, state=wish.state or current.state, removed_version=removed_version)
        self.put(row)
        return row

    def swap(self, swap: CompareAndSwap) -> bool:
        """Put the row that the swap asks for; False where the row changed since it was read."""
        row, after = self.row(swap.after.key), swap.after
        if not _may_swap(row, swap.before):
            return False
        if row is not None:
            claim = after.claim
            if claim is not None and row.claim is not None and claim.token == row.claim.token:
                claim = replace(claim, remaining_s=row.claim.remaining_s)
            after = replace(after, claim=claim, removed_version=max(after.removed_version, row.removed_version))
        self.put(after)
        return True

    def bar(self, key: BookingKey, version: int) -> None:
        """Let nothing at or below the version come back."""
        current = self.row(key) or LedgerRow(key=key)
        self.put(replace(current, removed_version=max(current.removed_version, version)))

    def is_scanned(self, room_key: RoomKey) -> bool:
        """Whether the room is scanned; only for rooms that were read."""
        return room_key in self._scanned

    def mark_scanned(self, room_key: RoomKey) -> None:
        """Mark a room scanned that was not."""
        tenant, room = room_key
        self.connection.execute(insert(rooms), {"tenant": tenant, "room": room, "scanned_us": self.now_us})
        self._scanned.add(room_key)

    def write(self) -> None:
        """Write the rows that were changed; no row's outcome is known before the commit that follows."""
        # In the order of the keys, as in `read`.
        keys = sorted(self._changed, key=lambda key: (key.tenant, key.room, key.booking_id))
        changed = [(key in self._found, record_of(self._changed[key], self.now_us)) for key in keys]
        for statement, was_there in ((self._statements.insert, False), (self._statements.update, True)):
            records = [record for found, record in changed if found is was_there]
            if records:
                statement.execute(self.connection, as_rows(records))

    def _records(self, statement: Prepared, keys: Sequence[tuple[str, ...]]) -> Sequence[Sequence[Any]]:
        return self._database.records(statement.execute(self.connection, as_rows(keys))) if keys else []


def _may_swap(row: LedgerRow | None, before: LedgerRow | None) -> bool:
    if before is None or row is None:
        return row is None and (before is None or _as_read(before) == _as_read(LedgerRow(key=before.key)))
    return _as_read(row) == _as_read(before)


def _as_read(row: LedgerRow) -> tuple[str | None, State, int, str | None]:
    return (row.claim.token if row.claim else None, row.state, row.version, row.item.item_id if row.item else None)
