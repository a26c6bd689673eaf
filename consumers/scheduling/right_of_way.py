"""Lets single commands pass on their way to Exchange: what is not in such a hurry waits until none is there.

One for the process, since all that is in work shares its event loop (docs/decisions/0017).
"""

import asyncio
from contextlib import suppress

PATIENCE_S = 0.02
"""So long one step gives way at most: where single commands never end, large batches still go on."""


class RightOfWay:
    """Counts the commands on their way, from their receipt to their request."""

    def __init__(self) -> None:
        self._on_their_way = 0
        self._clear = asyncio.Event()
        self._clear.set()
        self._line = asyncio.Lock()

    def begin(self) -> None:
        """Somebody in a hurry is on the way."""
        self._on_their_way += 1
        self._clear.clear()

    def end(self) -> None:
        """That one has been let pass."""
        self._on_their_way -= 1
        if not self._on_their_way:
            self._clear.set()

    async def give(self) -> None:
        """Return once nobody is on the way, at the latest after `PATIENCE_S`; of those who wait one after the other."""
        # Each in a turn of its own: the event loop sees in between who else has come.
        async with self._line:
            if self._on_their_way:
                with suppress(TimeoutError):
                    async with asyncio.timeout(PATIENCE_S):
                        await self._clear.wait()
