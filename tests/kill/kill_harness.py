"""The workers that are there to be killed, as the tests see them: started, frozen, gone."""

import asyncio
import json
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from consumers.milestones import Milestone
from tests.kill.entry import FROZEN

REPOSITORY = Path(__file__).resolve().parents[2]
LOOK_S = 0.05
STARTED_WITHIN_S = 120
_TAIL_BYTES = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """Where a worker kills itself, or freezes until it is told to go on."""

    milestone: Milestone
    room: str
    booking: str
    freezes: bool


@dataclass(slots=True)
class HarnessWorker:
    """A worker's process. `code` is negative for the signal that killed it."""

    log: Path
    pid: int = 0
    code: int | None = None
    started: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; nothing where it has ended."""
        if not self.ended.is_set():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def consuming(self) -> None:
        """Return once it takes commands, or would if it were its turn."""
        await self._said("intake.consuming")

    async def frozen(self) -> None:
        """Return once it has frozen."""
        await self._said(FROZEN)

    async def _said(self, words: str) -> None:
        until_s = time.monotonic() + STARTED_WITHIN_S
        while words not in self.log.read_text():
            assert not self.ended.is_set(), self.tail
            assert time.monotonic() < until_s, await self.where_it_stands()
            await asyncio.sleep(LOOK_S)

    async def where_it_stands(self) -> str:
        """What it waits for, at the end of its log."""
        self.signal(signal.SIGUSR1)
        await asyncio.sleep(1)  # the last thing that is done with it; nothing tells when it has said all
        return self.tail

    @property
    def tail(self) -> str:
        """The end of its log, for a failing test."""
        return f"--- {self.log.name}, exit code {self.code}\n{self.log.read_text()[-_TAIL_BYTES:]}"


class KillHarness:
    """All workers; with `async with` none is left."""

    def __init__(self) -> None:
        self._process: Process
        self._reading: asyncio.Task[None]
        self._named: dict[str, HarnessWorker] = {}
        self._by_pid: dict[int, HarnessWorker] = {}

    @property
    def started_count(self) -> int:
        """How many workers there have been."""
        return len(self._named)

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.kill.entry"), cwd=REPOSITORY, stdin=PIPE, stdout=PIPE
        )
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()
        await self._reading

    async def start(
        self, config: Path, environment: Mapping[str, str], *, log: Path, strike: Strike | None
    ) -> HarnessWorker:
        """Start a worker."""
        assert self._process.stdin is not None
        log.touch()  # noqa: ASYNC240 - a local file
        worker = self._named[str(log)] = HarnessWorker(log)
        order = {
            "name": str(log),
            "config": str(config),
            "environment": dict(environment),
            "log": str(log),
            "strike": asdict(strike) if strike else None,
        }
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        async with asyncio.timeout(STARTED_WITHIN_S):
            await worker.started.wait()
        return worker

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self._take(json.loads(line))

    def _take(self, told: Mapping[str, object]) -> None:
        pid = int(str(told["pid"]))
        if "name" in told:
            worker = self._by_pid[pid] = self._named[str(told["name"])]
            worker.pid = pid
            worker.started.set()
        else:
            worker = self._by_pid[pid]
            worker.code = int(str(told["code"]))
            worker.ended.set()
