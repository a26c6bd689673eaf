"""Waiting for something that the simulator's state alone tells."""

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], object], *, within_s: float = 10) -> None:
    """Wait for a condition. Raises TimeoutError when it does not come about."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110  # state that nobody announces
            await asyncio.sleep(0.005)
