"""The connections to the broker and all that hangs on them; when one is lost, everything is let go together.

Not aio-pika's robust connection: deliveries of a lost connection can never be acknowledged, and knowing which ones
those are is what keeps a redelivered command from being worked on twice (docs/decisions/0001).
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import cast

import aio_pika
from aio_pika import Message
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import AMQPError, ChannelNotFoundEntity
from aiormq.abc import DeliveredMessage
from aiormq.channel import Channel
from pamqp import commands as spec

from consumers.broker.address import Broker, BrokerAddress
from consumers.broker.errors import BrokerLost, NotPublished, client_errors
from consumers.broker.incoming_message import HandedOut, Received
from consumers.broker.publisher import Prepared, Publisher, Sendable
from consumers.broker.queue_names import QueueNames
from consumers.messages.result import ResultEvent

__all__ = ["Broker", "BrokerAddress", "Cancel", "NotPublished", "OnMessage", "Session", "Subscription"]

CLOSE_WITHIN_S = 5.0

OnMessage = Callable[[Received], Coroutine[None, None, None]]
OnDelivered = Callable[[DeliveredMessage], Coroutine[None, None, None]]
Cancel = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Subscription:
    """Who takes the messages of a queue, and how many at once."""

    queue: str
    prefetch: int
    on_message: OnMessage


class Session:
    """A connection for publishing, one for questions, and one for each consumer (docs/decisions/0016)."""

    def __init__(
        self,
        connect: Callable[[str], Awaitable[AbstractConnection]],
        asking: AbstractConnection,
        publishing: AbstractConnection,
        channel: AbstractChannel,
        client: Channel,
        names: QueueNames,
    ) -> None:
        self._connect = connect
        self._asking = asking
        self._connections = [asking, publishing]
        self._names = names
        self._consumed: list[str] = []
        # aio-pika's channels are kept: it is they who tell that one was closed.
        self._channels = [channel]
        self.lost = asyncio.Event()
        """Set once nothing of this session can be acknowledged or published any more."""
        self.why_lost = ""
        self.handed_out = HandedOut(self.lost.is_set)
        self.unrouted_results = 0
        self._publisher = Publisher(publishing, client, lost=self.lost, lose=self.lose)
        for each in (asking, publishing, channel):
            each.close_callbacks.add(self._on_close)

    @classmethod
    async def open(cls, address: Broker, names: QueueNames, *, name: str = "roomsync") -> "Session":
        """Connect and open the publishing channel, with confirms."""

        async def connect(purpose: str) -> AbstractConnection:
            return await address.connect(f"{name} ({purpose})")

        async with AsyncExitStack() as half_open:
            asking = await connect("asking")
            half_open.push_async_callback(_close, asking)
            publishing = await connect("publishing")
            half_open.push_async_callback(_close, publishing)
            with client_errors():
                channel = await publishing.channel(publisher_confirms=True)
                client = cast(Channel, await channel.get_underlay_channel())
                # The answer to a publish tells that nobody took it; aio-pika would make a message of what comes back.
                client.on_return_callbacks.clear()
            half_open.pop_all()
        return cls(connect, asking, publishing, channel, client, names)

    def lose(self, why: str) -> None:
        """Give the session up: whoever runs it closes it and opens a new one."""
        if not self.is_lost:
            self.why_lost = why
            self.lost.set()

    def _on_close(self, _closed: object, why: BaseException | type[BaseException] | None = None) -> None:
        # A connection that went silent is closed with CancelledError.
        known = why if isinstance(why, Exception) else None
        self.lose(f"{type(known).__name__}: {known}" if known else "the connection to the broker went silent")

    @property
    def is_lost(self) -> bool:
        """Whether deliveries of this session will come again by themselves."""
        return self.lost.is_set()

    @property
    def trouble(self) -> str | None:
        """What keeps the session from being used at this moment, in words for the operator, or None."""
        if self.is_lost:
            return "the connection to the broker was lost"
        return self._publisher.trouble

    @property
    def unconfirmed_s(self) -> float:
        """For how long the message that waits longest has waited for its confirm; 0 when none does."""
        return self._publisher.waiting_s

    @property
    def broker_version(self) -> tuple[int, ...]:
        """The broker's version as it told it, such as (3, 10, 8)."""
        transport = self._asking.transport
        told = transport.connection.server_properties.get("version", "") if transport else ""
        text = told.decode() if isinstance(told, bytes) else str(told)
        return tuple(int(part) for part in text.split("-")[0].split(".") if part.isdigit())

    async def consume(self, *consumers: Subscription) -> list[Cancel]:
        """Consume queues, one begun after the other. Returns what cancels each and leaves its channel for the acks."""
        # Whatever becomes of one, all are waited for: what opened later would stay open.
        opened = await asyncio.gather(*(self._line(each.queue) for each in consumers), return_exceptions=True)
        for one in opened:
            if isinstance(one, BaseException):
                raise one
        connections = [one for one in opened if not isinstance(one, BaseException)]
        return [await self._begin(each, on) for each, on in zip(consumers, connections, strict=True)]

    async def _line(self, queue: str) -> AbstractConnection:
        connection = await self._connect(queue)
        connection.close_callbacks.add(self._on_close)
        self._connections.append(connection)
        return connection

    async def _begin(self, consumer: Subscription, connection: AbstractConnection) -> Cancel:
        queue = consumer.queue
        with client_errors():
            channel = await connection.channel(publisher_confirms=False)
            channel.close_callbacks.add(self._on_close)
            client = await channel.get_underlay_channel()
            client.on_consumer_cancel_callbacks.add(lambda _: self.lose(f"the broker ended the consumer of {queue}"))
            await channel.set_qos(prefetch_count=consumer.prefetch)
            consumed = await client.basic_consume(queue, _handing_to(consumer.on_message, self.handed_out))
        self._consumed.append(queue)
        self._channels.append(channel)

        async def cancel() -> None:
            if not self.is_lost:
                with client_errors():
                    await client.basic_cancel(str(consumed.consumer_tag))

        return cancel

    async def has_all_consumers(self) -> bool:
        """Whether the broker knows a consumer of each queue that is consumed here; not every loss of one is told."""
        depths = [await self.depth(queue) for queue in self._consumed]
        return all(depth is not None and depth[1] > 0 for depth in depths)

    async def depth(self, queue: str) -> tuple[int, int] | None:
        """How many messages wait in a queue and how many consumers it has; None where there is no such queue."""
        with client_errors():
            channel = await self._asking.channel(publisher_confirms=False)
            try:
                declared = await channel.declare_queue(queue, passive=True)
            except ChannelNotFoundEntity:
                return None
            result = declared.declaration_result
            await channel.close()
        return result.message_count or 0, result.consumer_count or 0

    async def until_publishable(self) -> None:
        """Return once the broker takes messages: it tells of an alarm only who publishes during it.

        Raises:
            NotPublished: the session was lost meanwhile.
        """
        await self._send("", Message(b""), f"{self._names.prefix}.nobody")

    async def to_commands(self, message: Sendable, room: str) -> None:
        """Publish a command, confirmed."""
        await self._publish(self._names.commands, message, room)

    async def to_deferred(self, message: Sendable, routing_key: str, tier_s: int) -> None:
        """Send a message away for `tier_s` seconds, confirmed."""
        await self._publish(self._names.deferred(tier_s), message, routing_key)

    async def to_failed(self, message: Sendable, routing_key: str) -> None:
        """Park a message, confirmed."""
        await self._publish(self._names.failed, message, routing_key)

    async def result(self, event: ResultEvent) -> None:
        """Publish a result event, confirmed; one that nobody has bound a queue for is counted and dropped."""
        properties = spec.Basic.Properties(
            content_type="application/json",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            correlation_id=event.message_id,
        )
        message = Prepared(event.to_json(), properties)
        if not await self._send(self._names.results, message, event.routing_key):
            self.unrouted_results += 1

    async def peek_ledger(self) -> bytes | None:
        """The message in the ledger's queue, which stays there; None where there is none."""
        with client_errors():
            channel = await self._asking.channel(publisher_confirms=False)
            try:
                client = await channel.get_underlay_channel()
                got = await client.basic_get(self._names.ledger)
                if got.delivery_tag is None:
                    return None
                await client.basic_nack(got.delivery_tag, requeue=True)
                return got.body
            finally:
                await channel.close()

    async def to_ledger(self, message: Message) -> None:
        """Replace the message in the ledger's queue, confirmed."""
        await self._publish("", message, self._names.ledger)

    async def _publish(self, exchange: str, message: Sendable, routing_key: str) -> None:
        if not await self._send(exchange, message, routing_key):
            # A queue of ours was deleted: the next session declares it again.
            missing = f"the exchange {exchange} has no queue" if exchange else f"there is no queue {routing_key}"
            self.lose(missing)
            raise NotPublished(missing)

    async def _send(self, exchange: str, message: Sendable, routing_key: str) -> bool:
        """Returns whether a queue took it."""
        if self.is_lost:
            raise NotPublished("the connection to the broker is lost")
        return await self._publisher.send(exchange, message, routing_key)

    async def close(self) -> None:
        """Close every connection; what was not acknowledged goes back to its queue."""
        self.lose("closed")
        await asyncio.gather(*map(_close, self._connections))


def _handing_to(on_message: OnMessage, handed_out: HandedOut) -> OnDelivered:
    """Without aio-pika's own consumer, which makes a second task for each message."""

    def hand(delivered: DeliveredMessage) -> Coroutine[None, None, None]:
        return on_message(Received(delivered, handed_out))

    return hand


async def _close(connection: AbstractConnection) -> None:
    """In order if the other side still answers; one that does not must not hold the worker."""
    with suppress(TimeoutError, AMQPError, BrokerLost, OSError):
        async with asyncio.timeout(CLOSE_WITHIN_S):
            with client_errors():
                await connection.close()
