"""From a url to a ledger that is ready: made where missing, brought up to date, refused where it is too new."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from adapters.ledger import LedgerError
from adapters.sql import overview
from adapters.sql.audit import SqlAudit
from adapters.sql.committer import Committed, as_ledger_error
from adapters.sql.database import Database
from adapters.sql.ledger import SqlLedger
from adapters.sql.sqlite import SqliteDatabase, host_clock
from adapters.sql.upgrading import upgrade


async def open_ledger(
    url: str, *, clock: Callable[[], datetime] = host_clock, committed: Committed = lambda _seconds: None
) -> SqlLedger:
    """Open the ledger at `url` and bring its tables up to date, one process at a time.

    Args:
        url: `sqlite:///var/ledger.db` (relative to the working directory), `sqlite:////absolute/ledger.db`, or
            `postgresql://user:password@host/database`.
        clock: the ledger's time on SQLite; PostgreSQL uses its own.
        committed: told of each transaction that writes.

    Raises:
        LedgerUnavailable: the database does not answer, or stays locked.
        LedgerError: the url, the file or the version of its tables cannot be used.
    """
    database = database_at(url, clock=clock)
    await asyncio.to_thread(_make_ready, database)
    return SqlLedger(database, committed=committed)


async def open_audit(url: str) -> SqlAudit:
    """Open the audit that lies beside the ledger at `url`. Raises like `open_ledger`."""
    database = database_at(url)
    await asyncio.to_thread(_make_ready, database)
    return SqlAudit(database)


def database_at(url: str, *, clock: Callable[[], datetime] = host_clock) -> Database:
    """The database that the url names; nothing is opened yet. Raises `LedgerError`, which never repeats the url."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise LedgerError("ledger.url is no database url.") from None  # make_url's own words may hold the password
    match parsed.drivername:
        case "sqlite":
            return SqliteDatabase(_file_of(parsed), clock)
        case "postgresql":
            from adapters.sql.postgresql import PostgresqlDatabase  # noqa: PLC0415 - SQLite need not load its client

            return PostgresqlDatabase(parsed)
        case _:
            raise LedgerError("ledger.url begins neither with sqlite:/// nor with postgresql://.")


def _file_of(url: URL) -> Path:
    if not url.database or url.database.startswith((":memory:", "file:")) or url.query or url.host:
        raise LedgerError("ledger.url for SQLite is sqlite:/// and the path of a file, nothing else.")
    return Path(url.database)


def _make_ready(database: Database) -> None:
    database.prepare()
    try:
        with database.engine.connect() as connection, connection.begin():
            database.begin(connection, writes=True)
            database.lock_schema(connection)
            upgrade(connection, database.name)
            overview.found(connection, database.now_us(connection))
    except DBAPIError as error:
        raise as_ledger_error(database, error) from None  # its text may hold credentials
