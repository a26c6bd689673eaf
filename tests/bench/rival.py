"""Other ways from a queue into a calendar: programs that a folder's `rivals.toml` names."""

import asyncio
import json
import os
import sys
import tomllib
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from consumers.broker.queue_names import QueueNames
from consumers.broker.session import BrokerAddress, Session
from tests.bench.commands import Command
from tests.bench.contestants import Place
from tests.bench.exchange_process import ACCOUNT
from tests.bench.programs import BenchStuck, Program

CONFIRMED_WITHIN_S = 600.0
END_WITHIN_S = 30.0


class NoRivals(Exception):
    """The folder names no rivals that could be run; the text says what is wrong with it."""


@dataclass(slots=True)
class _Publishing:
    """Lines go in, one for each command; lines come back once they are confirmed, with the time of publishing."""

    process: Process
    published_at: dict[str, float] = field(default_factory=dict)
    _handed_over_count: int = 0
    _progress: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def all(self, commands: Iterable[Command]) -> None:
        for command in commands:
            await self.one(command)
        await self.settle()

    async def one(self, command: Command) -> None:
        assert self.process.stdin is not None
        self._handed_over_count += 1
        self.process.stdin.write(json.dumps(command).encode() + b"\n")
        await self.process.stdin.drain()

    async def settle(self) -> None:
        try:
            async with asyncio.timeout(CONFIRMED_WITHIN_S), self._progress:
                await self._progress.wait_for(self._is_over)
        except TimeoutError:
            raise BenchStuck(f"Nothing was confirmed for {CONFIRMED_WITHIN_S:.0f} s.") from None
        if self.process.returncode is not None:
            raise BenchStuck("The publisher of a rival ended by itself.")

    def _is_over(self) -> bool:
        return len(self.published_at) >= self._handed_over_count or self.process.returncode is not None

    async def listen(self) -> None:
        """Take the answers until it ends."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            booking_id, at = line.decode().split()
            self.published_at[booking_id] = float(at)
            async with self._progress:
                self._progress.notify_all()
        await self.process.wait()
        async with self._progress:
            self._progress.notify_all()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """A worker of another make, and a program that publishes for it."""

    name: str
    works: tuple[str, ...]
    publishes: tuple[str, ...]
    ready: str
    queues: tuple[str, ...]
    folder: Path

    @asynccontextmanager
    async def publishing(self, place: Place) -> AsyncIterator[_Publishing]:
        """Run its publisher meanwhile; it declares the queues."""
        with (place.folder / "publisher.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *self.publishes,
                cwd=self.folder,
                env=os.environ | _environment(place),
                stdin=PIPE,
                stdout=PIPE,
                stderr=log,
                start_new_session=True,
            )
        publishing = _Publishing(process)
        listening = asyncio.create_task(publishing.listen())
        try:
            yield publishing
        finally:
            await _end(process)
            await listening

    async def start(self, place: Place) -> Program:
        """Start it and wait for its word. Raises `BenchStuck`."""
        log = place.folder / "rival.log"
        environment = _environment(place)
        return await Program.start(self.works, folder=self.folder, environment=environment, log=log, ready=self.ready)

    async def waiting_count(self, place: Place) -> int:
        """What waits in its queues."""
        session = await Session.open(BrokerAddress(url=place.amqp_url), QueueNames(), name="bench")
        try:
            depths = [await session.depth(queue) for queue in self.queues]
        finally:
            await session.close()
        return sum(depth[0] for depth in depths if depth)


def read_rivals(folder: Path) -> list[Rival]:
    """The rivals of a folder. Raises `NoRivals`."""
    try:
        told = tomllib.loads((folder / "rivals.toml").read_text())["rival"]
        return [_rival(one, folder.resolve()) for one in told]
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as wrong:
        raise NoRivals(f"{folder}/rivals.toml names no rivals: {wrong!r}") from None


def _rival(told: Mapping[str, object], folder: Path) -> Rival:
    return Rival(
        name=str(told["name"]),
        works=_command(told["works"]),
        publishes=_command(told["publishes"]),
        ready=str(told["ready"]),
        queues=_command(told["queues"]),
        folder=folder,
    )


def _command(told: object) -> tuple[str, ...]:
    if not isinstance(told, list):
        raise TypeError("a list of words is wanted")
    return tuple(str(word).replace("{python}", sys.executable) for word in told)


def _environment(place: Place) -> dict[str, str]:
    return {
        "BENCH_AMQP_URL": place.amqp_url,
        "BENCH_EWS_URL": place.exchange.url,
        "BENCH_ACCOUNT": ACCOUNT,
        "BENCH_PASSWORD": place.exchange.password,
        "REQUESTS_CA_BUNDLE": place.exchange.ca_file,
    }


async def _end(process: Process) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), END_WITHIN_S)
    except TimeoutError:
        process.kill()
        await process.wait()
