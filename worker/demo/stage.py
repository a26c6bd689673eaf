"""Sets the stage and clears it away: broker, Exchange stand-in, a real worker between them, and who listens to it."""

import asyncio
import json
import secrets
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from aio_pika import DeliveryMode, Message

from adapters.rabbitmq.folder import free_ports
from adapters.simulator import Simulator
from consumers.broker.session import Session
from worker.demo.broker import PARTITIONS, Broker, given_broker, own_broker
from worker.demo.show import Show
from worker.demo.story import ROOMS, TENANT, Command
from worker.demo.watch import Results
from worker.demo.worker_process import WorkerProcess
from worker.started import CODE, Started, worker_command

READY_WITHIN_S = 45.0
LOOK_EVERY_S = 0.05

_ACCOUNT = "svc-rooms@acme.example"
_PASSWORD = "ROOMSYNC_DEMO_PASSWORD"  # noqa: S105 - the name of a variable
_URL = "ROOMSYNC_DEMO_AMQP_URL"
_LATENCY_MS = 20.0

_CONFIGURATION = """\
[broker]
url_env = "{url_env}"
prefix = "{prefix}"
partitions = {partitions}
[ledger]
url = "sqlite:///ledger.db"
[http]
bind = "{http}"
[sync]
# Shorter than in earnest, so that a minute is enough.
request_timeout_s = 4
claim_s = 12
second_look_s = 15
[[tenant]]
name = "{tenant}"
domains = ["acme.example"]
backend = "ews"
access = "impersonation"
service_url = "{service_url}"
ca_file = {ca_file}
[tenant.auth]
kind = "basic"
username = "{account}"
password_env = "{password_env}"
"""


class DemoStuck(Exception):
    """Something did not happen in its time; the text ends with the last lines of the worker's log."""


@dataclass(slots=True, kw_only=True)
class Stage:
    """All that takes part."""

    broker: Broker
    exchange: Simulator
    worker: WorkerProcess
    session: Session
    results: Results

    async def publish(self, command: Command, day: date) -> None:
        """Publish as SpaceIQ does: confirmed, and in a queue. Raises `NotPublished`."""
        message = Message(
            json.dumps(command.body(day)).encode(),
            content_type="application/json",
            delivery_mode=DeliveryMode.PERSISTENT,
            message_id=command.message_id,
        )
        await self.session.to_commands(message, command.meeting.room.address)

    async def until(self, holds: Callable[[], Awaitable[bool]], what: str, *, within_s: float) -> None:
        """Wait for a thing itself. Raises `DemoStuck` when it does not come true in time, or the worker ends."""
        try:
            async with asyncio.timeout(within_s):
                while not await holds():
                    if self.worker.started.has_ended:
                        raise DemoStuck(f"The worker has ended. Its last words:\n{self.worker.started.log_tail()}")
                    await asyncio.sleep(LOOK_EVERY_S)
        except TimeoutError:
            trouble = f"{what} did not happen within {within_s:.0f} s. The worker's last words:"
            raise DemoStuck(f"{trouble}\n{self.worker.started.log_tail()}") from None

    async def is_quiet(self) -> bool:
        """Whether nothing is on its way any more, in no queue and in no room."""
        for queue in self.broker.queues():
            depth = await self.session.depth(queue)
            if depth is None or depth[0]:
                return False
        return await self.worker.is_idle()

    async def failed_count(self) -> int:
        """How many messages need a person."""
        depth = await self.session.depth(self.broker.names.failed)
        return depth[0] if depth else 0


@asynccontextmanager
async def set_stage(show: Show, given_url: str | None) -> AsyncIterator[Stage]:
    """Set it, and clear all of it away whatever happens.

    Args:
        given_url: a broker to use; None: a node of our own.

    Raises:
        BrokerDidNotStart, GivenBrokerUnusable, DemoStuck: something does not start.
    """
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="roomsync-demo-")))
        with show.waiting("the named RabbitMQ is asked" if given_url else "RabbitMQ starts"):
            broker = await stack.enter_async_context(given_broker(given_url) if given_url else own_broker())
        password = secrets.token_urlsafe()
        exchange = Simulator(
            {_ACCOUNT: password},
            rooms=[room.address for room in ROOMS],
            latency_ms=_LATENCY_MS,
            ca_directory=folder / "exchange",
        )
        stack.push_async_callback(exchange.stop)
        await exchange.start()
        show.note(f"The Exchange stand-in listens on {exchange.url}")
        session = await Session.open(broker.address, broker.names, name="roomsync demo")
        stack.push_async_callback(session.close)
        worker = await _start_worker(folder, broker, exchange, password)
        stack.push_async_callback(worker.started.end)
        stage = Stage(broker=broker, exchange=exchange, worker=worker, session=session, results=Results(show.result))
        with show.waiting("the worker starts"):
            await stage.until(worker.is_ready, "The worker's start", within_s=READY_WITHIN_S)
        listening = await stack.enter_async_context(await broker.address.connect("roomsync demo results"))
        await stage.results.listen(listening, broker.names)
        yield stage


async def _start_worker(folder: Path, broker: Broker, exchange: Simulator, password: str) -> WorkerProcess:
    http = f"127.0.0.1:{free_ports(1)[0]}"
    config = folder / "roomsync.toml"
    config.write_text(
        _CONFIGURATION.format(
            url_env=_URL,
            prefix=broker.names.prefix,
            partitions=PARTITIONS,
            http=http,
            tenant=TENANT,
            service_url=exchange.url,
            ca_file=json.dumps(str(exchange.ca_file)),
            account=_ACCOUNT,
            password_env=_PASSWORD,
        )
    )
    environment = {_URL: broker.address.url, _PASSWORD: password}
    started = await Started.start(
        worker_command(config), folder=CODE, environment=environment, log=folder / "worker.log"
    )
    return WorkerProcess(started, http)
