"""A broker to hurt, a way to it that fails, and an intake on it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from adapters.rabbitmq.installation import RabbitmqInstallation
from adapters.rabbitmq.node import BrokerNode
from tests.consumer_harness import ConsumerHarness, a_consumer_harness
from tests.tcp_proxy import TcpProxy


@pytest.fixture(scope="module")
def node(rabbitmq: RabbitmqInstallation) -> Iterator[BrokerNode]:
    """A node to hurt; whoever hurts it mends it."""
    with BrokerNode(installation=rabbitmq) as node:
        yield node


@pytest.fixture
async def proxy(node: BrokerNode) -> AsyncIterator[TcpProxy]:
    async with TcpProxy(node.port) as proxy:
        yield proxy


@pytest.fixture
async def harness(node: BrokerNode, amqp_prefix: str, proxy: TcpProxy) -> AsyncIterator[ConsumerHarness]:
    async with a_consumer_harness(node.url, amqp_prefix, worker_url=proxy.url) as harness:
        yield harness
