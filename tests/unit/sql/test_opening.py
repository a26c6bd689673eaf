"""What urls mean, and what a ledger needs before it is used: its tables, neither older nor newer than the program."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from adapters.ledger import LedgerError, LedgerUnavailable
from adapters.sql import open_ledger, upgrading
from adapters.sql.opening import database_at
from adapters.sql.schema import bookings, metadata
from adapters.sql.upgrading import VERSION_TABLE

NOW_AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "var/ledger.db",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:x?uri=true",
        "sqlite://ann:hunter2@host/ledger.db",
        "sqlite+aiosqlite:///ledger.db",
        "mysql://ann:hunter2@host/ledger",
        "postgres://ann:hunter2@host/ledger",
        "postgresql+asyncpg://ann:hunter2@host/ledger",
        "postgresql://ann:hunter2@host:port/ledger",
    ],
)
async def test_any_other_url_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(LedgerError, match=r"ledger\.url") as caught:
        await open_ledger(url)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_postgresql_url_names_database_and_host_and_hides_the_rest() -> None:
    database = database_at("postgresql://ann:hunter2@db.acme.example/ledger")
    assert database.name == "PostgreSQL database ledger on db.acme.example"
    assert "hunter2" not in repr(database.engine)
    assert database.engine.dialect.driver == "psycopg"


async def test_the_tables_made_by_migrations_are_those_the_program_uses(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    await (await open_ledger(url)).close()
    with database_at(url).engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, metadata) == []
        checks = {check["name"] for check in inspect(connection).get_check_constraints(bookings.name)}
    assert checks == {"roomsync_bookings_state", "roomsync_bookings_tombstone", "roomsync_bookings_claim"}


async def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    first = await open_ledger(url, clock=lambda: NOW_AT)
    made = await first.next_generation()
    second = await open_ledger(url, clock=lambda: NOW_AT)
    assert await second.identity() == made
    await first.close()
    await second.close()


async def test_a_ledger_made_by_a_newer_version_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await (await open_ledger(f"sqlite:///{path}")).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")  # noqa: S608  a constant of ours
        connection.commit()
    with pytest.raises(LedgerError, match=r"newer roomsync \(tables 9999, this one knows \d+\)") as caught:
        await open_ledger(f"sqlite:///{path}")
    assert not isinstance(caught.value, LedgerUnavailable)


async def test_an_upgrade_that_was_cut_off_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE roomsync_ledger (somebody_else_s TEXT)")  # the migration's last table
    with pytest.raises(LedgerError, match="already exists"):
        await open_ledger(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall() == [
            ("roomsync_ledger",)
        ]


async def test_ledgers_may_be_opened_at_the_same_time(tmp_path: Path) -> None:
    urls = [f"sqlite:///{tmp_path}/{number % 3}.db" for number in range(9)]
    ledgers = await asyncio.gather(*(open_ledger(url) for url in urls))
    ids = [(await ledger.identity()).ledger_id for ledger in ledgers]
    assert len(set(ids)) == 3
    assert ids[:3] * 3 == ids
    for ledger in ledgers:
        await ledger.close()


async def test_every_connection_is_durable_at_each_commit(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    await (await open_ledger(url)).close()
    with database_at(url).engine.connect() as connection:
        pragmas = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("synchronous", "journal_mode")
        ]
    assert pragmas == [2, "wal"]


async def test_a_large_statement_makes_no_file_of_its_own(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    await (await open_ledger(url)).close()
    files = files_open_after_large_statements(url)
    assert any(name.endswith("ledger.db") for name in files)
    assert [name for name in files if "etilqs" in name] == []


def files_open_after_large_statements(url: str) -> list[str]:
    many_rooms = (
        "WITH RECURSIVE numbers(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers LIMIT 2000)"
        " INSERT INTO roomsync_rooms (tenant, room, scanned_us)"
        " SELECT ?, number || hex(zeroblob(400)), 0 FROM numbers"
    )
    with database_at(url).engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        for tenant in ("first", "second"):
            connection.exec_driver_sql(many_rooms, (tenant,))
        files = [str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
        connection.rollback()
    return files


def test_the_newest_version_is_the_one_that_the_migrations_lead_to() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(upgrading.__file__).parent / "migrations"))
    assert upgrading.newest() == ScriptDirectory.from_config(config).get_current_head()


async def test_a_library_too_old_for_the_statements_is_told_by_its_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 37, 2))
    monkeypatch.setattr(sqlite3, "sqlite_version", "3.37.2")
    with pytest.raises(LedgerError, match=r"needs SQLite 3\.38 or newer; this Python has 3\.37\.2"):
        await open_ledger(f"sqlite:///{tmp_path}/ledger.db")
