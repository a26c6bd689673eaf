"""A ledger that is locked, full, unreachable or broken: nothing is begun, nothing is lost, and the operator is told."""

import asyncio
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import structlog
from sqlalchemy import event

from adapters.ledger import LedgerBroken, LedgerError, LedgerUnavailable
from adapters.sql import SqlLedger, open_ledger
from adapters.sql.opening import database_at
from adapters.sql.sqlite import SqliteDatabase
from consumers.scheduling.ledger_outage import LedgerOutage
from tests.dispatcher_harness import DispatcherHarness
from tests.room_harness import BOARD
from tests.waiting import turns, until

LOCKED, DAMAGED = LedgerUnavailable("locked"), LedgerBroken("the file is malformed")
HOLD_THE_LOCK = """
import sqlite3, sys
holder = sqlite3.connect(sys.argv[1], isolation_level=None)
holder.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


def ledger_events(logs: list[structlog.typing.EventDict]) -> list[str]:
    return [str(entry["event"]) for entry in logs if str(entry["event"]).startswith("ledger.")]


async def test_a_ledger_that_comes_back_costs_time_only_and_is_told_of_twice() -> None:
    harness = DispatcherHarness()
    harness.ledger.troubles.extend([LOCKED] * 4)
    with structlog.testing.capture_logs() as logs:
        for number in range(30):
            harness.put(f"B-{number}")
        harness.put("B-30", room="lobby@acme.example")
        await harness.idle()
    assert harness.session.kinds().count("ack") == 31
    assert ledger_events(logs) == ["ledger.unavailable", "ledger.available_again"]


async def test_while_the_ledger_is_away_nothing_is_begun_and_exchange_is_not_asked() -> None:
    harness = DispatcherHarness()
    harness.ledger.troubles.extend([LOCKED] * 10_000)
    harness.put("B-0")
    await turns(200)
    for number in range(10):
        harness.put("B-1", room=f"room-{number}@acme.example")
    await turns(200)
    assert harness.lanes.ledger.why == "locked"
    assert harness.calendar.requests == []
    assert harness.session.kinds() == []
    assert {in_work for _, (_, in_work) in harness.lanes.snapshot().items()} == {0, 1}
    harness.ledger.troubles.clear()
    await harness.idle()
    assert harness.session.kinds().count("ack") == 11


async def test_a_ledger_that_only_reads_is_tried_by_one_batch_at_a_time_and_ever_more_seldom() -> None:
    harness = DispatcherHarness()
    harness.ledger.read_only = LOCKED
    for number in range(5):
        harness.put("B-0", room=f"room-{number}@acme.example")
    await harness.until(lambda: harness.time.passed_s > 240)
    scans = len(harness.calendar.requests)
    assert scans <= 5 + 12, "each room's batch once, and then one try in half a minute"
    harness.ledger.read_only = None
    await harness.idle()
    assert harness.session.kinds().count("ack") == 5


async def test_after_four_minutes_what_is_in_hand_is_sent_away_uncounted() -> None:
    harness = DispatcherHarness()
    harness.ledger.troubles.extend([LOCKED] * 10_000)
    harness.put("B-0")
    await harness.until(lambda: harness.lanes.ledger.why is not None)
    harness.put("B-1")
    await harness.until(lambda: harness.time.passed_s > 250)
    harness.put("B-2")
    await harness.lanes.send_away_old()
    sent = harness.session.all_of("deferred")
    assert [message.headers["x-roomsync-error-code"] for message, _, _ in sent] == ["ledger_unavailable"] * 2
    assert {(message.headers["x-roomsync-attempts"], tier_s) for message, _, tier_s in sent} == {(0, 60)}
    harness.ledger.troubles.clear()
    await harness.idle()
    assert sorted(what for kind, what in harness.session.journal if kind == "ack") == ["B-0.1", "B-1.1", "B-2.1"]
    assert [kept.mark.booking_id for kept in harness.calendar.events[BOARD] if kept.mark] == ["B-2"]


async def test_with_nothing_in_hand_the_end_of_the_trouble_is_noticed_all_the_same() -> None:
    harness = DispatcherHarness()
    harness.lanes.ledger.met(LOCKED)
    harness.time.passed_s += 15
    harness.ledger.troubles.append(LOCKED)
    await harness.lanes.look_at_ledger(harness.ledger)
    assert harness.lanes.ledger.why == "locked"
    harness.time.passed_s += 15
    await harness.lanes.look_at_ledger(harness.ledger)
    assert harness.lanes.ledger.why is None


async def test_a_batch_that_was_through_with_the_ledger_before_proves_nothing() -> None:
    harness = DispatcherHarness()
    trouble = LedgerOutage(harness.time.monotonic)
    begun_s = harness.time.monotonic()
    harness.time.passed_s += 1
    trouble.met(LOCKED)
    trouble.passed(begun_s=begun_s)
    assert trouble.why == "locked"


async def test_stopping_gives_back_what_waits_for_the_ledger_without_waiting_itself() -> None:
    harness = DispatcherHarness()
    harness.ledger.troubles.extend([LOCKED] * 10_000)
    harness.put("B-0")
    await turns(20)
    harness.put("B-1")
    await asyncio.wait_for(harness.lanes.stop(20.0), 2)
    assert sorted(harness.session.journal) == [("requeue", "B-0.1"), ("requeue", "B-1.1")]


async def test_a_broken_ledger_ends_the_work_and_everything_is_given_back() -> None:
    harness = DispatcherHarness()
    harness.ledger.troubles.append(DAMAGED)
    with structlog.testing.capture_logs() as logs:
        harness.put("B-0")
        await asyncio.wait_for(harness.lanes.ledger.broken.wait(), 2)
        harness.put("B-1")
        harness.put("B-2", room="lobby@acme.example")
        await turns(200)
        await asyncio.wait_for(harness.lanes.stop(20.0), 2)
    assert harness.lanes.ledger.error is DAMAGED
    assert sorted(harness.session.journal) == [("requeue", f"B-{number}.1") for number in range(3)]
    assert harness.calendar.requests == []
    assert ledger_events(logs) == ["ledger.unavailable", "ledger.broken"]


async def test_a_change_that_the_ledger_refuses_costs_its_command_time_and_not_the_worker() -> None:
    harness = DispatcherHarness()
    harness.ledger.troubles.append(LedgerError("refused a change"))
    harness.put("B-0")
    await harness.idle()
    [(message, _, _)] = harness.session.all_of("deferred")
    assert message.headers["x-roomsync-error-code"] == "internal_error"
    assert harness.lanes.ledger.why is None


async def test_a_file_that_another_process_locks_holds_the_work_until_it_is_free(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    await (await open_ledger(f"sqlite:///{path}")).close()
    harness = DispatcherHarness(
        other_ledger=SqlLedger(SqliteDatabase(path, DispatcherHarness().time.now, busy_timeout_s=0.05))
    )
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLD_THE_LOCK, str(path), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert holder.stdout is not None
    assert await holder.stdout.readline() == b"held\n"
    harness.put("B-0")
    await until(lambda: harness.lanes.ledger.why is not None, within_s=20)
    assert "locked" in str(harness.lanes.ledger.why)
    await holder.communicate(b"")
    await until(lambda: not harness.lanes.snapshot(), within_s=20)
    assert harness.session.kinds() == ["result", "ack"]
    await harness.used_ledger.close()


async def test_a_full_disk_holds_the_work_until_there_is_room(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    await (await open_ledger(url)).close()
    database, full = database_at(url), True

    def keep_small(connection: sqlite3.Connection, _record: object) -> None:
        if full:
            connection.execute("PRAGMA max_page_count = 1")

    event.listen(database.engine, "connect", keep_small)
    harness = DispatcherHarness(other_ledger=SqlLedger(database))
    for number in range(200):
        harness.put(f"B-{number}")
    await until(lambda: harness.lanes.ledger.why is not None, within_s=20)
    assert "full" in str(harness.lanes.ledger.why)
    full = False
    await until(lambda: not harness.lanes.snapshot(), within_s=20)
    assert harness.session.kinds().count("ack") == 200
    assert len(harness.calendar.events[BOARD]) == 200
    await harness.used_ledger.close()


async def test_a_file_whose_content_is_destroyed_ends_the_work(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    harness = DispatcherHarness(other_ledger=await open_ledger(f"sqlite:///{path}"))
    harness.put("B-0")
    await until(lambda: not harness.lanes.snapshot(), within_s=20)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 60_000)
    harness.put("B-1")
    await asyncio.wait_for(harness.lanes.ledger.broken.wait(), 10)
    await asyncio.wait_for(harness.lanes.stop(20.0), 10)
    assert harness.session.kinds() == ["result", "ack", "requeue"]
    await harness.used_ledger.close()
