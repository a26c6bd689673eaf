"""One transaction over many callers' work: read the rows, change them in memory, write what changed, all at once.

A statement for each row would cost several times as much; the locks under which the rows are read make it safe.
"""

import time
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Subquery, Table, and_, insert, select, update

from adapters.calendar import RoomAddress, TenantName
from adapters.ledger import BookingKey, LedgerRow
from adapters.sql.database import Database
from adapters.sql.prepared import Prepared, as_rows
from adapters.sql.schema import bookings, record_of, rooms, row_of

RoomKey = tuple[TenantName, RoomAddress]

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
