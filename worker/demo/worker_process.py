"""The real worker as a process of its own, deaf to the terminal's Ctrl-C: whoever started it ends it in order."""

import asyncio
import json
import os
import signal
import sys
import urllib.request
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

STOP_WITHIN_S = 30.0
"""The worker drains for at most 25 s."""
HTTP_TIMEOUT_S = 3.0
LOG_TAIL_LINES = 15

_START = "from worker.cli import main; main()"
_CODE = Path(__file__).resolve().parents[2]
# Whatever proxy the machine is set up for: the worker is asked directly.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class WorkerProcess:
    """A started worker."""

    def __init__(self, process: Process, log: Path, http: str) -> None:
        self._process = process
        self._log = log
        self._http = http

    @classmethod
    async def start(cls, config: Path, secrets: Mapping[str, str], *, log: Path, http: str) -> "WorkerProcess":
        """Start it.

        Args:
            secrets: environment variables that the configuration names.
            http: where `[http] bind` says that it is asked.
        """
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", _START, "worker", "--config", str(config)),
                cwd=_CODE,
                env=os.environ | dict(secrets),
                stdin=DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        return cls(process, log, http)

    @property
    def has_ended(self) -> bool:
        """Whether it is no more."""
        return self._process.returncode is not None

    async def is_ready(self) -> bool:
        """Whether it takes commands."""
        answer = await self._ask("readyz")
        return bool(answer and answer["ready"])

    async def is_idle(self) -> bool:
        """Whether no room has anything waiting or in work."""
        answer = await self._ask("status")
        return answer is not None and not answer["lanes"]

    async def resting_rooms(self) -> dict[str, float]:
        """The rooms that Exchange asked to leave alone, with the seconds that remain."""
        answer = await self._ask("status") or {"tenants": {}}
        return {
            room: left_s for tenant in answer["tenants"].values() for room, left_s in tenant["throttled_rooms"].items()
        }

    async def _ask(self, page: str) -> dict[str, Any] | None:
        return await asyncio.to_thread(_get, f"http://{self._http}/{page}")

    async def stop(self) -> int:
        """Let it drain and end; returns its exit code."""
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

    def log_tail(self) -> str:
        """The last lines of its log, for an error message."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:])


def _get(url: str) -> dict[str, Any] | None:
    """What the worker answers, or None where it does not (not yet, or not in order)."""
    try:
        with _DIRECT.open(url, timeout=HTTP_TIMEOUT_S) as answer:
            told: dict[str, Any] = json.load(answer)
            return told
    except (OSError, ValueError):
        return None
