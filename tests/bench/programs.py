"""Programs under measurement: started, awaited by a word in their log, and ended by their process ids."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.bench.usage import Usage, descendants_of, is_zombie, usage_of
from worker.started import STOP_WITHIN_S, Started

LOOK_EVERY_S = 0.005
READY_WITHIN_S = 90.0


class BenchStuck(Exception):
    """Something did not happen in its time; the text says what, with the last lines of the log of whoever was slow."""


class Program:
    """A program that is measured, with whatever it starts itself."""

    def __init__(self, started: Started) -> None:
        self.started = started
        self._began: set[int] = set()

    @classmethod
    async def start(
        cls, command: Sequence[str], *, folder: Path, environment: Mapping[str, str], log: Path, ready: str
    ) -> "Program":
        """Start it in a folder, with these environment variables besides ours, and wait for its word.

        Raises:
            BenchStuck: it ended, or did not say it in time.
        """
        program = cls(await Started.start(command, folder=folder, environment=environment, log=log))
        try:
            await program.says(ready, within_s=READY_WITHIN_S)
        except BaseException:
            # Whoever asked for it has nothing yet that could be stopped.
            await program.stop()
            raise
        return program

    async def says(self, word: str, *, within_s: float) -> None:
        """Return once its log holds the word. Raises `BenchStuck`."""
        found = word.encode()
        try:
            async with asyncio.timeout(within_s):
                while found not in await asyncio.to_thread(self.started.log_bytes):
                    self.must_run()
                    await asyncio.sleep(LOOK_EVERY_S)
        except TimeoutError:
            raise BenchStuck(f"It did not say {word!r} within {within_s:.0f} s:\n{self.started.log_tail()}") from None
        # Known now, because who ends first leaves the others without a parent.
        self._began.update(descendants_of(self.started.pid))

    def must_run(self) -> None:
        """Raises `BenchStuck` once it has ended."""
        if self.started.has_ended:
            raise BenchStuck(f"A program ended by itself:\n{self.started.log_tail()}")

    @property
    def usage(self) -> Usage:
        """What it and all that it started have used."""
        return usage_of(self.started.pid)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Meanwhile its process group stands still. Raises `BenchStuck` once it has ended."""
        self.must_run()
        os.killpg(self.started.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            with suppress(ProcessLookupError):
                os.killpg(self.started.pid, signal.SIGCONT)

    async def stop(self) -> None:
        """Let it end in order, and whatever it started too."""
        self._began.update(descendants_of(self.started.pid))
        try:
            await self.started.end()
        finally:
            await self._end_rest()

    async def _end_rest(self) -> None:
        """Kill what it started and left behind, and wait for its end, which nobody tells us."""
        until_s = time.monotonic() + STOP_WITHIN_S
        while (left := [pid for pid in self._began if self._is_ours(pid)]) and time.monotonic() < until_s:
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(LOOK_EVERY_S)

    def _is_ours(self, pid: int) -> bool:
        """Whether it still runs; its number may have gone to another program, which then is in another session."""
        try:
            return os.getsid(pid) == self.started.pid and not is_zombie(pid)
        except ProcessLookupError:
            return False
