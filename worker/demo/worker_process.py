"""The real worker as a process of its own, asked over HTTP how it is getting on."""

import asyncio
import json
import urllib.request
from dataclasses import dataclass
from typing import Any

from worker.started import Started

HTTP_TIMEOUT_S = 3.0

# Whatever proxy the machine is set up for: the worker is asked directly.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class WorkerProcess:
    """A started worker, asked at the address that `[http] bind` names."""

    started: Started
    http: str

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
        return await asyncio.to_thread(_get, f"http://{self.http}/{page}")


def _get(url: str) -> dict[str, Any] | None:
    """What the worker answers, or None where it does not (not yet, or not in order)."""
    try:
        with _DIRECT.open(url, timeout=HTTP_TIMEOUT_S) as answer:
            told: dict[str, Any] = json.load(answer)
            return told
    except (OSError, ValueError):
        return None
