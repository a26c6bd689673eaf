"""Waiting for what may never come: for the first of several things, and longer from try to try."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator

RECONNECT_FIRST_S = 1.0
RECONNECT_LAST_S = 15.0
_ENDED_WITHIN_S = 5.0


async def first_completed(*things: Awaitable[object]) -> None:
    """Return once one of them is over, or raise what it raised; the others are cancelled, and given time to tidy up."""
    tasks = [asyncio.ensure_future(thing) for thing in things]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=_ENDED_WITHIN_S)
    for task in done:
        task.result()


def reconnect_delays_s(uniform: Callable[[float, float], float] = random.uniform) -> Iterator[float]:
    """Seconds before each try, without end: 1, 2, 4, 8, 15, 15 …, each with a fifth of jitter either way."""
    pause_s = RECONNECT_FIRST_S
    while True:
        yield pause_s * uniform(0.8, 1.2)
        pause_s = min(pause_s * 2, RECONNECT_LAST_S)
