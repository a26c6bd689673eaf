"""Brings the tables up to date, inside the caller's transaction and under its lock.

Alembic is loaded only where something is to be done: that takes as long as all the rest of opening a ledger.
"""

from pathlib import Path

from sqlalchemy import Connection, column, inspect, select, table

VERSION_TABLE = "roomsync_schema"

_MIGRATIONS = Path(__file__).parent / "migrations"


def newest() -> str:
    """The newest version of the tables that this program knows: it leads the name of the last migration's file."""
    return max(file.stem for file in (_MIGRATIONS / "versions").glob("v*.py"))[1:].partition("_")[0]


def upgrade(connection: Connection, name: str) -> None:
    """Bring the tables to the newest version. Raises `LedgerError` where they are newer than this program."""
    found = _found(connection)
    if found != newest():
        from adapters.sql.migrating import migrate  # noqa: PLC0415 - see the module

        migrate(connection, name, _MIGRATIONS, found=found)


def _found(connection: Connection) -> str | None:
    """The version of the tables; None where there are none."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(select(column("version_num")).select_from(table(VERSION_TABLE))).scalar_one_or_none()
