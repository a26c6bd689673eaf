"""Where chaos takes place: a private broker, an Exchange for three tenants, workers on one ledger, and who listens."""

import asyncio
import json
import secrets
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import aio_pika
from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractIncomingMessage
from aio_pika.exceptions import AMQPError

from adapters.rabbitmq.folder import free_ports
from adapters.rabbitmq.node import BrokerNode
from adapters.simulator import SimEvent, Simulator
from consumers.broker import declare
from consumers.broker.errors import BrokerLost
from consumers.broker.queue_names import QueueNames
from consumers.broker.session import BrokerAddress, NotPublished, Session, Subscription
from consumers.broker.topology import Topology
from tests.chaos.judge import Version, ended, expected_results
from tests.mailboxes import again
from tests.programs import Program

TENANTS = ("acme", "bravo", "fosdem")
ROTATED = "bravo"
"""The tenant whose secret breaks; its lies in a file."""
PARTITIONS = 4
WORKERS = 2
EMPTY_WITHIN_S = 900.0
TOLD_WITHIN_S = 300.0
LOOK_S = 1.0
AGAIN_S = 0.5
TROUBLES = (AMQPError, NotPublished, BrokerLost, OSError, TimeoutError)

_CONFIGURATION = """\
[broker]
url = "{url}"
partitions = {partitions}
[ledger]
url = "sqlite:///ledger.db"
[http]
bind = "127.0.0.1:{port}"
[sync]
request_timeout_s = 4
claim_s = 10
second_look_s = 15
"""
_TENANT = """\
[[tenant]]
name = "{name}"
domains = ["{name}.example"]
service_url = "{url}"
ca_file = "exchange/ca.pem"
[tenant.auth]
kind = "basic"
username = "{account}"
{secret}
"""


def account_of(tenant: str) -> str:
    """The service account of a tenant."""
    return f"svc-rooms@{tenant}.example"


@dataclass(slots=True)
class ChaosHarness:
    """Put up by `async with`; everything lies in the folder."""

    folder: Path
    broker: BrokerNode = field(default_factory=BrokerNode)
    names: QueueNames = field(default_factory=QueueNames)
    passwords: dict[str, str] = field(default_factory=lambda: {name: secrets.token_hex(8) for name in TENANTS})
    workers: dict[int, Program] = field(default_factory=dict)
    starts: int = 0
    published: list[dict[str, Any]] = field(default_factory=list)
    messages: int = 0
    results: list[dict[str, Any]] = field(default_factory=list)
    replayed: int = 0
    _line: Session | None = None
    _dialling: asyncio.Lock = field(default_factory=asyncio.Lock)
    _ending: AsyncExitStack = field(default_factory=AsyncExitStack)
    exchange: Simulator = field(init=False)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as ending:
            await ending.enter_async_context(self.broker)
            accounts = {account_of(tenant): password for tenant, password in self.passwords.items()}
            domains = [f"{tenant}.example" for tenant in TENANTS]
            self.exchange = Simulator(accounts, domains=domains, latency_ms=20, ca_directory=self.folder / "exchange")
            await self.exchange.start()
            ending.push_async_callback(self.exchange.stop)
            await declare.apply(lambda: aio_pika.connect(self.broker.url), Topology.of(self.names, PARTITIONS))
            await self._bind_results()
            ending.push_async_callback(self._hang_up)
            listening = asyncio.create_task(self._listen())
            ending.callback(listening.cancel)
            self._configure()
            ending.push_async_callback(self.end_workers)
            self._ending = ending.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._ending.aclose()

    @property
    def secret_file(self) -> Path:
        """Where the rotated tenant's password lies."""
        return self.folder / "secret"

    @property
    def told(self) -> set[Version]:
        """What was reported as over, well or not."""
        return ended(self.results, well=False)

    def events(self) -> list[SimEvent]:
        """Every event of every calendar."""
        mailboxes = self.exchange.store.mailboxes()
        return [event for mailbox in mailboxes for event in self.exchange.calendar(mailbox.address)]

    async def start_worker(self, number: int) -> None:
        """Start a worker in the place of the one that was there."""
        self.starts += 1
        self.workers[number] = await Program.start(
            *("worker", "--config", str(self.folder / f"worker-{number}.toml")),
            environment={_variable(tenant): password for tenant, password in self.passwords.items()},
            output=self.folder / f"worker-{number}-{self.starts}.log",
        )

    async def until_consuming(self, number: int, within_s: float) -> None:
        """Wait for a worker to take commands; no longer than that, since it may have no broker."""
        until_s = time.monotonic() + within_s
        # A log tells nobody that it has grown.
        while not self.workers[number].events("intake.consuming") and time.monotonic() < until_s:  # noqa: ASYNC110
            await asyncio.sleep(AGAIN_S)

    async def end_workers(self) -> None:
        """End them at once."""
        for worker in self.workers.values():
            await worker.end()

    async def publish(self, command: dict[str, Any]) -> None:
        """Publish as publishers do: confirmed, and again as long as there is a doubt."""
        self.published.append(command)
        message = Message(
            json.dumps(command).encode(),
            content_type="application/json",
            delivery_mode=DeliveryMode.PERSISTENT,
            message_id=str(uuid.uuid4()),
        )
        await self._persist(lambda line: line.to_commands(message, command["room"]))
        self.messages += 1

    async def until_all_told(self) -> None:
        """Return once the end of every command was reported, or is overdue: the judge tells then what is missing."""
        until_s = time.monotonic() + TOLD_WITHIN_S
        expected = expected_results(self.published)
        # Nothing tells that a result was the last one.
        while not expected <= self.told and time.monotonic() < until_s:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_S)

    async def until_empty(self) -> None:
        """Return once nothing waits in any queue."""
        until_s = time.monotonic() + EMPTY_WITHIN_S
        while left := await self.left():
            if time.monotonic() > until_s:
                raise TimeoutError(f"{left} messages are left after {EMPTY_WITHIN_S:.0f} s")
            await asyncio.sleep(LOOK_S)

    async def left(self) -> int:
        """Messages that wait in any queue."""
        partitions = [self.names.partition(number) for number in range(PARTITIONS)]
        queues = [*partitions, *self.names.all_deferred(), self.names.failed_watch, self._results_queue]
        return sum([await self._depth(queue) for queue in queues])

    async def replay_failed(self) -> int:
        """Publish again what was parked, as an operator does once the cause is mended; returns how much it was."""
        replayed = 0
        async with await aio_pika.connect(self.broker.url) as connection:
            queue = await (await connection.channel()).get_queue(self.names.failed, ensure=False)
            while message := await queue.get(fail=False):
                await self._publish_again(message)
                await message.ack()
                replayed += 1
        self.replayed += replayed
        return replayed

    async def _publish_again(self, message: AbstractIncomingMessage) -> None:
        await self._persist(lambda line: line.to_commands(again(message), message.routing_key or ""))

    async def _depth(self, queue: str) -> int:
        depth: list[int] = []

        async def ask(line: Session) -> None:
            told = await line.depth(queue)
            depth.append(told[0] if told else 0)

        await self._persist(ask)
        return depth[-1]

    async def _persist(self, do: Callable[[Session], Awaitable[None]]) -> None:
        """Do something at the broker, as often as it takes."""
        while True:
            try:
                await do(await self._dial())
            except TROUBLES:
                await asyncio.sleep(AGAIN_S)
            else:
                return

    async def _dial(self) -> Session:
        async with self._dialling:
            if self._line is None or self._line.is_lost:
                await self._hang_up()
                self._line = await Session.open(BrokerAddress(url=self.broker.url), self.names, name="chaos")
            return self._line

    async def _hang_up(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            await line.close()

    @property
    def _results_queue(self) -> str:
        return f"{self.names.prefix}.chaos"

    async def _bind_results(self) -> None:
        async with await aio_pika.connect(self.broker.url) as connection:
            queue = await (await connection.channel()).declare_queue(self._results_queue, durable=True)
            await queue.bind(self.names.results, routing_key="#")

    async def _listen(self) -> None:
        """Take results as they come, over one connection after the other."""

        async def take(message: AbstractIncomingMessage) -> None:
            self.results.append(json.loads(message.body))
            await message.ack()

        while True:
            try:
                session = await Session.open(BrokerAddress(url=self.broker.url), self.names, name="chaos results")
                try:
                    await session.consume(Subscription(self._results_queue, 200, take))
                    await session.lost.wait()
                finally:
                    await session.close()
            except TROUBLES:
                await asyncio.sleep(AGAIN_S)

    def _configure(self) -> None:
        self.secret_file.write_text(self.passwords[ROTATED])
        tenants = "".join(
            _TENANT.format(
                name=tenant,
                url=self.exchange.url,
                account=account_of(tenant),
                secret='password_file = "secret"' if tenant == ROTATED else f'password_env = "{_variable(tenant)}"',
            )
            for tenant in TENANTS
        )
        for number, port in enumerate(free_ports(WORKERS)):
            head = _CONFIGURATION.format(url=self.broker.url, partitions=PARTITIONS, port=port)
            (self.folder / f"worker-{number}.toml").write_text(head + tenants)


def _variable(tenant: str) -> str:
    return f"PASSWORD_OF_{tenant.upper()}"
