"""The ledger of a running worker is locked by somebody else, or destroyed: nothing is lost, and the reason is told."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from adapters.rabbitmq.node import BrokerNode
from tests.builders import a_command
from tests.program_harness import ProgramHarness

pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]


@pytest_asyncio.fixture
async def harness(broker: BrokerNode, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ProgramHarness]:
    """A worker runs, and has synced a booking."""
    async with ProgramHarness(tmp_path_factory.mktemp("ledger-trouble"), broker.url) as harness:
        await harness.worker()
        await harness.sync(a_command())
        yield harness


async def readyz(harness: ProgramHarness) -> tuple[int, dict[str, Any]]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{harness.http['roomsync.toml']}/readyz") as answer,
    ):
        return answer.status, await answer.json()


async def test_a_locked_ledger_holds_the_commands_until_it_is_free(harness: ProgramHarness) -> None:
    [worker] = harness.running
    rooms = [f"room-{number}@acme.example" for number in range(5)]
    with closing(sqlite3.connect(harness.folder / "ledger.db", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        sent = [await harness.send(a_command(room=room)) for room in rooms]
        await harness.until(lambda: bool(worker.events("ledger.unavailable")), "the trouble")
        code, ready = await readyz(harness)
    results = [await harness.results.only(message_id, within_s=60) for message_id in sent]
    assert (code, ready["ready"], "locked" in " ".join(ready["obstacles"])) == (503, False, True)
    assert {result["outcome"] for result in results} == {"synced"}
    assert [len(harness.exchange.calendar(room)) for room in rooms] == [1] * 5
    await harness.until(lambda: bool(worker.events("ledger.available_again")), "the end of the trouble")
    assert len(worker.events("ledger.unavailable")) == 1
    assert (await readyz(harness))[0] == 200


async def test_a_destroyed_ledger_ends_the_worker_and_every_command_stays_in_its_queue(harness: ProgramHarness) -> None:
    [worker] = harness.running
    file = harness.folder / "ledger.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    file.write_bytes(file.read_bytes()[:4096] + b"\xff" * 60_000)
    for version in range(2, 7):
        await harness.send(a_command(version=version))
    assert await worker.ended(40) == 1
    assert "malformed" in worker.said
    assert len(worker.events("ledger.broken")) == 1
    assert "Traceback" not in worker.said
    assert await harness.waiting() == 5
    assert len(harness.exchange.calendar("board@acme.example")) == 1
