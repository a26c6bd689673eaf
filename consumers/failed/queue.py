"""The failed queue: looked through as a whole, and messages of it taken in hand; nothing is lost by either."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

from aio_pika.abc import AbstractConnection
from aiormq.abc import DeliveredMessage

from consumers.broker import declare
from consumers.broker.incoming_message import Content
from consumers.broker.queue_names import QueueNames
from consumers.broker.session import Broker
from consumers.broker.topology import Topology
from consumers.failed.following import Following
from consumers.failed.message import Queued, id_of
from consumers.failed.operator_lock import OperatorLock
from consumers.failed.walk import Walk, ready_count

IN_HAND_MAX_BYTES = 64 * 1024 * 1024
BACK_WITHIN_S = 30.0
LOOK_S = 0.05

See = Callable[[Queued], None]


@dataclass(slots=True, kw_only=True)
class Hand:
    """Messages in hand, by id; equal messages share one. `is_full`: more did not fit."""

    walk: Walk
    messages: dict[str, list[Queued]] = field(default_factory=dict)
    is_full: bool = False
    count: int = 0
    size_bytes: int = 0

    @property
    def delivery_tags(self) -> set[int]:
        """What the broker calls them."""
        return {cast(Content, message).delivery_tag for equal in self.messages.values() for message in equal}

    async def remove(self, message: Queued) -> None:
        """Take one out of the queue for good."""
        await self.walk.remove(cast(Content, message).delivery_tag)
        self.count -= 1


class FailedQueue:
    """The queue, over a connection of its own: one whose end gives everything back."""

    def __init__(self, connection: AbstractConnection, names: QueueNames, *, patience_s: float) -> None:
        self._connection = connection
        self._queue = names.failed
        self._seat = OperatorLock(connection, names)
        self._patience_s = patience_s

    @classmethod
    async def open(
        cls,
        address: Broker,
        names: QueueNames,
        broker_version: tuple[int, ...],
        *,
        patience_s: float,
        whole: bool = False,
    ) -> "FailedQueue":
        """Connect.

        Args:
            patience_s: how long to wait for another operator.
            whole: see also what is larger than a command may be, in one piece.

        Raises:
            TopologyMismatch: the queue is missing, or declared so that looking through it would lose messages in the
                end: a delivery limit, which RabbitMQ 4 gives a queue by itself (docs/decisions/0003).
        """
        forms = Topology.of(names, 1, broker_version=broker_version).queues
        failed = tuple(form for form in forms if form.name == names.failed)
        await declare.check(lambda: address.connect("roomsync failed"), Topology(exchanges=(), queues=failed))
        return cls(await address.connect("roomsync failed", whole=whole), names, patience_s=patience_s)

    async def look_through(self, see: See) -> int:
        """Show each message that lies there and leave all of them in place; returns how many there are.

        Raises:
            SeatTaken: another operator has messages in hand all the time.
        """

        def visit(raw: DeliveredMessage) -> bool:
            see(Content(raw))
            return True

        async with self._seated():
            async with Walk(self._connection, self._queue) as walk:
                count = await walk.visit_all(visit)
            await self._until_back(count)
        return count

    @asynccontextmanager
    async def taken(self, wanted: Counter[str]) -> AsyncIterator[Hand]:
        """Take messages in hand by their ids, so many of each, as far as they are there.

        What was not removed goes back at the end. What was not asked for goes back at once, and the seat is free again:
        others may look through the queue meanwhile.
        """
        async with Walk(self._connection, self._queue, keeps=True) as walk:
            hand = Hand(walk=walk)
            async with self._seated():
                seen = await walk.visit_all(lambda raw: _keep(hand, raw, wanted))
                await walk.give_back_but(hand.delivery_tags)
                await self._until_back(seen - hand.count)
            yield hand
            others_count = await ready_count(self._connection, self._queue)
        if hand.count:
            await self._until_back(others_count + hand.count)

    async def _until_back(self, count: int) -> None:
        """The next one to look must find what was given back, and that takes the broker a moment."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + BACK_WITHIN_S
        # Nothing reports it.
        while await ready_count(self._connection, self._queue) < count and loop.time() < until_s:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_S)

    async def follow(self, names: QueueNames) -> Following:
        """Follow results from now on."""
        return await Following.open(self._connection, names)

    async def close(self) -> None:
        """Let go of everything."""
        await self._connection.close()

    @asynccontextmanager
    async def _seated(self) -> AsyncIterator[None]:
        await self._seat.take(within_s=self._patience_s)
        try:
            yield
        finally:
            if not self._connection.is_closed:
                await self._seat.leave()


def _keep(hand: Hand, raw: DeliveredMessage, wanted: Counter[str]) -> bool:
    message = Content(raw)
    failed_id = id_of(message)
    if len(hand.messages.get(failed_id, ())) >= wanted.get(failed_id, 0):
        return True
    if hand.count and hand.size_bytes + len(message.body) > IN_HAND_MAX_BYTES:
        hand.is_full = True
        return False
    hand.messages.setdefault(failed_id, []).append(message)
    hand.count += 1
    hand.size_bytes += len(message.body)
    return hand.count < wanted.total()
