"""The ledger in an SQLite file: the contract, and what can happen to a file."""

import sqlite3
import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event

from adapters.ledger import Ledger, LedgerBroken, LedgerError, LedgerUnavailable
from adapters.sql import SqlLedger, open_ledger
from adapters.sql.sqlite import SqliteDatabase
from tests.contract.ledger_contract import LedgerContract
from tests.contract.ledger_durability_contract import DurabilityContract
from tests.contract.ledger_harness import MovableClock, a_key, a_present_row, read, written
from tests.contract.story_contract import StoryContract


class SqliteWorld:
    """A file in a folder that is yet to be made."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "var" / "ledger.db"
        self.url = f"sqlite:///{self.path}"
        self.clock = MovableClock()

    async def open(self) -> Ledger:
        return await open_ledger(self.url, clock=self.clock)

    async def elapse(self, duration: timedelta) -> None:
        self.clock.ahead += duration


@pytest.fixture
def harness(tmp_path: Path) -> SqliteWorld:
    return SqliteWorld(tmp_path)


class TestSqliteLedger(LedgerContract, DurabilityContract):
    """The contract."""


class TestSqliteStory(StoryContract):
    """The contract of stories."""


async def test_the_file_is_its_owner_s_alone(harness: SqliteWorld) -> None:
    ledger = await harness.open()
    await written(ledger, a_present_row(a_key()))
    modes = {path.name: path.stat().st_mode & 0o777 for path in harness.path.parent.iterdir()}
    await ledger.close()
    assert modes == {"ledger.db": 0o600, "ledger.db-wal": 0o600, "ledger.db-shm": 0o600}


async def test_a_path_without_a_slash_is_relative_to_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    await (await open_ledger("sqlite:///var/ledger.db")).close()
    assert (tmp_path / "var" / "ledger.db").is_file()


async def test_a_file_locked_by_another_process_is_unavailable_until_it_is_free(harness: SqliteWorld) -> None:
    await (await harness.open()).close()
    ledger = SqlLedger(SqliteDatabase(harness.path, harness.clock, busy_timeout_s=0.1))
    row = await written(ledger, a_present_row(a_key()))
    with closing(sqlite3.connect(harness.path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerUnavailable, match="locked"):
            await written(ledger, a_present_row(a_key()))
        assert await read(ledger, row.key) == row
    await written(ledger, a_present_row(a_key()))
    await ledger.close()


async def test_a_full_disk_commits_nothing_and_the_ledger_goes_on_when_there_is_room(harness: SqliteWorld) -> None:
    await (await harness.open()).close()
    database = SqliteDatabase(harness.path, harness.clock)
    full = True

    def keep_small(connection: sqlite3.Connection, _record: object) -> None:
        if full:
            connection.execute("PRAGMA max_page_count = 30")

    event.listen(database.engine, "connect", keep_small)
    ledger = SqlLedger(database)
    small, big = a_present_row(a_key()), a_present_row(a_key(), snapshot="x" * 200_000)
    await written(ledger, small)
    with pytest.raises(LedgerUnavailable, match="full"):
        await written(ledger, big)
    assert await read(ledger, big.key) is None
    assert await read(ledger, small.key) == small
    with pytest.raises(LedgerUnavailable, match="full"):
        await written(ledger, big)
    full = False  # the next connection finds room; whoever got an error has left the old one
    await written(ledger, big)
    assert await read(ledger, big.key) == big
    await ledger.close()


async def test_a_locked_or_destroyed_file_does_not_pass_the_check(harness: SqliteWorld) -> None:
    await (await harness.open()).close()
    ledger = SqlLedger(SqliteDatabase(harness.path, harness.clock, busy_timeout_s=0.1))
    with closing(sqlite3.connect(harness.path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerUnavailable, match="locked"):
            await ledger.check()
    for file in harness.path.parent.iterdir():
        file.write_bytes(b"minutes of the board\n" * 1000)
    with pytest.raises(LedgerBroken, match="not a database"):
        await ledger.check()
    await ledger.close()


async def test_a_file_that_is_damaged_while_it_is_used_is_broken(harness: SqliteWorld) -> None:
    ledger = await harness.open()
    row = await written(ledger, a_present_row(a_key()))
    with closing(sqlite3.connect(harness.path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    harness.path.write_bytes(harness.path.read_bytes()[:4096] + b"\xff" * 60_000)
    with pytest.raises(LedgerBroken, match="malformed"):
        await read(ledger, row.key)
    with pytest.raises(LedgerBroken, match="malformed"):
        await ledger.bar([(row.key, 3)])
    await ledger.close()


async def test_a_ledger_without_its_tables_is_broken(harness: SqliteWorld) -> None:
    ledger = await harness.open()
    with closing(sqlite3.connect(harness.path, isolation_level=None)) as connection:
        connection.execute("DROP TABLE roomsync_bookings")
    with pytest.raises(LedgerBroken, match="no such table"):
        await ledger.identity()
    await ledger.close()


async def test_a_file_that_is_no_database_is_refused_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"minutes of the board\n" * 100)
    with pytest.raises(LedgerError, match=r"no SQLite database.*name another file"):
        await open_ledger(f"sqlite:///{path}")
    assert path.read_bytes().startswith(b"minutes")


async def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="cannot be opened for writing"):
        await open_ledger(f"sqlite:///{tmp_path}")


async def test_opening_a_new_file_waits_for_whoever_is_making_it(harness: SqliteWorld) -> None:
    harness.path.parent.mkdir()
    with closing(sqlite3.connect(harness.path, isolation_level=None, check_same_thread=False)) as maker:
        maker.execute("CREATE TABLE something (of_its_own)")
        maker.execute("BEGIN")
        maker.execute("SELECT * FROM something")  # with a reader there, SQLite refuses WAL at once, timeout or not
        threading.Timer(0.1, maker.close).start()
        await (await harness.open()).close()


async def test_a_file_that_is_locked_for_too_long_cannot_be_opened(harness: SqliteWorld) -> None:
    await (await harness.open()).close()
    with closing(sqlite3.connect(harness.path, isolation_level=None)) as holder:
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(LedgerUnavailable):
            SqliteDatabase(harness.path, harness.clock, busy_timeout_s=0.1).prepare()
