"""The Exchange stand-in as the bench sees it: started for one measurement, asked over HTTP what it has seen."""

import asyncio
import json
import secrets
import ssl
import sys
import urllib.request
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from tests.bench.programs import BenchStuck
from tests.bench.usage import usage_of
from worker.started import CODE

LATENCY_MS = 50.0
"""What a request to Exchange Online takes from nearby, at best."""
ASK_WITHIN_S = 60.0
START_WITHIN_S = 60.0

_START = "from tests.bench.exchange_process import main; main()"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When things happened, in seconds of the machine's monotonic clock."""

    arrived_at: Mapping[str, float]
    """By booking: when the first request with it was there."""
    written_at: Mapping[str, list[float]]
    """By booking: every time that it was written."""
    named_until: Mapping[str, float]
    """By room: until when it was last asked to be left alone."""

    @property
    def doubled(self) -> int:
        """Events beyond one for each booking."""
        return sum(len(times) - 1 for times in self.written_at.values())

    def first_writes(self, prefix: str = "") -> list[float]:
        """When each booking whose id begins like this was first written, in order."""
        return sorted(times[0] for booking, times in self.written_at.items() if booking.startswith(prefix))


@dataclass(slots=True, kw_only=True)
class Exchange:
    """A running stand-in."""

    process: Process
    url: str
    control_url: str
    ca_file: str
    password: str = field(repr=False)

    @property
    def cpu_s(self) -> float:
        """What it has used."""
        return usage_of(self.process.pid).cpu_s

    async def totals(self) -> Mapping[str, int]:
        """How many requests and written items there were."""
        totals: dict[str, int] = await self._ask("totals")
        return totals

    async def counts(self) -> dict[str, Any]:
        """Every figure that it keeps; costly with many rooms."""
        counts: dict[str, Any] = await self._ask("counts")
        return counts

    async def timing(self) -> Timing:
        """When each booking came and was written."""
        return Timing(**await self._ask("timing"))

    async def meet(self, fault: str, arguments: Mapping[str, object], room: str) -> None:
        """Let the room's next request meet a fault."""
        await self._ask("faults", {"fault": fault, "arguments": arguments, "room": room})

    async def refuse(self, share: float, kinds: list[dict[str, object]]) -> None:
        """Let a share of all requests from now on meet faults; 0: none any more."""
        await self._ask("faults", {"rate": share, "kinds": kinds, "seed": 1})

    async def _ask(self, page: str, posted: object | None = None) -> Any:  # noqa: ANN401 - whatever the page holds
        return await asyncio.to_thread(_fetch, f"{self.control_url}/{page}", self.ca_file, posted)


@asynccontextmanager
async def running_exchange(folder: Path, *, latency_ms: float = LATENCY_MS) -> AsyncIterator[Exchange]:
    """Run one meanwhile, with its certificate authority in the folder. Raises `BenchStuck`."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _START), cwd=CODE, stdin=PIPE, stdout=PIPE, start_new_session=True
    )
    assert process.stdin is not None
    password = secrets.token_urlsafe()
    try:
        wanted = {"folder": str(folder), "password": password, "latency_ms": latency_ms}
        process.stdin.write(json.dumps(wanted).encode() + b"\n")
        told = await _first_line(process)
        yield Exchange(process=process, password=password, **told)
    finally:
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), START_WITHIN_S)
        except TimeoutError:
            process.kill()
            await process.wait()


async def _first_line(process: Process) -> dict[str, str]:
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), START_WITHIN_S)
        told: dict[str, str] = json.loads(line)
    except (TimeoutError, ValueError):
        raise BenchStuck("The Exchange stand-in did not start.") from None
    return told


def _fetch(url: str, ca_file: str, posted: object | None) -> Any:  # noqa: ANN401
    body = None if posted is None else json.dumps(posted).encode()
    request = urllib.request.Request(url, body)  # noqa: S310 - an address of our own
    with _opener(ca_file).open(request, timeout=ASK_WITHIN_S) as answer:
        return json.load(answer)


@lru_cache
def _opener(ca_file: str) -> urllib.request.OpenerDirector:
    """One that takes no proxy, whatever the machine is set up for."""
    trusting = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca_file))
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), trusting)
