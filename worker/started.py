"""A program that the demo starts: deaf to the terminal's Ctrl-C, its output in a log, ended in order."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

STOP_WITHIN_S = 30.0
"""The worker drains for at most 25 s."""
TAIL_LINES = 15
CODE = Path(__file__).resolve().parents[1]
"""Where the program lies that started it: it runs the same."""

_START = "from worker.cli import main; main()"


def worker_command(config: Path) -> tuple[str, ...]:
    """The worker of this program, with a configuration."""
    return (sys.executable, "-c", _START, "worker", "--config", str(config))


class Started:
    """A started program whose output goes to a log."""

    def __init__(self, process: Process, log: Path) -> None:
        self._process = process
        self._log = log

    @classmethod
    async def start(
        cls, command: Sequence[str], *, folder: Path, environment: Mapping[str, str], log: Path
    ) -> "Started":
        """Start it in a folder, with these environment variables besides ours."""
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=folder,
                env=os.environ | dict(environment),
                stdin=DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        return cls(process, log)

    @property
    def pid(self) -> int:
        """Its process id, and its session's."""
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether it is no more."""
        return self._process.returncode is not None

    async def end(self) -> int:
        """Let it end in order, and kill it if it takes too long; returns its exit code."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_WITHIN_S):
                    await self._process.wait()
        finally:
            if not self.has_ended:
                self._process.kill()
        return await self._process.wait()

    def log_bytes(self) -> bytes:
        """Its log so far."""
        return self._log.read_bytes()

    def log_tail(self) -> str:
        """The last lines of its log, for an error message."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-TAIL_LINES:])
