"""A broker without the consistent-hash exchange: the worker cannot work there, and says what to do."""

import asyncio
from pathlib import Path

import aio_pika
import pytest

from adapters.rabbitmq.node import BrokerNode
from consumers.broker.declare import TopologyMismatch, apply
from consumers.broker.queue_names import QueueNames
from consumers.broker.topology import Topology

pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]


async def test_a_broker_without_the_plugin_is_told_with_the_command_that_enables_it(
    private_broker: BrokerNode, amqp_prefix: str
) -> None:
    await asyncio.to_thread(disable_plugins, private_broker)
    topology = Topology.of(QueueNames(amqp_prefix), partitions=2)

    with pytest.raises(TopologyMismatch) as refused:
        await apply(lambda: aio_pika.connect(private_broker.url), topology)

    (first, *_) = refused.value.complaints
    assert f"The exchange {amqp_prefix}.commands cannot be declared" in first
    assert "rabbitmq-plugins enable rabbitmq_consistent_hash_exchange" in first


def disable_plugins(node: BrokerNode) -> None:
    """What `rabbitmq-plugins disable --all` does."""
    enabled: Path = node.log.parent.parent / "enabled_plugins"
    enabled.write_text("[].\n")
    node.ctl("eval", f'rabbit_plugins:ensure("{enabled}").')
