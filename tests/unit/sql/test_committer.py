"""Group commit: who shares a transaction, who fails alone, and what happens when the commit takes its time."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import event

from adapters.calendar import BookingId, RoomAddress, TenantName
from adapters.ledger import BookingKey, ClaimRequest, LedgerError, LedgerRow, LedgerUnavailable
from adapters.sql import SqlLedger, open_ledger
from adapters.sql.committer import Committer, Work
from adapters.sql.opening import database_at
from adapters.sql.transaction import Transaction

KEY = BookingKey(tenant=TenantName("acme"), room=RoomAddress("board@acme.example"), booking_id=BookingId("B-1"))


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SqlLedger]:
    ledger = await open_ledger(f"sqlite:///{tmp_path}/ledger.db")
    yield ledger
    await ledger.close()


@pytest.fixture
async def committer(ledger: SqlLedger) -> AsyncIterator[Committer]:
    committer = Committer(ledger._database, writes=True)
    yield committer
    await committer.close()


async def test_what_is_handed_in_while_a_transaction_runs_shares_the_next_one(ledger: SqlLedger) -> None:
    commits: list[object] = []
    event.listen(ledger._database.engine, "commit", commits.append)
    may_go_on = threading.Event()
    first = asyncio.ensure_future(ledger._writer.do(Work(lambda _: may_go_on.wait(10))))
    await asyncio.sleep(0)
    calls = [asyncio.ensure_future(ledger.bar([(KEY, version)])) for version in range(1, 101)]
    await asyncio.sleep(0)
    may_go_on.set()
    assert await first
    await asyncio.gather(*calls)
    assert len(commits) <= 3  # the first call's, and what had gathered behind it


async def test_nobody_is_answered_before_the_commit(ledger: SqlLedger) -> None:
    answered_before_commit: list[bool] = []
    call: list[asyncio.Future[None]] = []
    event.listen(ledger._database.engine, "commit", lambda _: answered_before_commit.append(call[0].done()))
    call.append(asyncio.ensure_future(ledger.bar([(KEY, 1)])))
    await call[0]
    assert answered_before_commit == [False]


async def test_a_slow_commit_shortens_the_claim_that_it_returns(ledger: SqlLedger) -> None:
    event.listen(ledger._database.engine, "commit", lambda _: time.sleep(0.2))  # a slow disk
    [mine] = await ledger.claim([ClaimRequest(row=LedgerRow(key=KEY), version=1)], for_s=90)
    assert mine is not None
    assert mine.claim is not None
    assert mine.claim.remaining_s <= 89.8


async def test_work_that_fails_by_its_own_fault_fails_alone(committer: Committer) -> None:
    def fail(_transaction: Transaction) -> None:
        raise KeyError("a mistake")

    works = [Work(fail if number == 2 else (lambda _: None)) for number in range(5)]
    results = await asyncio.gather(*(committer.do(work) for work in works), return_exceptions=True)
    assert [type(result) for result in results] == [type(None), type(None), KeyError, type(None), type(None)]
    assert await committer.do(Work(lambda _: "still there")) == "still there"


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(LedgerRow(key=KEY, version=2**70), id="a version beyond 64 bits"),
        pytest.param(LedgerRow(key=KEY, backend="\ud800"), id="half a character"),
        pytest.param(LedgerRow(key=KEY, backend="e\0ws"), id="a text that would be cut"),
    ],
)
async def test_what_a_database_cannot_hold_is_refused_without_its_values(ledger: SqlLedger, row: LedgerRow) -> None:
    def put(transaction: Transaction) -> None:
        transaction.put(row)

    with pytest.raises(LedgerError, match="refused a change") as caught:
        await ledger._writer.do(Work(put, keys=[KEY]))
    assert not isinstance(caught.value, LedgerUnavailable)
    assert str(2**70) not in str(caught.value)


async def test_a_cancelled_call_that_has_not_begun_is_not_carried_out(ledger: SqlLedger) -> None:
    has_begun, may_go_on = threading.Event(), threading.Event()

    def wait(_transaction: Transaction) -> bool:
        has_begun.set()
        return may_go_on.wait(10)

    first = asyncio.ensure_future(ledger._writer.do(Work(wait)))
    assert await asyncio.to_thread(has_begun.wait, 10)
    second = asyncio.ensure_future(ledger.bar([(KEY, 1)]))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.sleep(0)
    may_go_on.set()
    await first
    await ledger.bar([])
    assert await ledger.rows(KEY.tenant, KEY.room, [KEY.booking_id]) == []


async def test_a_closed_ledger_says_so_and_closing_twice_is_harmless(tmp_path: Path) -> None:
    ledger = await open_ledger(f"sqlite:///{tmp_path}/closed.db")
    await ledger.close()
    await ledger.close()
    with pytest.raises(LedgerUnavailable, match="closed"):
        await ledger.bar([(KEY, 1)])


async def test_a_file_that_went_away_is_unavailable(tmp_path: Path) -> None:
    committer = Committer(database_at(f"sqlite:///{tmp_path}/nowhere/ledger.db"), writes=True)
    with pytest.raises(LedgerUnavailable, match="unable to open database file"):
        await committer.do(Work(lambda _: None))
    await committer.close()
