"""How many messages wait at the broker: asked now and then, never by a scrape."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from aio_pika.exceptions import AMQPError
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from consumers.broker.queue_names import QueueNames
from consumers.policy import DEFER_TIERS_S

READ_EVERY_S = 15.0
_WITHIN_S = 10.0
STALE_AFTER_S = 60.0
"""Rather no figure than an old one."""


class Broker(Protocol):
    """The part of a session that is needed here."""

    async def depth(self, queue: str) -> tuple[int, int] | None:
        """Messages that wait and consumers, or None where there is no such queue."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Depths:
    """One reading. `messages`: what waits, by queue, the partitions as one; what workers hold is not in it."""

    messages: dict[str, int]
    partitions_without_consumer: int
    sole: frozenset[int]
    """Partitions with one consumer, which is the reader."""


class QueueMetrics(Collector):
    """Keeps the last reading for whoever scrapes."""

    def __init__(
        self,
        registry: CollectorRegistry,
        names: QueueNames,
        partition_count: int,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._names = names
        self._partition_count = partition_count
        self._monotonic = monotonic
        self._last: Depths | None = None
        self._read_s = 0.0
        registry.register(self)

    @property
    def last(self) -> Depths | None:
        """The last reading, unless it is too old."""
        fresh = self._monotonic() - self._read_s < STALE_AFTER_S
        return self._last if fresh else None

    async def read(self, broker: Broker) -> None:
        """Ask the broker, one queue after another. Where it does not answer, the last reading stays until it is old."""
        try:
            async with asyncio.timeout(_WITHIN_S):
                self._last = await self._depths(broker)
        except (AMQPError, OSError, TimeoutError):
            return
        self._read_s = self._monotonic()

    async def _depths(self, broker: Broker) -> Depths:
        names = self._names
        partitions = [await broker.depth(names.partition(number)) or (0, 0) for number in range(self._partition_count)]
        messages = {"commands": sum(waiting for waiting, _ in partitions)}
        for tier_s in DEFER_TIERS_S:
            messages[f"deferred.{tier_s}"] = await _waiting(broker, names.deferred(tier_s))
        messages["failed"] = await _waiting(broker, names.failed)
        return Depths(
            messages=messages,
            partitions_without_consumer=sum(not consumers for _, consumers in partitions),
            sole=frozenset(number for number, (_, consumers) in enumerate(partitions) if consumers == 1),
        )

    def collect(self) -> Iterator[Metric]:
        """For the registry."""
        waiting = GaugeMetricFamily(
            "roomsync_queue_messages",
            "Messages that wait in a queue, all partitions as one (commands); every worker tells the same.",
            labels=["queue"],
        )
        orphans = GaugeMetricFamily(
            "roomsync_partitions_without_consumer", "Partitions that no worker at all consumes; every worker tells."
        )
        last = self.last
        if last is not None:
            for queue, count in last.messages.items():
                waiting.add_metric([queue], count)
            orphans.add_metric([], last.partitions_without_consumer)
        yield waiting
        yield orphans

    def describe(self) -> Iterator[Metric]:
        """The names that `collect` gives; see the registry."""
        return self.collect()


async def _waiting(broker: Broker, queue: str) -> int:
    depth = await broker.depth(queue)
    return depth[0] if depth else 0
