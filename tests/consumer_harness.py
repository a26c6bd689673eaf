"""The real intake on a real broker, in the test's own process; Exchange and the ledger in memory.

A harness publishes straight to the broker, while its worker may reach it through a proxy.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import aio_pika
from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractChannel, AbstractConnection

from adapters.calendar import RoomAddress, TenantName
from consumers.broker.declare import apply
from consumers.broker.parsing import Reader
from consumers.broker.queue_names import QueueNames
from consumers.broker.session import BrokerAddress
from consumers.broker.topology import Topology
from consumers.consumer import Consumer
from consumers.partitions import Partitions
from consumers.policy import SyncPolicy
from consumers.scheduling.dispatcher import Dispatcher
from consumers.settlement.dead_letter_watch import DeadLetterWatch
from consumers.settlement.settle import Settler
from consumers.sync.room import Clocks, Room
from consumers.throttling.circuit_breaker import CircuitBreaker
from consumers.throttling.tenant_limiter import TenantLimiter
from tests.builders import Tenants, a_command, a_tenant
from tests.fake_broker import FakeObserver
from tests.fake_ledger import FakeLedger
from tests.fakes import FakeCalendar
from tests.mailboxes import Collector, Results

PARTITIONS = 2
LOOK_S = 0.02
TICK_S = 0.5
HEARTBEAT_S = 1
"""The client then gives a silent connection up after about seven seconds."""
CLOCKS = Clocks(now=lambda: datetime.now(UTC), monotonic=time.monotonic, sleep=asyncio.sleep)


def a_consumer(url: str, names: QueueNames, calendar: FakeCalendar) -> Consumer:
    """An intake for the tenant `acme`."""
    tenant, policy, ledger = a_tenant(), SyncPolicy(), FakeLedger()
    settler = Settler(policy=policy, clocks=CLOCKS, observer=FakeObserver())
    breaker = CircuitBreaker(tenant=tenant.name, ledger=ledger, clock=CLOCKS.monotonic, fingerprint=lambda: "a1")
    gate = TenantLimiter(mailbox_concurrency=4, tenant_concurrency=32, clock=CLOCKS.monotonic, breaker=breaker)

    def room(_tenant: TenantName, address: RoomAddress) -> Room:
        return Room(
            tenant=tenant,
            address=address,
            calendar=calendar,
            gate=gate,
            ledger=ledger,
            policy=policy,
            clocks=CLOCKS,
        )

    reader = Reader(Tenants(tenant), CLOCKS)
    lanes = Dispatcher(room, reader, settler, clock=CLOCKS.monotonic)
    return Consumer(
        address=BrokerAddress(url=url, heartbeat_s=HEARTBEAT_S),
        names=names,
        partition_count=PARTITIONS,
        partitions=Partitions(
            names=names, count=PARTITIONS, reader=reader, lanes=lanes, settler=settler, clocks=CLOCKS
        ),
        parked_watch=DeadLetterWatch(names=names, reader=reader, settler=settler),
        lanes=lanes,
        ledger=ledger,
        policy=policy,
        clocks=CLOCKS,
        tick_s=TICK_S,
    )


@dataclass(kw_only=True)
class ConsumerHarness:
    """A worker's inside, its publisher, and who listens to its results."""

    url: str
    names: QueueNames
    intake: Consumer
    calendar: FakeCalendar
    running: asyncio.Task[None]
    connection: AbstractConnection
    channel: AbstractChannel
    results: Results
    failed: Collector
    published: list[str] = field(default_factory=list)

    async def publish(self, booking: str, room: str = "board@acme.example", version: int = 1) -> None:
        """One create, in a queue when this returns."""
        body = a_command(booking_id=booking, room=room, version=version)
        message = Message(json.dumps(body).encode(), delivery_mode=DeliveryMode.PERSISTENT, message_id=booking)
        exchange = await self.channel.get_exchange(self.names.commands, ensure=False)
        await exchange.publish(message, room, mandatory=True)
        self.published.append(booking)

    async def publish_many(self, count: int, prefix: str = "B") -> None:
        """Bookings in four rooms."""
        for number in range(count):
            await self.publish(f"{prefix}-{number}", f"room-{number % 4}@acme.example")

    @property
    def told(self) -> set[str]:
        """The bookings of which a result told that they are done."""
        return {result["booking_id"] for result in self.results.told if result["outcome"] == "synced"}

    @property
    def standing(self) -> str | None:
        """What /readyz says of the broker."""
        return self.intake.standing.broker

    async def until(self, condition: Callable[[], bool], what: str, within_s: float = 30) -> float:
        """Wait until a condition holds that nothing reports; returns how long it took, in seconds."""
        began_s = time.monotonic()
        while not condition():
            passed_s = time.monotonic() - began_s
            assert passed_s < within_s, f"waited {within_s} s for {what}; the broker's standing: {self.standing}"
            assert not self.running.done(), f"the intake has ended: {self.running}"
            await asyncio.sleep(LOOK_S)
        return time.monotonic() - began_s

    async def until_ready(self, within_s: float = 30) -> float:
        """Wait until commands are taken."""
        return await self.until(lambda: self.standing is None, "the intake to be ready", within_s)

    async def until_done(self, within_s: float = 60) -> None:
        """Wait until every command that was published has its result and is out of the queues."""
        await self.until(lambda: self.told == set(self.published), "all results", within_s)
        await self.until(lambda: not self.intake.lanes.snapshot(), "empty lanes")

    async def in_queues(self) -> int:
        """Messages in all queues that commands pass, those in somebody's hands left out."""
        queues = [self.names.partition(number) for number in range(PARTITIONS)]
        return sum([await self.depth(queue) for queue in (*queues, *self.names.all_deferred())])

    async def depth(self, queue: str) -> int:
        """Messages that wait in a queue."""
        channel = await self.connection.channel()
        declared = await channel.declare_queue(queue, passive=True)
        await channel.close()
        return declared.declaration_result.message_count or 0

    async def stop(self, within_s: float = 25) -> None:
        """End in order, as on SIGTERM."""
        self.intake.stop()
        await asyncio.wait_for(self.running, within_s)

    async def assert_exact(self) -> None:
        """Each booking stands once, each command has its result, and nothing is left anywhere. Ends the intake."""
        await self.stop()
        standing = Counter(kept.mark.booking_id for room in self.calendar.events.values() for kept in room if kept.mark)
        assert standing == Counter(self.published)
        assert {result["outcome"] for result in self.results.told} <= {"synced"}
        assert self.told == set(self.published)
        assert await self.in_queues() == 0
        assert self.failed.messages == []


@asynccontextmanager
async def a_consumer_harness(
    broker_url: str,
    prefix: str,
    *,
    worker_url: str | None = None,
    consuming: bool = True,
) -> AsyncIterator[ConsumerHarness]:
    """Put it up with a running intake.

    Args:
        worker_url: how the intake reaches the broker, if not directly.
        consuming: wait until it does.
    """
    names, calendar = QueueNames(prefix), FakeCalendar()
    await apply(lambda: aio_pika.connect(broker_url), Topology.of(names, PARTITIONS))
    connection = await aio_pika.connect_robust(broker_url)
    intake = a_consumer(worker_url or broker_url, names, calendar)
    running = asyncio.create_task(intake.run())
    try:
        channel = await connection.channel()
        listening = await connection.channel()
        told = await listening.declare_queue(f"{prefix}.told", durable=True)
        await told.bind(names.results, routing_key="#")
        harness = ConsumerHarness(
            url=broker_url,
            names=names,
            intake=intake,
            calendar=calendar,
            running=running,
            connection=connection,
            channel=channel,
            results=Results(str),
            failed=Collector(str),
        )
        await harness.results.listen(told)
        await harness.failed.listen(await listening.get_queue(names.failed))
        if consuming:
            await harness.until_ready()
        yield harness
    finally:
        calendar.resume()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await connection.close()
