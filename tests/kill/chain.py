"""One worker after the other, each killed in its cell; the next one finishes what is left and dies in its own."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from aio_pika.abc import AbstractChannel

from adapters.simulator import Fault, ItemCode, LoseReply, Throttle
from adapters.simulator.troubles import RESET, Answer, Call
from consumers.milestones import Milestone
from tests.chaos.judge import Judgement, Version, ended, expected_results, judge
from tests.kill.cable import Cable
from tests.kill.cells import TENANT, Cell, Fate, Takeover
from tests.kill.entry import AWAKE
from tests.kill.kill_harness import HarnessWorker, KillHarness, Strike
from tests.mailboxes import again
from tests.program_harness import ProgramHarness

STRUCK_WITHIN_S = 120
TOLD_WITHIN_S = 240
EMPTY_WITHIN_S = 240
LOOK_S = 0.5

FAULTS: dict[Milestone | Fate, tuple[Fault, int]] = {
    Milestone.DEFERRED: (Throttle(back_off_ms=20_000), 1),
    Milestone.PARKED: (ItemCode(0, "ErrorQuotaExceeded"), 2),
    Milestone.LOOK_PUBLISHED: (LoseReply(), 1),
}
"""The trouble without which a point is not passed, and how often it is met."""


@dataclass(slots=True)
class HeldRequest:
    """A request that stays at Exchange until it is let go; whether and when it is applied is its fate."""

    fate: Fate
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    let_go: asyncio.Event = field(default_factory=asyncio.Event)
    _call: Call | None = None

    async def play(self, call: Call) -> Answer:
        """Keep the caller waiting."""
        self._call = call
        answer = call.apply() if self.fate is Fate.BEFORE else RESET
        self.arrived.set()
        await self.let_go.wait()
        return answer

    def land(self) -> None:
        """Apply it now."""
        assert self._call is not None
        self._call.apply()


@dataclass(slots=True)
class Doomed:
    """A worker, and its line to the broker."""

    worker: HarnessWorker
    cable: Cable

    def lose(self, takeover: Takeover) -> None:
        """Take it from the broker: for good, or so that it goes on without."""
        if takeover is Takeover.ZOMBIE:
            self.cable.cut()
        else:
            self.worker.signal(signal.SIGKILL)


class Chain:
    """Plays cells of one takeover on a harness of its own, which is up."""

    def __init__(self, harness: ProgramHarness, kill: KillHarness) -> None:
        self._harness = harness
        self._kill = kill
        self._cables = AsyncExitStack()
        self._workers: list[HarnessWorker] = []
        self._told: set[Version] = set()
        self._read = 0

    async def play(self, cells: Sequence[Cell]) -> Judgement:
        """Play them, replay what was parked, and judge what is left."""
        async with self._cables:
            first = await self._start(None)
            await self._publish(command for cell in cells for command in cell.before)
            await self._all_told(expected_results(command for cell in cells for command in cell.before))
            # Killed, it would leave unacknowledged commands behind, and the next one would strike at one of those.
            await self._work_off(first)
            doomed = await self._start(cells[0])
            async with asyncio.TaskGroup() as loose_ends:
                for cell, following in zip(cells, [*cells[1:], None], strict=True):
                    doomed = await self._play_one(cell, doomed, following, loose_ends)
            await self._work_off(doomed)
            if await self._replay():
                await self._work_off(await self._start(None))
            for worker in self._workers:
                worker.signal(signal.SIGKILL)
        assert self._harness.failed.messages == [], "a replayed command was parked again"
        exchange = self._harness.exchange
        seen = [event for mailbox in exchange.store.mailboxes() for event in exchange.calendar(mailbox.address)]
        return judge(
            [command for cell in cells for command in cell.commands], seen, ended(self._harness.results.told, well=True)
        )

    async def _play_one(
        self, cell: Cell, doomed: Doomed, following: Cell | None, loose_ends: asyncio.TaskGroup
    ) -> Doomed:
        """Let a worker die in its cell; returns the one that goes on."""
        waits_already = None if cell.takeover is Takeover.SAME else await self._start(following)
        held = self._script(cell)
        await self._publish([cell.victim])
        try:
            async with asyncio.timeout(STRUCK_WITHIN_S):
                await self._lost(cell, doomed, held)
        except TimeoutError:
            stands = await doomed.worker.where_it_stands()
            raise AssertionError(f"{cell.booking}: the point was not reached\n{stands}") from None
        await self._publish(cell.after)
        successor = waits_already or await self._start(following)
        loose_ends.create_task(self._finish(cell, doomed, held))
        return successor

    def _script(self, cell: Cell) -> HeldRequest | None:
        held = HeldRequest(cell.point) if isinstance(cell.point, Fate) else None
        if held is not None:
            self._harness.exchange.faults.next(held, room=cell.room, operation=cell.operation)
        elif cell.point in FAULTS:
            fault, times = FAULTS[cell.point]
            self._harness.exchange.faults.next(fault, room=cell.room, operation=cell.operation, times=times)
        return held

    async def _lost(self, cell: Cell, doomed: Doomed, held: HeldRequest | None) -> None:
        """Return once the worker is lost to the broker, at the cell's point."""
        if held is not None:
            await held.arrived.wait()
        elif cell.takeover is Takeover.ZOMBIE:
            await doomed.worker.frozen()
        else:
            await doomed.worker.ended.wait()
        doomed.lose(cell.takeover)
        if held is not None and held.fate is Fate.BEFORE:
            # Who is alive yet gets the answer, and can tell nobody.
            held.let_go.set()

    async def _finish(self, cell: Cell, doomed: Doomed, held: HeldRequest | None) -> None:
        """The worst at the worst time: a late request lands, and a frozen worker wakes up, when all seems over."""
        if held is not None and held.fate is Fate.RESTING:
            held.land()
        last = {(TENANT, cell.room, cell.booking, cell.version + len(cell.after))}
        await self._all_told(last)
        doomed.worker.signal(AWAKE)
        if held is not None and held.fate in {Fate.LATE, Fate.OVERTAKEN}:
            held.land()
        if held is not None:
            held.let_go.set()

    async def _start(self, cell: Cell | None) -> Doomed:
        """Start a worker that dies in a cell, or lives on; returns once it takes commands."""
        harness, number = self._harness, len(self._workers)
        parts = urlsplit(harness.url)
        cable = await self._cables.enter_async_context(Cable(parts.port or 5672))
        address = f"{parts.username}:{parts.password}@127.0.0.1:{cable.port}"
        config = harness.configure(f"worker-{number}.toml", url=urlunsplit(parts._replace(netloc=address)))
        worker = await self._kill.start(
            harness.folder / config,
            harness.environment,
            log=harness.folder / f"worker-{number}.log",
            strike=_strike(cell) if cell else None,
        )
        self._workers.append(worker)
        await worker.consuming()
        return Doomed(worker, cable)

    async def _publish(self, commands: Iterable[dict[str, object]]) -> None:
        await asyncio.gather(*(self._harness.send(command) for command in commands))

    def _heard(self) -> set[Version]:
        """What was reported so far as over, well or not."""
        messages = self._harness.results.messages
        self._told |= ended((json.loads(message.body) for message in messages[self._read :]), well=False)
        self._read = len(messages)
        return self._told

    async def _all_told(self, versions: set[Version]) -> None:
        await self._harness.results.until(
            lambda: versions <= self._heard(), f"results of {versions - self._told}", TOLD_WITHIN_S
        )

    async def _work_off(self, doomed: Doomed) -> None:
        """Let workers go on until nothing is left in any queue, nor in anybody's hands."""
        while True:
            until_s = time.monotonic() + EMPTY_WITHIN_S
            while await self._left():
                assert time.monotonic() < until_s, f"the queues are not empty\n{doomed.worker.tail}"
                await asyncio.sleep(LOOK_S)
            # What it still had in hand is back in its queue once it has ended.
            doomed.worker.signal(signal.SIGTERM)
            await doomed.worker.ended.wait()
            assert doomed.worker.code == os.EX_OK, doomed.worker.tail
            if not await self._left():
                return
            doomed = await self._start(None)

    async def _left(self) -> int:
        names, channel = self._harness.names, self._harness.channel
        partitions = [names.partition(number) for number in range(self._harness.partitions)]
        queues = [*partitions, *names.all_deferred(), names.failed_watch]
        return sum([await _depth(channel, queue) for queue in queues])

    async def _replay(self) -> int:
        """Publish again what was parked, as an operator does once the cause is mended; returns how much it was."""
        parked, self._harness.failed.messages = self._harness.failed.messages, []
        exchange = await self._harness.channel.get_exchange(self._harness.names.commands, ensure=False)
        for message in parked:
            await exchange.publish(again(message), message.routing_key or "", mandatory=True)
            await message.ack()
        return len(parked)


def _strike(cell: Cell) -> Strike | None:
    if isinstance(cell.point, Fate):
        return None
    freezes = cell.takeover is Takeover.ZOMBIE
    return Strike(milestone=cell.point, room=cell.room, booking=cell.booking, freezes=freezes)


async def _depth(channel: AbstractChannel, queue: str) -> int:
    declared = await channel.declare_queue(queue, passive=True)
    return declared.declaration_result.message_count or 0
