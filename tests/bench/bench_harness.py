"""The harness: one private broker, and for each measurement an Exchange and a virtual host of its own."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from adapters.rabbitmq.node import BrokerNode
from tests.bench.contestants import Contestant, Place, Publishing
from tests.bench.exchange import Exchange, Timing, running_exchange
from tests.bench.programs import BenchStuck, Program

LOOK_EVERY_S = 0.1
LOOK_AT_QUEUES_S = 0.5
AFTERWARDS_S = 2.0
"""What a contestant writes twice comes soon after the end, if it comes."""


@dataclass(slots=True, kw_only=True)
class Measurement:
    """A contestant with all that it needs, not started yet."""

    contestant: Contestant
    place: Place
    publishing: Publishing
    _programs: AsyncExitStack

    @property
    def exchange(self) -> Exchange:
        """Where it writes."""
        return self.place.exchange

    async def start(self) -> Program:
        """Start the contestant; returns once it consumes. It is ended with the measurement."""
        program = await self.contestant.start(self.place)
        self._programs.push_async_callback(program.stop)
        return program

    async def until_written(self, count: int, program: Program, *, within_s: float) -> None:
        """Wait until so many items are written. Raises `BenchStuck`."""
        try:
            async with asyncio.timeout(within_s):
                while (await self.exchange.totals())["applied"] < count:
                    program.must_run()
                    await asyncio.sleep(LOOK_EVERY_S)
        except TimeoutError:
            written = (await self.exchange.totals())["applied"]
            trouble = f"{self.contestant.name} wrote {written} of {count} within {within_s:.0f} s."
            raise BenchStuck(f"{trouble} Its last words:\n{program.started.log_tail()}") from None

    async def afterwards(self, *, within_s: float = 60.0) -> Timing:
        """What there is to see once no message waits any more and nothing was written for a while."""
        until_s = time.monotonic() + within_s
        # A broker tells nobody that a queue has become empty.
        while await self.contestant.waiting_count(self.place) and time.monotonic() < until_s:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_AT_QUEUES_S)
        await asyncio.sleep(AFTERWARDS_S)
        return await self.exchange.timing()


@dataclass(slots=True)
class BenchHarness:
    """Put up once for all measurements of a run."""

    folder: Path
    broker: BrokerNode
    say: Callable[[str], None]
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    @asynccontextmanager
    async def measurement(self, contestant: Contestant, **exchange: float) -> AsyncIterator[Measurement]:
        """Make everything ready for one, and clear it away; `exchange` is how the stand-in shall be."""
        name = f"bench-{next(self._numbers)}"
        folder = self.folder / name
        folder.mkdir()
        async with AsyncExitStack() as stack:
            await self._virtual_host(name, stack)
            running = await stack.enter_async_context(running_exchange(folder / "exchange", **exchange))
            place = Place(amqp_url=f"{self.broker.url}{name}", exchange=running, folder=folder)
            publishing = await stack.enter_async_context(contestant.publishing(place))
            programs = await stack.enter_async_context(AsyncExitStack())
            yield Measurement(contestant=contestant, place=place, publishing=publishing, _programs=programs)

    async def _virtual_host(self, name: str, stack: AsyncExitStack) -> None:
        """Queues of their own, which go with it."""
        await self._ctl("add_vhost", name)
        stack.push_async_callback(self._ctl, "delete_vhost", name)
        await self._ctl("set_permissions", "-p", name, "guest", ".*", ".*", ".*")

    async def _ctl(self, *arguments: str) -> None:
        await asyncio.to_thread(self.broker.ctl, *arguments)
