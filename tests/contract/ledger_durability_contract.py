"""What a ledger in a database does for several processes, and for those that are killed."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any, Protocol

import pytest

from adapters.calendar import BookingId
from adapters.ledger import Ledger
from tests.contract.ledger_harness import ACME, BOARD, LedgerHarness, WithLedgers, a_key, claimed, read

WORKER = """
import asyncio, json, sys
from adapters.ledger import ClaimRequest, LedgerRow, State
from adapters.sql import open_ledger
from tests.contract.ledger_harness import a_key

def say(what):
    print(json.dumps(what), flush=True)

async def main():
    say("here")
    for line in sys.stdin:
        command, *words = json.loads(line)
        if command == "open":
            ledger = await open_ledger(*words)
            say((await ledger.identity()).ledger_id)
        elif command == "claim":
            wishes = [ClaimRequest(row=LedgerRow(key=a_key(name)), version=1, state=State.WRITING) for name in words]
            rows = await asyncio.gather(*(ledger.claim([wish], for_s=90) for wish in wishes))
            say([name for name, [row] in zip(words, rows) if row is not None])

asyncio.run(main())
"""


class DatabaseWorld(LedgerHarness, Protocol):
    """A harness that other processes can open too."""

    url: str


class OtherProcess:
    """A worker in a process of its own; it does what it is told, a line at a time."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def tell(self, *words: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(words).encode() + b"\n")
        await self._process.stdin.drain()

    async def answer(self) -> Any:  # noqa: ANN401  whatever JSON it said
        assert self._process.stdout is not None
        async with asyncio.timeout(20):
            return json.loads(await self._process.stdout.readline())

    async def kill(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


@asynccontextmanager
async def other_process() -> AsyncIterator[OtherProcess]:
    process = OtherProcess(await asyncio.create_subprocess_exec(sys.executable, "-c", WORKER, stdin=PIPE, stdout=PIPE))
    try:
        assert await process.answer() == "here"
        yield process
    finally:
        await process.kill()


class DurabilityContract(WithLedgers):
    @pytest.fixture
    def url(self, harness: DatabaseWorld) -> str:
        return harness.url

    async def test_what_a_call_returned_outlives_kill_9(self, url: str, ledger: Ledger) -> None:
        names = [f"B-{number}" for number in range(40)]
        async with other_process() as process:
            await process.tell("open", url)
            await process.answer()
            await process.tell("claim", *names)
            assert await process.answer() == names
            await process.kill()
        rows = await ledger.rows(ACME, BOARD, [BookingId(name) for name in names])
        assert [row.claim is not None for row in rows] == [True] * 40

    async def test_a_killed_worker_s_claim_expires(self, harness: DatabaseWorld, ledger: Ledger) -> None:
        async with other_process() as process:
            await process.tell("open", harness.url)
            await process.answer()
            await process.tell("claim", "B-1")
            await process.answer()
        left = await read(ledger, a_key("B-1"))
        assert left is not None
        assert left.claim is not None
        assert left.claim.is_live
        await harness.elapse(timedelta(seconds=91))
        await claimed(ledger, left)

    async def test_processes_never_share_a_claim(self, url: str, ledger: Ledger) -> None:
        names = [f"B-{number}" for number in range(60)]
        async with other_process() as one, other_process() as two:
            for process in (one, two):
                await process.tell("open", url)
                await process.answer()
            await one.tell("claim", *names)
            await two.tell("claim", *reversed(names))
            assert sorted(await one.answer() + await two.answer()) == sorted(names)

    async def test_processes_that_make_a_new_ledger_at_once_make_the_same(self, harness: DatabaseWorld) -> None:
        async with other_process() as one, other_process() as two:
            await one.tell("open", harness.url)
            await two.tell("open", harness.url)
            assert await one.answer() == await two.answer()

    async def test_a_cancelled_caller_leaves_the_others_alone(self, ledger: Ledger) -> None:
        keys = [a_key() for _ in range(6)]
        calls = [asyncio.ensure_future(ledger.bar([(key, 1)])) for key in keys]
        await asyncio.sleep(0)
        calls[2].cancel()
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert isinstance(results.pop(2), asyncio.CancelledError)
        assert results == [None] * 5
        there = [await read(ledger, key) is not None for key in keys]
        assert there[:2] + there[3:] == [True] * 5

    async def test_closing_finishes_what_was_handed_in(self, harness: LedgerHarness, other: Ledger) -> None:
        ledger, keys = await harness.open(), [a_key() for _ in range(20)]
        calls = [asyncio.ensure_future(ledger.bar([(key, 1)])) for key in keys]
        await asyncio.sleep(0)
        await ledger.close()
        await asyncio.gather(*calls)
        assert len(await other.rows(ACME, BOARD, [key.booking_id for key in keys])) == 20
