"""One walk through the failed queue, from its head to the last message that lay there when it began.

Messages are taken without being acknowledged, and all that was not removed goes back to its place when the channel is
closed. Checked on RabbitMQ 3.10: a quorum queue gives the messages of a closed channel back at once and in order, while
giving 100,000 back one by one takes 10 s, and in blocks of thousands a minute.
"""

import asyncio
from collections.abc import Callable, Collection

from aio_pika.abc import AbstractConnection
from aiormq.abc import AbstractChannel, DeliveredMessage

from consumers.broker.errors import BrokerLost, client_errors

LOOK_S = 1.0
TAKEN_AT_ONCE = 500
"""What one consumer takes. The broker reads so many bodies of up to 256 KiB into its memory at once."""
TAKEN_AT_ONCE_MAX = 4000
CONSUMERS_IN_ORDER = 30
"""The broker gives back consumer by consumer; of more than 32 it keeps no order."""

Visit = Callable[[DeliveredMessage], bool]
"""Looks at a message and says whether the walk goes on."""


class Walk:
    """A channel with messages in hand. Use as `async with`; what was not removed goes back at its end.

    Args:
        keeps: some messages stay in hand for a while and the others are given back one by one. Taken in small blocks
            those are quick; the order of what goes back is then the broker's.
    """

    def __init__(self, connection: AbstractConnection, queue: str, *, keeps: bool = False) -> None:
        self._connection = connection
        self._queue = queue
        self._at_once_max = TAKEN_AT_ONCE if keeps else TAKEN_AT_ONCE_MAX
        self._tags: list[str] = []
        self._seen_count = 0
        self._goal_count = 0
        self._last_tag = 0
        self._goes_on = True
        self._arrived = asyncio.Event()
        self._channel: AbstractChannel

    async def __aenter__(self) -> "Walk":
        with client_errors():
            self._opened = await self._connection.channel(publisher_confirms=False)
            self._channel = await self._opened.get_underlay_channel()
        self._opened.close_callbacks.add(self._on_close)
        return self

    async def __aexit__(self, *_: object) -> None:
        if not self._opened.is_closed:
            with client_errors():
                await self._opened.close()

    async def visit_all(self, visit: Visit) -> int:
        """Visit each message that lies there now, in order; returns how many there were.

        Raises:
            BrokerLost: the connection ended; everything goes back by itself.
        """
        total = await ready_count(self._connection, self._queue)
        at_once = max(TAKEN_AT_ONCE, min(self._at_once_max, -(-total // CONSUMERS_IN_ORDER)))
        while self._goes_on and self._seen_count < total:
            self._goal_count = min(total, self._seen_count + at_once)
            await self._take(visit, self._goal_count - self._seen_count)
            if not await self._until_arrived():
                break
        await self._stop_taking()
        return self._seen_count

    async def remove(self, delivery_tag: int) -> None:
        """Take a message out of the queue for good."""
        with client_errors():
            await self._channel.basic_ack(delivery_tag)

    async def give_back_but(self, kept: Collection[int]) -> None:
        """Give back all but the kept ones before the walk ends."""
        with client_errors():
            for tag in range(1, self._last_tag + 1):
                if tag not in kept:
                    await self._channel.basic_nack(tag, requeue=True)

    async def _take(self, visit: Visit, count: int) -> None:
        async def on_message(message: DeliveredMessage) -> None:
            self._seen_count += 1
            self._last_tag = message.delivery_tag or 0
            if self._goes_on:
                self._goes_on = visit(message)
            # Never in the middle of a block: what is under way would stay in nobody's hands until the channel ends.
            if self._seen_count >= self._goal_count:
                self._arrived.set()

        self._arrived.clear()
        # A consumer that acknowledges nothing gets no more than its prefetch, in order.
        tag = f"operator-{len(self._tags):06}"
        with client_errors():
            await self._channel.basic_qos(prefetch_count=count)
            await self._channel.basic_consume(self._queue, on_message, consumer_tag=tag)
        self._tags.append(tag)

    async def _until_arrived(self) -> bool:
        """Whether all that was asked for came; not where somebody else took what was there a moment ago."""
        before = -1
        while not self._arrived.is_set():
            try:
                await asyncio.wait_for(self._arrived.wait(), LOOK_S)
            except TimeoutError:
                if self._seen_count == before and not await ready_count(self._connection, self._queue):
                    return False
                before = self._seen_count
        if self._opened.is_closed:
            raise BrokerLost("the connection to the broker is lost")
        return True

    async def _stop_taking(self) -> None:
        # Before anything is given back: a consumer with room would get it again.
        with client_errors():
            for tag in self._tags:
                await self._channel.basic_cancel(tag)
        self._tags.clear()

    def _on_close(self, *_: object) -> None:
        self._arrived.set()


async def ready_count(connection: AbstractConnection, queue: str) -> int:
    """How many messages lie there in nobody's hands."""
    with client_errors():
        channel = await connection.channel(publisher_confirms=False)
        declared = await channel.declare_queue(queue, passive=True)
        await channel.close()
    return declared.declaration_result.message_count or 0
