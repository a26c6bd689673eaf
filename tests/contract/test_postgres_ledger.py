"""The ledger in PostgreSQL: the contract by the database's own clock, and what can happen to a connection."""

import asyncio
import secrets
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from sqlalchemy import make_url

from adapters.ledger import ClaimRequest, CompareAndSwap, Ledger, LedgerBroken, LedgerRow, LedgerUnavailable
from adapters.sql import SqlLedger, open_ledger
from adapters.sql.postgresql import PostgresqlDatabase
from tests.contract.ledger_contract import LedgerContract
from tests.contract.ledger_durability_contract import DurabilityContract
from tests.contract.ledger_harness import a_key, a_present_row, claimed, read, written
from tests.contract.story_contract import StoryContract
from tests.postgres import new_database


class PostgresWorld:
    """A new database. Its clock cannot be moved, so time passes by making everything in it older."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def open(self) -> Ledger:
        return await open_ledger(self.url, clock=lambda: datetime(1999, 12, 31, tzinfo=UTC))

    async def elapse(self, duration: timedelta) -> None:
        with psycopg.connect(self.url) as connection:
            connection.execute(
                "UPDATE roomsync_bookings SET recorded_us = recorded_us - %(us)s,"
                " claim_until_us = claim_until_us - %(us)s, event_ends_us = event_ends_us - %(us)s",
                {"us": duration // timedelta(microseconds=1)},
            )
            connection.execute(
                "UPDATE roomsync_breakers SET opened_us = opened_us - %(us)s, next_probe_us = next_probe_us - %(us)s",
                {"us": duration // timedelta(microseconds=1)},
            )


@pytest.fixture
def harness(postgres_url: str) -> Iterator[PostgresWorld]:
    with new_database(postgres_url, f"t{secrets.token_hex(4)}") as url:
        yield PostgresWorld(url)


class TestPostgresLedger(LedgerContract, DurabilityContract):
    """The contract."""


class TestPostgresStory(StoryContract):
    """The contract of stories."""


async def test_a_lost_connection_is_replaced_by_the_next_call(harness: PostgresWorld) -> None:
    ledger = await harness.open()
    row = await written(ledger, a_present_row(a_key()))
    await read(ledger, row.key)
    with psycopg.connect(harness.url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'roomsync' AND datname = current_database()"
        )
    with pytest.raises(LedgerUnavailable):
        await ledger.bar([(row.key, 3)])
    with pytest.raises(LedgerUnavailable):
        await read(ledger, row.key)
    assert await read(ledger, row.key) == row
    await ledger.bar([(row.key, 3)])
    await ledger.close()


async def test_a_row_locked_for_too_long_is_unavailable(harness: PostgresWorld) -> None:
    await (await harness.open()).close()
    ledger = SqlLedger(PostgresqlDatabase(make_url(harness.url), lock_timeout_s=0.1))
    row = await written(ledger, a_present_row(a_key()))
    with psycopg.connect(harness.url) as holder:
        holder.execute("SELECT * FROM roomsync_bookings FOR UPDATE")
        with pytest.raises(LedgerUnavailable, match="lock timeout"):
            await ledger.bar([(row.key, 3)])
    assert await read(ledger, row.key) == row
    await ledger.close()


async def test_a_ledger_without_its_tables_is_broken(harness: PostgresWorld) -> None:
    ledger = await harness.open()
    with psycopg.connect(harness.url, autocommit=True) as connection:
        connection.execute("DROP TABLE roomsync_bookings")
    with pytest.raises(LedgerBroken, match="does not exist"):
        await ledger.identity()
    await ledger.close()


async def test_a_row_that_changes_while_a_claim_waits_for_it_is_not_claimed(harness: PostgresWorld) -> None:
    ledger = await harness.open()
    row = await written(ledger, a_present_row(a_key()))
    with psycopg.connect(harness.url) as holder, psycopg.connect(harness.url, autocommit=True) as watcher:
        holder.execute("UPDATE roomsync_bookings SET version = 5")
        claim = asyncio.ensure_future(ledger.claim([ClaimRequest(row=row, version=2)], for_s=90))
        async with asyncio.timeout(4):
            while not watcher.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchall():  # noqa: ASYNC110
                await asyncio.sleep(0.01)  # PostgreSQL tells nobody that somebody waits
        holder.commit()
    assert await claim == [None]
    assert await read(ledger, row.key) == replace(row, version=5)
    await ledger.close()


async def test_transactions_that_meet_are_done_again(harness: PostgresWorld) -> None:
    one, two = await harness.open(), await harness.open()
    for _ in range(10):
        rows = [a_present_row(a_key()) for _ in range(10)]
        first = one.swap([CompareAndSwap(before=None, after=row) for row in rows])
        second = two.swap([CompareAndSwap(before=None, after=row) for row in reversed(rows)])
        done = await asyncio.gather(first, second)
        assert [a + b for a, b in zip(done[0], reversed(done[1]), strict=True)] == [1] * 10
    await one.close()
    await two.close()


async def test_a_claim_is_told_by_the_database_s_clock(harness: PostgresWorld) -> None:
    ledger = await harness.open()
    mine = await claimed(ledger, LedgerRow(key=a_key()))
    with psycopg.connect(harness.url) as connection:
        [left_s] = connection.execute(
            "SELECT claim_until_us / 1e6 - extract(epoch FROM clock_timestamp()) FROM roomsync_bookings"
        ).fetchall()[0]
    assert mine.claim is not None
    assert abs(float(left_s) - mine.claim.remaining_s) < 2
    await ledger.close()


async def test_a_server_that_is_not_there_is_unavailable_and_the_password_stays_secret() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: nobody else can answer there
        port = unused.getsockname()[1]
        with pytest.raises(LedgerUnavailable) as caught:
            await open_ledger(f"postgresql://carol:hunter2@127.0.0.1:{port}/ledger")
    assert "127.0.0.1" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "carol" not in str(caught.value)
    assert caught.value.__suppress_context__
