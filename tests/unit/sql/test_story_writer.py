"""When a story is written, and what trouble with it costs: never anything but the story."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import event
from structlog.testing import capture_logs

from adapters.sql import SqlLedger, open_ledger
from adapters.sql import story as sql_story
from tests.contract.ledger_harness import a_key, a_present_row, read, written
from tests.contract.story_contract import an_entry

KEY = a_key("B-1")


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SqlLedger]:
    ledger = await open_ledger(f"sqlite:///{tmp_path}/ledger.db")
    yield ledger
    await ledger.close()


def kept(folder: Path) -> int:
    with sqlite3.connect(folder / "ledger.db") as connection:
        return int(connection.execute("SELECT count(*) FROM roomsync_story").fetchone()[0])


async def test_many_entries_share_a_transaction(ledger: SqlLedger) -> None:
    statements: list[str] = []
    event.listen(
        ledger._database.engine, "before_cursor_execute", lambda _connection, _cursor, said, *_: statements.append(said)
    )
    ledger.note(*(an_entry(KEY, version=number) for number in range(1, 401)))
    assert len(await ledger.story(None, KEY.booking_id)) == 400
    assert len([said for said in statements if said.startswith("INSERT")]) == 1


async def test_a_story_is_written_although_nobody_commits_anything(ledger: SqlLedger, tmp_path: Path) -> None:
    ledger.note(an_entry(KEY))
    coming_by = ledger._coming_by
    assert coming_by is not None
    await coming_by
    await ledger.check()
    assert kept(tmp_path) == 1


async def test_a_table_that_is_gone_costs_no_command_its_row(ledger: SqlLedger, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        connection.execute("ALTER TABLE roomsync_story RENAME TO hidden")
    with capture_logs() as logs:
        for number in range(3):
            ledger.note(an_entry(KEY, version=number))
            ledger._story.hasten()
            row = await written(ledger, a_present_row(a_key()))
            assert await read(ledger, row.key) == row
    assert [log["event"] for log in logs] == ["story.not_kept"]


async def test_what_could_not_be_written_is_written_once_the_trouble_is_over(ledger: SqlLedger, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        connection.execute("ALTER TABLE roomsync_story RENAME TO hidden")
    ledger.note(an_entry(KEY, version=1), an_entry(KEY, version=3))
    await written(ledger, a_present_row(a_key()))
    await ledger.check()
    ledger.note(an_entry(KEY, version=2))
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        connection.execute("ALTER TABLE hidden RENAME TO roomsync_story")
    assert [entry.version for entry in await ledger.story(None, KEY.booking_id)] == [1, 3, 2]


async def test_a_long_trouble_fills_no_memory(ledger: SqlLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_story, "WAITING_MAX", 5)
    with capture_logs() as logs:
        for number in range(1, 9):
            ledger._story.take([an_entry(KEY, version=number)])
    assert [entry.version for entry in await ledger.story(None, KEY.booking_id)] == [1, 2, 3, 4, 5]
    assert [log["event"] for log in logs] == ["story.not_kept"]


async def test_old_entries_go_in_several_transactions(ledger: SqlLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_story, "EXPIRED_AT_ONCE", 2)
    ledger.note(*(an_entry(KEY, ago_s=90 * 86_400) for _ in range(5)))
    assert len(await ledger.story(None, KEY.booking_id)) == 5
    assert await ledger.expire_story(keep_days=30) == 5
