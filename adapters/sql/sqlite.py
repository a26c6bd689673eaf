"""SQLite: one file, one writer at a time, durable at each commit (WAL, synchronous=FULL), the host's clock."""

import json
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    Column,
    Connection,
    CursorResult,
    NullPool,
    Select,
    Subquery,
    bindparam,
    create_engine,
    event,
    func,
    literal_column,
    select,
)
from sqlalchemy.exc import DBAPIError

from adapters.ledger import LedgerError, LedgerUnavailable
from adapters.sql.schema import as_us

_OLDEST = (3, 38)
"""The first that always has JSON."""
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def host_clock() -> datetime:
    """The time of this machine."""
    return datetime.now(UTC)


class SqliteDatabase:
    """The ledger in a file. Who finds it locked waits `busy_timeout_s`, then gives up."""

    def __init__(self, path: Path, clock: Callable[[], datetime], *, busy_timeout_s: float = 5.0) -> None:
        self.name = f"SQLite file {path}"
        self.engine = create_engine(
            URL.create("sqlite", database=str(path)),
            poolclass=NullPool,
            connect_args={"timeout": busy_timeout_s},
            hide_parameters=True,
        )
        event.listen(self.engine, "connect", _set_up)
        self._path = path
        self._clock = clock
        self._busy_timeout_s = busy_timeout_s

    def prepare(self) -> None:
        """Make folder and file (readable by their owner only) where missing, and switch to WAL for good."""
        if sqlite3.sqlite_version_info < _OLDEST:
            oldest = ".".join(map(str, _OLDEST))
            raise LedgerError(f"{self.name}: needs SQLite {oldest} or newer; this Python has {sqlite3.sqlite_version}.")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as error:
            raise LedgerError(f"{self.name}: cannot be opened for writing ({error.strerror}).") from error
        try:
            mode = self._switch_to_wal()
        except sqlite3.OperationalError as error:
            raise LedgerUnavailable(f"{self.name}: {error}.") from error
        except sqlite3.DatabaseError as error:
            raise LedgerError(f"{self.name}: this is no SQLite database ({error}); name another file.") from error
        if mode != "wal":
            raise LedgerError(f"{self.name}: cannot use WAL there; put the ledger on a local disk.")

    def begin(self, connection: Connection, *, writes: bool) -> None:
        """Take the write lock at once: a transaction that reads first could not get it any more afterwards."""
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    def relax(self, connection: Connection) -> None:
        """In WAL a commit is then in the file, and goes to the disk with the next commit of another connection."""
        connection.exec_driver_sql("PRAGMA synchronous = NORMAL")

    def lock_schema(self, connection: Connection) -> None:
        """Nothing to add: the write lock is on the whole file."""

    def now_us(self, connection: Connection) -> int:
        """The host's clock."""
        return as_us(self._clock())

    def listed(self, columns: Sequence[Column[Any]]) -> Subquery:
        """By `json_each`: over `IN (VALUES …)` SQLite reads the whole table (3.40)."""
        row = func.json_each(bindparam("rows")).table_valued("value")
        members = [func.json_extract(row.c.value, literal_column(f"'$[{place}]'")) for place in range(len(columns))]
        return select(*(each.label(column.name) for each, column in zip(members, columns, strict=True))).subquery()

    def in_few_steps(self, read: Select[Any]) -> Select[Any]:
        """All records as one JSON text: sqlite3 lets go of Python's lock at each step."""
        return select(func.json_group_array(func.json_array(*read.subquery().c)))

    def records(self, result: CursorResult[Any]) -> Sequence[Sequence[Any]]:
        """Out of that text."""
        records: list[list[Any]] = json.loads(result.scalar_one())
        return records

    def is_conflict(self, error: DBAPIError) -> bool:
        """Never: there is one writer at a time."""
        return False

    def is_trouble(self, error: DBAPIError) -> bool:
        """Locked, full, unreadable."""
        return isinstance(error.orig, sqlite3.OperationalError) or type(error.orig) is sqlite3.DatabaseError

    def is_broken(self, error: DBAPIError) -> bool:
        """Damaged, not a database at all, or without the tables and columns that we know."""
        if not isinstance(error.orig, sqlite3.DatabaseError):
            return False
        result = getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF  # the rest of it are details
        return result in _DAMAGED or (result == sqlite3.SQLITE_ERROR and "no such" in str(error.orig))

    def words(self, error: DBAPIError) -> str:
        """SQLite's own sentence; it repeats no values."""
        return str(error.orig)

    def _switch_to_wal(self) -> str:
        # By hand: SQLite does not wait for its busy timeout when two processes switch a new file at once.
        give_up_at_s = time.monotonic() + self._busy_timeout_s
        while True:
            connection = sqlite3.connect(self._path, timeout=self._busy_timeout_s, isolation_level=None)
            try:
                return str(connection.execute("PRAGMA journal_mode = WAL").fetchone()[0])
            except sqlite3.OperationalError:
                if time.monotonic() > give_up_at_s:
                    raise
                time.sleep(0.02)
            finally:
                connection.close()


def _set_up(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # BEGIN is ours: sqlite3's own comes late and takes no lock
    connection.execute("PRAGMA synchronous = FULL")
    # What it keeps to undo a statement, too: a transaction over several rooms would make a file for each statement.
    connection.execute("PRAGMA temp_store = MEMORY")
