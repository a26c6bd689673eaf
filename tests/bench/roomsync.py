"""Our own worker as a contestant: the program as it is installed, with the configuration's defaults."""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aio_pika import DeliveryMode, Message

from adapters.rabbitmq.folder import free_ports
from consumers.broker import declare
from consumers.broker.queue_names import QueueNames
from consumers.broker.session import BrokerAddress, Session
from consumers.broker.topology import Topology
from tests.bench.commands import TENANT, Command
from tests.bench.contestants import Place
from tests.bench.exchange_process import ACCOUNT, DOMAIN
from tests.bench.programs import Program
from worker.started import CODE, worker_command

PARTITIONS = 16
UNCONFIRMED_MAX = 256
READY = "worker.started"
"""Before it has connected: the line that says that it consumes comes when the first commands are done."""

_NAMES = QueueNames()
_SECRETS = {"amqp": "ROOMSYNC_BENCH_AMQP_URL", "password": "ROOMSYNC_BENCH_PASSWORD"}

_CONFIGURATION = """\
[broker]
url_env = "{amqp}"
[ledger]
url = "sqlite:///ledger.db"
[http]
bind = "127.0.0.1:{port}"
[[tenant]]
name = "{tenant}"
domains = ["{domain}"]
backend = "ews"
access = "impersonation"
service_url = "{service_url}"
ca_file = {ca_file}
[tenant.auth]
kind = "basic"
username = "{account}"
password_env = "{password}"
"""


@dataclass(slots=True)
class _Publishing:
    session: Session
    published_at: dict[str, float] = field(default_factory=dict)
    _window: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(UNCONFIRMED_MAX))
    _sending: set[asyncio.Task[None]] = field(default_factory=set)

    async def all(self, commands: Iterable[Command]) -> None:
        for command in commands:
            await self.one(command)
        await self.settle()

    async def one(self, command: Command) -> None:
        await self._window.acquire()
        task = asyncio.create_task(self._send(command))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def settle(self) -> None:
        while self._sending:
            await asyncio.gather(*self._sending)

    async def _send(self, command: Command) -> None:
        message = Message(
            json.dumps(command).encode(),
            content_type="application/json",
            delivery_mode=DeliveryMode.PERSISTENT,
            message_id=str(uuid.uuid4()),
        )
        self.published_at[command["booking_id"]] = time.monotonic()
        try:
            await self.session.to_commands(message, command["room"])
        finally:
            self._window.release()


@dataclass(frozen=True, slots=True, kw_only=True)
class Roomsync:
    """The worker of this checkout, or of another one that lies in `code` and needs the same packages."""

    name: str = "roomsync"
    code: Path = CODE

    @asynccontextmanager
    async def publishing(self, place: Place) -> AsyncIterator[_Publishing]:
        """Connect, with the queues declared, and one bound for the results as every installation has it."""
        session = await _session(place)
        try:
            topology = Topology.of(_NAMES, PARTITIONS, broker_version=session.broker_version)
            await declare.apply(lambda: _address(place).connect("bench"), topology)
            await _bind_results(place)
            yield _Publishing(session)
        finally:
            await session.close()

    async def start(self, place: Place) -> Program:
        """Start it and wait until it consumes. Raises `BenchStuck`."""
        config = place.folder / "roomsync.toml"
        config.write_text(
            _CONFIGURATION.format(
                **_SECRETS,
                port=free_ports(1)[0],
                tenant=TENANT,
                domain=DOMAIN,
                service_url=place.exchange.url,
                ca_file=json.dumps(place.exchange.ca_file),
                account=ACCOUNT,
            )
        )
        return await Program.start(
            worker_command(config),
            folder=self.code,
            environment={_SECRETS["amqp"]: place.amqp_url, _SECRETS["password"]: place.exchange.password},
            log=place.folder / "worker.log",
            ready=READY,
        )

    async def waiting_count(self, place: Place) -> int:
        """What waits in the partitions and in the deferred queues."""
        session = await _session(place)
        try:
            queues = [*(_NAMES.partition(number) for number in range(PARTITIONS)), *_NAMES.all_deferred()]
            depths = [await session.depth(queue) for queue in queues]
        finally:
            await session.close()
        return sum(depth[0] for depth in depths if depth)


def _address(place: Place) -> BrokerAddress:
    return BrokerAddress(url=place.amqp_url)


async def _session(place: Place) -> Session:
    return await Session.open(_address(place), _NAMES, name="bench")


async def _bind_results(place: Place) -> None:
    async with await _address(place).connect("bench") as connection:
        queue = await (await connection.channel()).declare_queue("bench.results", durable=True)
        await queue.bind(_NAMES.results, routing_key="#")
