"""A harness for a story: a configuration, an Exchange for each tenant, the queues of a prefix, and the real program.

Everything bears the harness's own prefix and folder, so harnesses share one broker; all of it is gone at the end.
"""

import asyncio
import json
import secrets
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aio_pika
import aiohttp
from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage

from adapters.rabbitmq.folder import free_ports
from adapters.simulator import Simulator
from consumers.broker import declare
from consumers.broker.queue_names import QueueNames
from consumers.broker.topology import Topology
from tests.mailboxes import Collector, Results
from tests.programs import ROOMSYNC, Finished, Program, run_roomsync

LOOK_S = 0.05
QUICK_CLAIMS = {"request_timeout_s": 4, "claim_s": 10, "second_look_s": 15}
"""What a crash or a lost reply costs is then a quarter of a minute."""


@dataclass(kw_only=True)
class HarnessTenant:
    """A tenant with an Exchange of its own."""

    name: str = "acme"
    password: str = field(default_factory=lambda: f"pw-{secrets.token_hex(8)}")
    accepted: str | None = None
    """The password that Exchange accepts, if it is another."""
    latency_ms: float = 0
    simulator: Simulator = field(init=False)

    @property
    def domain(self) -> str:
        return f"{self.name}.example"

    @property
    def account(self) -> str:
        return f"svc-rooms@{self.domain}"

    @property
    def password_env(self) -> str:
        return f"PASSWORD_OF_{self.name.upper()}"

    def open_exchange(self, folder: Path) -> Simulator:
        authority = folder / f"exchange-{self.name}"
        accounts = {self.account: self.accepted or self.password}
        self.simulator = Simulator(accounts, domains=[self.domain], latency_ms=self.latency_ms, ca_directory=authority)
        return self.simulator

    def toml(self, *, within: str = "tenant.", password: str | None = None) -> str:
        """The tenant's table, or with `within` empty the content of a file in tenants.d."""
        secret = password or f'password_env = "{self.password_env}"'
        return (
            f'name = "{self.name}"\ndomains = ["{self.domain}"]\nservice_url = "{self.simulator.url}"\n'
            f'ca_file = "{self.simulator.ca_file}"\n'
            f'[{within}auth]\nkind = "basic"\nusername = "{self.account}"\n{secret}\n'
        )


@asynccontextmanager
async def exchange_of(tenant: HarnessTenant, folder: Path) -> AsyncIterator[None]:
    """The Exchange of a tenant that has a file of its own, which the story writes."""
    exchange = tenant.open_exchange(folder)
    await exchange.start()
    try:
        yield
    finally:
        await exchange.stop()


class ProgramHarness:
    """Put up by `async with`.

    Args:
        sync: values for `[sync]`.
        collects_failed: keep what is parked in `failed`; else it lies in its queue, for `roomsync failed`.
    """

    def __init__(
        self,
        folder: Path,
        broker_url: str,
        *tenants: HarnessTenant,
        partitions: int = 4,
        sync: Mapping[str, float] | None = None,
        collects_failed: bool = True,
    ) -> None:
        self.folder = folder
        self.names = QueueNames(f"t-{secrets.token_hex(4)}")
        self.tenants = tenants or (HarnessTenant(),)
        self.partitions = partitions
        self.url = broker_url
        self.http: dict[str, str] = {}
        """Where a worker answers, by the name of its configuration."""
        self._sync = dict(sync or {})
        self._collects_failed = collects_failed
        self._tiers: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.running: list[Program] = []
        self._ending = AsyncExitStack()
        self.results = Results(self.tails)
        self.failed = Collector(self.tails)
        self.connection: AbstractConnection
        self.channel: AbstractChannel

    @property
    def exchange(self) -> Simulator:
        """The Exchange of the first tenant."""
        return self.tenants[0].simulator

    @property
    def environment(self) -> dict[str, str]:
        """What the program finds in its environment: the tenants' passwords."""
        return {tenant.password_env: tenant.password for tenant in self.tenants}

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as ending:
            for tenant in self.tenants:
                await tenant.open_exchange(self.folder).start()
                ending.push_async_callback(tenant.simulator.stop)
            self.connection = await aio_pika.connect(self.url)
            ending.push_async_callback(self.connection.close)
            self.channel = await self.connection.channel()
            await declare.apply(self._connect, self.topology)
            ending.push_async_callback(self._clear)
            ending.push_async_callback(self._end_programs)
            listening = await self.connection.channel()
            ending.push_async_callback(listening.close)
            results = await listening.declare_queue(f"{self.names.prefix}.told", auto_delete=True)
            await results.bind(self.names.results, routing_key="#")
            await self.results.listen(results)
            if self._collects_failed:
                await self.failed.listen(await listening.get_queue(self.names.failed))
            self.configure()
            self._ending = ending.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._ending.aclose()

    async def _connect(self) -> AbstractConnection:
        return await aio_pika.connect(self.url)

    @property
    def topology(self) -> Topology:
        """What the program declares for this harness."""
        return Topology.of(self.names, self.partitions)

    def configure(
        self,
        name: str = "roomsync.toml",
        *,
        ledger: str = "ledger.db",
        prefix: str | None = None,
        url: str | None = None,
    ) -> str:
        """Write a configuration and return its name; each has a port of its own, so two workers can run."""
        sync = "\n".join(f"{key} = {value}" for key, value in self._sync.items())
        bind = f"127.0.0.1:{free_ports(1)[0]}"
        self.http.setdefault(name, f"http://{bind}")
        (self.folder / "tenants.d").mkdir(exist_ok=True)
        (self.folder / name).write_text(
            f'[broker]\nurl = "{url or self.url}"\nprefix = "{prefix or self.names.prefix}"\n'
            f'partitions = {self.partitions}\n[ledger]\nurl = "sqlite:///{ledger}"\n[http]\nbind = "{bind}"\n'
            f'[sync]\n{sync}\n[tenants]\ndirectory = "tenants.d"\n'
            + "".join(f"[[tenant]]\n{tenant.toml()}" for tenant in self.tenants)
        )
        return name

    async def run(self, *arguments: str, stdin: bytes = b"", config: str = "roomsync.toml") -> Finished:
        """Run a command with the harness's configuration to its end."""
        given = (*arguments, "--config", str(self.folder / config))
        return await run_roomsync(*given, environment=self.environment, stdin=stdin)

    async def worker(
        self,
        *options: str,
        config: str = "roomsync.toml",
        ready: bool = True,
        command: Sequence[str] = (str(ROOMSYNC),),
    ) -> Program:
        """Start a worker, by another command than the console script if one is given; with `ready` return once it
        consumes."""
        output = self.folder / f"worker-{len(self.running) + 1}.log"
        given = ("worker", "--config", str(self.folder / config), *options)
        program = await Program.start(*given, environment=self.environment, output=output, command=command)
        self.running.append(program)
        if ready:
            # With a ledger in another one's place it waits for a claim's time first.
            await self.until(
                lambda: bool(program.events("intake.consuming")) or program.code is not None, "a worker", within_s=90
            )
            assert program.code is None, program.tail
        return program

    async def work_off(self, *, idle_s: float = 1, within_s: float = 60) -> Program:
        """Let a worker do everything that there is to do."""
        program = await self.worker("--exit-when-idle", str(idle_s), ready=False)
        assert await program.ended(within_s) == 0, program.tail
        return program

    async def publish(self, commands: Iterable[Mapping[str, Any]]) -> Finished:
        """Publish through the program, as an operator does."""
        lines = "".join(json.dumps(command) + "\n" for command in commands)
        finished = await self.run("publish", "-", stdin=lines.encode())
        assert finished.code == 0, finished.said
        return finished

    async def send(self, command: Mapping[str, Any], *, key: str | None = None, **properties: Any) -> str:  # noqa: ANN401 - those of a message
        """Publish one command as a publisher does; returns its message id."""
        routing_key = str(command["room"]).lower() if key is None else key
        return await self.send_bytes(json.dumps(command).encode(), routing_key, **properties)

    async def send_bytes(self, body: bytes, key: str, **properties: Any) -> str:  # noqa: ANN401 - those of a message
        """Publish anything; returns its message id."""
        message_id = str(uuid.uuid4())
        given = {"content_type": "application/json", "message_id": message_id} | properties
        message = Message(body, delivery_mode=DeliveryMode.PERSISTENT, **given)
        exchange = await self.channel.get_exchange(self.names.commands, ensure=False)
        await exchange.publish(message, key, mandatory=True)
        return message_id

    async def sync(self, command: Mapping[str, Any], within_s: float = 30) -> dict[str, Any]:
        """Publish one command and return its result."""
        return await self.results.only(await self.send(command), within_s)

    async def readyz(self) -> tuple[int, dict[str, Any]]:
        """What the worker answers to whoever asks whether it is ready."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.http['roomsync.toml']}/readyz") as answer:
            return answer.status, await answer.json()

    async def depth(self, queue: str) -> int:
        """Messages that wait in a queue, those in somebody's hands left out."""
        channel = await self.connection.channel()
        declared = await channel.declare_queue(queue, passive=True)
        await channel.close()
        return declared.declaration_result.message_count or 0

    async def waiting(self) -> int:
        """Commands that wait in the partitions."""
        return sum([await self.depth(self.names.partition(number)) for number in range(self.partitions)])

    async def deferred(self, message_id: str, tier_s: int, within_s: float = 30) -> AbstractIncomingMessage:
        """Wait until a message has been deferred to a tier, and take it out; `bring_back` ends its wait early."""
        # One at a time: whoever listens holds the others' messages as well, until it lets go.
        async with self._tiers[tier_s], await self.connection.channel() as channel:
            collector = Collector(self.tails)
            await collector.listen(await channel.get_queue(self.names.deferred(tier_s), ensure=False))
            message = await collector.of(message_id, within_s)
            await message.ack()
        return message

    async def bring_back(self, message: AbstractIncomingMessage) -> None:
        """Publish a deferred message as the broker does when its time is over."""
        await self.send_bytes(
            message.body, message.routing_key or "", headers=message.headers, message_id=message.message_id
        )

    async def until(self, condition: Callable[[], bool], what: str, within_s: float = 30) -> None:
        """Wait until a condition holds that nothing reports."""
        until_s = asyncio.get_running_loop().time() + within_s
        while not condition():
            assert asyncio.get_running_loop().time() < until_s, f"waited {within_s} s for {what}\n{self.tails()}"
            await asyncio.sleep(LOOK_S)

    def tails(self) -> str:
        """The ends of all logs."""
        return "\n".join(program.tail for program in self.running)

    async def _end_programs(self) -> None:
        for program in self.running:
            await program.end()

    async def _clear(self) -> None:
        for queue in self.topology.queues:
            await self.channel.queue_delete(queue.name)
        for exchange in self.topology.exchanges:
            await self.channel.exchange_delete(exchange.name)
