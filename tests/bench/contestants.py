"""Who is measured: each can be given commands, started, and asked what still waits."""

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.bench.commands import Command
from tests.bench.exchange import Exchange
from tests.bench.programs import Program


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a contestant finds: a broker's virtual host of its own, an Exchange, and a folder."""

    amqp_url: str
    exchange: Exchange
    folder: Path


class Publishing(Protocol):
    """A connection that publishes a contestant's commands, confirmed."""

    published_at: dict[str, float]
    """By booking: the machine's monotonic clock just before it was published."""

    async def all(self, commands: Iterable[Command]) -> None:
        """Publish as fast as it goes, and return when every one is confirmed."""
        ...

    async def one(self, command: Command) -> None:
        """Hand one over to be published now; it may return before the confirm."""
        ...

    async def settle(self) -> None:
        """Return when all that was handed over is confirmed."""
        ...


class Contestant(Protocol):
    """A way from the queue into the calendar."""

    @property
    def name(self) -> str:
        """How the table calls it."""
        ...

    def publishing(self, place: Place) -> AbstractAsyncContextManager[Publishing]:
        """Connect, with the queues declared."""
        ...

    async def start(self, place: Place) -> Program:
        """Start consuming; returns once it does. Raises `BenchStuck`."""
        ...

    async def waiting_count(self, place: Place) -> int:
        """How many messages are in its queues, those in its hands left out."""
        ...
