"""A ledger that takes the place of a lost one: a worker of the lost one may still be writing, so it waits first."""

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from adapters.rabbitmq.node import BrokerNode
from consumers.consumer import Consumer
from consumers.policy import SyncPolicy
from tests.consumer_harness import CLOCKS, ConsumerHarness, a_consumer, a_consumer_harness

pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]

CLAIM_S = SyncPolicy().claim_s
ROOM = "board@acme.example"


@dataclass(slots=True)
class LongSleeps:
    """Short waits are waited; one as long as a claim may last ends when it is told to."""

    for_s: float = 0.0
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, for_s: float) -> None:
        if for_s < CLAIM_S / 2:
            await asyncio.sleep(for_s)
            return
        self.for_s = for_s
        self.begun.set()
        await self.over.wait()


async def after_the_first(harness: ConsumerHarness) -> Consumer:
    """A worker with an empty ledger, the first one having ended."""
    await harness.stop()
    return a_consumer(harness.url, harness.names, harness.calendar)


def scans_twice(consumer: Consumer) -> bool:
    return consumer.clocks.monotonic() < consumer.scan_twice_until_s


def run(harness: ConsumerHarness, intake: Consumer) -> None:
    """Let it be the harness's worker."""
    harness.intake = intake
    harness.running = asyncio.create_task(intake.run())


async def test_nothing_is_taken_or_asked_for_as_long_as_a_claim_of_the_lost_ledger_may_last(
    broker: BrokerNode, amqp_prefix: str
) -> None:
    async with a_consumer_harness(broker.url, amqp_prefix) as harness:
        second, sleeps = await after_the_first(harness), LongSleeps()
        second.clocks = replace(CLOCKS, sleep=sleeps)
        await harness.publish("B-1", ROOM)
        run(harness, second)
        await harness.until(sleeps.begun.is_set, "the wait")
        assert CLAIM_S - 60 < sleeps.for_s <= CLAIM_S
        assert "took the place of another one" in str(second.standing.ledger)
        assert await harness.in_queues() == 1
        assert harness.calendar.requests == []

        sleeps.over.set()
        await harness.until_done()
        assert [call.kind for call in harness.calendar.requests] == ["scan", "create"]
        await harness.stop()


async def test_a_first_ledger_waits_for_nobody(broker: BrokerNode, amqp_prefix: str) -> None:
    sleeps = LongSleeps()
    async with a_consumer_harness(broker.url, amqp_prefix, consuming=False) as harness:
        harness.intake.clocks = replace(CLOCKS, sleep=sleeps)
        await harness.until_ready()
        await harness.publish("B-1", ROOM)
        await harness.until_done()
        assert not sleeps.begun.is_set()
        await harness.assert_exact()


async def test_only_a_ledger_that_took_anothers_place_has_its_rooms_scanned_twice(
    broker: BrokerNode, amqp_prefix: str
) -> None:
    async with a_consumer_harness(broker.url, amqp_prefix) as harness:
        assert not scans_twice(harness.intake)
        second = await after_the_first(harness)
        sleeps = LongSleeps()
        sleeps.over.set()
        second.clocks = replace(CLOCKS, sleep=sleeps)
        run(harness, second)
        await harness.until_ready()
        assert scans_twice(second)
