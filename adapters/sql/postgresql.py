"""PostgreSQL: several replicas on one ledger, therefore row locks and the database's own clock."""

from collections.abc import Sequence
from typing import Any

import psycopg
from sqlalchemy import (
    JSON,
    URL,
    BigInteger,
    Column,
    Connection,
    CursorResult,
    NullPool,
    Select,
    Subquery,
    bindparam,
    cast,
    create_engine,
    event,
    func,
    literal_column,
    select,
)
from sqlalchemy.exc import DBAPIError

_NOW_US = select(cast(func.extract("epoch", func.clock_timestamp()) * 1_000_000, BigInteger))
_SCHEMA_LOCK = 0x726F6F6D73796E63  # "roomsync"; advisory locks are numbers of 64 bits

# A worker that hangs in a database call settles nothing and says nothing: every wait ends.
_CONNECT = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "application_name": "roomsync",
}
_SESSION = (
    "SET lock_timeout = {lock_ms}; SET statement_timeout = '30s'; SET idle_in_transaction_session_timeout = '30s'"
)

_CONFLICTS = (psycopg.errors.UniqueViolation, psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)
_BROKEN = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedColumn,
    psycopg.errors.DataCorrupted,
    psycopg.errors.IndexCorrupted,
)
_FAULTS = (psycopg.IntegrityError, psycopg.DataError, psycopg.ProgrammingError)


class PostgresqlDatabase:
    """The ledger in a PostgreSQL database. Who finds a row locked waits `lock_timeout_s`, then gives up."""

    def __init__(self, url: URL, *, lock_timeout_s: float = 5.0) -> None:
        self.name = f"PostgreSQL database {url.database or ''} on {url.host or 'this machine'}"
        options = {name: value for name, value in _CONNECT.items() if name not in url.query}
        self.engine = create_engine(
            url.set(drivername="postgresql+psycopg"), poolclass=NullPool, connect_args=options, hide_parameters=True
        )
        event.listen(self.engine, "connect", self._set_up)
        self._session = _SESSION.format(lock_ms=round(lock_timeout_s * 1000))
        self._hidden = [text for text in (f'"{url.username}"', str(url.password or "")) if text]

    def prepare(self) -> None:
        """Nothing: an administrator makes the database."""

    def begin(self, connection: Connection, *, writes: bool) -> None:
        """Nothing to say: each statement sees what was committed before it, and row locks do the rest."""

    def relax(self, connection: Connection) -> None:
        """The server writes its log a moment later, by itself."""
        connection.exec_driver_sql("SET synchronous_commit = off")

    def lock_schema(self, connection: Connection) -> None:
        """Wait for whoever else is upgrading; freed when the transaction ends."""
        connection.execute(select(func.pg_advisory_xact_lock(_SCHEMA_LOCK)))

    def now_us(self, connection: Connection) -> int:
        """The database's clock as it is now, not as it was when the transaction began."""
        return int(connection.execute(_NOW_US).scalar_one())

    def listed(self, columns: Sequence[Column[Any]]) -> Subquery:
        """By `json_array_elements`."""
        row = func.json_array_elements(cast(bindparam("rows"), JSON)).table_valued("value")
        members = [row.c.value.op("->>")(literal_column(str(place))) for place in range(len(columns))]
        typed = [cast(each, column.type).label(column.name) for each, column in zip(members, columns, strict=True)]
        return select(*typed).subquery()

    def in_few_steps(self, read: Select[Any]) -> Select[Any]:
        """As it is: the answer comes as a whole."""
        return read

    def records(self, result: CursorResult[Any]) -> Sequence[Sequence[Any]]:
        """All of them."""
        return result.fetchall()

    def is_conflict(self, error: DBAPIError) -> bool:
        """Two replicas inserted the same row, or locked each other's."""
        return isinstance(error.orig, _CONFLICTS)

    def is_trouble(self, error: DBAPIError) -> bool:
        """Everything but what the statement's values or names are to blame for."""
        return not isinstance(error.orig, _FAULTS)

    def is_broken(self, error: DBAPIError) -> bool:
        """Damaged, or without the tables and columns that we know."""
        return isinstance(error.orig, _BROKEN)

    def words(self, error: DBAPIError) -> str:
        """The first line of what PostgreSQL said, without user and password; the lines after it hold rows' values."""
        said = str(error.orig).strip().partition("\n")[0] or type(error.orig).__name__
        for text in self._hidden:
            said = said.replace(text, "…")
        return said

    def _set_up(self, connection: psycopg.Connection, _record: object) -> None:
        connection.execute(self._session.encode())
        connection.commit()
