"""The private broker node: real, on loopback only, back after a kill, and gone without a trace."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import aio_pika
import pytest

from adapters.rabbitmq.installation import RabbitmqInstallation
from adapters.rabbitmq.node import BrokerCommandFailed, BrokerDidNotStart, BrokerNode

pytestmark = [pytest.mark.broker, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def node(rabbitmq: RabbitmqInstallation) -> Iterator[BrokerNode]:
    with BrokerNode(installation=rabbitmq) as node:
        yield node


async def test_the_consistent_hash_exchange_is_enabled(broker: BrokerNode, amqp_prefix: str) -> None:
    async with await aio_pika.connect(broker.url) as connection:
        channel = await connection.channel()
        exchange = await channel.declare_exchange(f"{amqp_prefix}.hash", type="x-consistent-hash", auto_delete=True)
        queue = await channel.declare_queue(f"{amqp_prefix}.q", auto_delete=True)
        await queue.bind(exchange, routing_key="1")


async def test_a_confirmed_message_survives_a_restart_and_a_kill(node: BrokerNode) -> None:
    await publish_durably(node, b"before the restart")
    node.restart()
    await publish_durably(node, b"before the kill")
    node.kill()
    node.start()

    assert await messages_in(node) == [b"before the restart", b"before the kill"]


def test_stopping_leaves_neither_processes_nor_files(private_broker: BrokerNode) -> None:
    folder = private_broker.log.parent.parent
    assert processes_of(folder)

    private_broker.stop()

    assert processes_of(folder) == []
    assert not folder.exists()


def test_a_memory_alarm_shows_and_clears(node: BrokerNode) -> None:
    node.raise_memory_alarm()
    wait_until(lambda: "memory" in node.ctl("eval", "rabbit_alarm:get_alarms()."))
    node.clear_memory_alarm()
    wait_until(lambda: "memory" not in node.ctl("eval", "rabbit_alarm:get_alarms()."))


def test_a_refused_command_says_what_rabbitmqctl_said(node: BrokerNode) -> None:
    with pytest.raises(BrokerCommandFailed, match="no-such-user"):
        node.ctl("delete_user", "no-such-user")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=lambda number: number.name)
@pytest.mark.usefixtures("rabbitmq")
def test_a_node_ends_with_its_owner_whatever_ends_that(number: signal.Signals, tmp_path: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER],
        env=os.environ | {"TMPDIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "started\n"
        assert processes_of(tmp_path)
        owner.send_signal(number)

    wait_until(lambda: processes_of(tmp_path) == [] and list(tmp_path.iterdir()) == [])


def test_a_node_that_cannot_start_says_why_in_the_words_of_its_log(
    rabbitmq: RabbitmqInstallation, tmp_path: Path
) -> None:
    node = BrokerNode(folder=tmp_path / "node", installation=broken(rabbitmq, tmp_path))
    with pytest.raises(BrokerDidNotStart, match="no schema for you"):
        node.start()


OWNER = """
import time
from adapters.rabbitmq.node import BrokerNode
with BrokerNode():
    print("started", flush=True)
    time.sleep(120)
"""


def broken(installation: RabbitmqInstallation, folder: Path) -> RabbitmqInstallation:
    """The installed RabbitMQ with a server that complains and ends."""
    server = folder / "rabbitmq-server"
    server.write_text("#!/bin/sh\necho no schema for you\nexit 1\n")
    server.chmod(0o700)
    return RabbitmqInstallation(server=server, ctl=installation.ctl, epmd=installation.epmd)


async def publish_durably(node: BrokerNode, body: bytes) -> None:
    async with await aio_pika.connect(node.url) as connection:
        channel = await connection.channel()
        await channel.declare_queue("kept", durable=True, arguments={"x-queue-type": "quorum"})
        message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await channel.default_exchange.publish(message, routing_key="kept")


async def messages_in(node: BrokerNode) -> list[bytes]:
    async with await aio_pika.connect(node.url) as connection:
        queue = await (await connection.channel()).get_queue("kept")
        bodies = []
        while message := await queue.get(fail=False, timeout=10):
            await message.ack()
            bodies.append(message.body)
        return bodies


def processes_of(folder: Path) -> list[str]:
    """Command lines of living processes whose environment names the folder: a node's all do."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"HOME={folder}".encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue  # it ended meanwhile, or is another user's
    return found


def wait_until(condition: Callable[[], bool], within_s: float = 30.0) -> None:
    until = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < until, "the condition did not come true in time"
        time.sleep(0.05)
