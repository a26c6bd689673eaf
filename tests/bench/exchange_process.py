"""The Exchange stand-in as a process of its own, so that its work is nobody else's; ends when its input does."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from adapters.simulator import Simulator

ACCOUNT = "svc-rooms@acme.example"
DOMAIN = "acme.example"


def main() -> None:
    """Read one line (JSON: folder, password, latency_ms), say one line (addresses), serve until the input ends."""
    asyncio.run(_serve(json.loads(sys.stdin.readline())))


async def _serve(wanted: dict[str, Any]) -> None:
    exchange = Simulator(
        {ACCOUNT: wanted["password"]},
        domains=[DOMAIN],
        latency_ms=wanted["latency_ms"],
        ca_directory=Path(wanted["folder"]),
        timing=True,
    )
    await exchange.start()
    told = {"url": exchange.url, "control_url": exchange.control_url, "ca_file": str(exchange.ca_file)}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    await exchange.stop()
