"""Work that nobody waits for: kept until it is over, and heard when it fails."""

import asyncio
from collections.abc import Awaitable

from consumers.settlement.own_errors import Complaints


class Asides(set[asyncio.Future[None]]):
    """What is under way."""

    def __init__(self, complaints: Complaints) -> None:
        super().__init__()
        self._complaints = complaints

    def begin(self, work: Awaitable[None]) -> None:
        """Do it beside everything else."""
        task = asyncio.ensure_future(work)
        self.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Future[None]) -> None:
        self.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._complaints.tell("lane.aside_failed", error)
