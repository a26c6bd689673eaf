"""Runs the real console program as a subprocess; its output goes to a file, which a failing test shows."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOMSYNC = Path(sys.executable).with_name("roomsync")
_SHOWN_BYTES = 6000


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Both streams."""
        return self.out + self.err

    def json(self) -> Any:  # noqa: ANN401 - whatever the command prints
        return json.loads(self.out)


async def run_roomsync(*arguments: str, environment: Mapping[str, str], stdin: bytes = b"") -> Finished:
    """Run a command to its end, at most a minute."""
    process = await asyncio.create_subprocess_exec(
        ROOMSYNC,
        *arguments,
        env=_environment(environment),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(stdin), 60)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return Finished(process.returncode, out.decode(), err.decode())


class Program:
    """A command that keeps running, such as the worker. Ended by its process id."""

    def __init__(self, process: asyncio.subprocess.Process, output: Path) -> None:
        self._process = process
        self._output = output

    @classmethod
    async def start(
        cls, *arguments: str, environment: Mapping[str, str], output: Path, command: Sequence[str] = (str(ROOMSYNC),)
    ) -> "Program":
        with output.open("ab") as file:
            process = await asyncio.create_subprocess_exec(
                *command,
                *arguments,
                env=_environment(environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )
        return cls(process, output)

    @property
    def code(self) -> int | None:
        """The exit code, None while it runs."""
        return self._process.returncode

    @property
    def said(self) -> str:
        """All output so far."""
        return self._output.read_text()

    @property
    def tail(self) -> str:
        """The end of the output, for a failing test."""
        return f"--- {self._output.name}, exit code {self.code}\n{self.said[-_SHOWN_BYTES:]}"

    def events(self, name: str) -> list[dict[str, Any]]:
        """The log lines of one event."""
        lines = [json.loads(line) for line in self.said.splitlines() if line.startswith("{")]
        return [line for line in lines if line.get("event") == name]

    def signal(self, number: signal.Signals) -> None:
        if self.code is None:
            self._process.send_signal(number)

    async def ended(self, within_s: float) -> int:
        """Wait for its end and return the exit code."""
        try:
            return await asyncio.wait_for(self._process.wait(), within_s)
        except TimeoutError:
            raise AssertionError(f"it did not end within {within_s} s\n{self.tail}") from None

    async def end(self) -> None:
        """End it whatever it does; fine when it has ended."""
        if self.code is None:
            self._process.kill()
            await self._process.wait()


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Ours without what would point the program elsewhere; wide enough for tables to be read."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ROOMSYNC_")}
    return kept | {"COLUMNS": "200"} | dict(extra)
