"""The demo's broker: a private node, or the one that ROOMSYNC_AMQP_URL names, which is left as it was found."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aio_pika.exceptions import AMQPError

from adapters.rabbitmq.node import BrokerNode
from consumers.broker.queue_names import QueueNames
from consumers.broker.session import BrokerAddress
from consumers.broker.topology import Topology
from worker.settings.urls import UnusableUrl, broker_url

PARTITIONS = 4


class GivenBrokerUnusable(Exception):
    """The broker that was named does not let us in; the text says why and holds no password."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """Where the broker is, and the names that are the demo's own there."""

    address: BrokerAddress
    names: QueueNames

    def queues(self) -> list[str]:
        """Every queue through which commands pass."""
        return [*(self.names.partition(number) for number in range(PARTITIONS)), *self.names.all_deferred()]


@asynccontextmanager
async def given_broker(url: str) -> AsyncIterator[Broker]:
    """Use somebody's broker under names of our own, and delete them at the end. Raises `GivenBrokerUnusable`."""
    try:
        checked = broker_url(url, allow_plain=True)
    except UnusableUrl as why:
        raise GivenBrokerUnusable(f"The address of the broker that is named {why}.") from None
    broker = Broker(address=BrokerAddress(url=checked.text), names=QueueNames(f"roomsync-demo-{secrets.token_hex(4)}"))
    try:
        # Told now, in words, rather than by a worker that goes on trying.
        await (await broker.address.connect("roomsync demo")).close()
    except (AMQPError, OSError) as why:
        raise GivenBrokerUnusable(f"The broker that is named cannot be used: {why}") from None
    try:
        yield broker
    finally:
        await _delete(broker)


async def _delete(broker: Broker) -> None:
    topology = Topology.of(broker.names, PARTITIONS)
    async with await broker.address.connect("roomsync demo") as connection:
        channel = await connection.channel()
        for queue in topology.queues:
            await channel.queue_delete(queue.name)
        for exchange in topology.exchanges:
            await channel.exchange_delete(exchange.name)


@asynccontextmanager
async def own_broker() -> AsyncIterator[Broker]:
    """Run a private node meanwhile. Raises `BrokerDidNotStart`, also where RabbitMQ is not installed."""
    node = BrokerNode()
    starting = asyncio.create_task(asyncio.to_thread(node.start))
    try:
        # Shielded: a thread cannot be interrupted, and a node that is half started cannot be stopped.
        await asyncio.shield(starting)
        yield Broker(address=BrokerAddress(url=node.url), names=QueueNames())
    finally:
        await asyncio.wait([starting])
        await asyncio.to_thread(node.stop)
