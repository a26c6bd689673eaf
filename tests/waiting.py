"""Waiting for what nothing but its state tells."""

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], object], *, within_s: float = 10) -> None:
    """Wait for a condition. Raises TimeoutError when it does not come about."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110  # state that nobody announces
            await asyncio.sleep(0.005)


async def turns(count: int = 50) -> None:
    """Let so many turns of the event loop pass: whatever waits for nobody has come to its end."""
    for _ in range(count):
        await asyncio.sleep(0)
