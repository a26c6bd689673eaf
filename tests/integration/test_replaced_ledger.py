"""A ledger that takes the place of a lost one: a worker of the lost one may still be writing, so it waits first."""

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from adapters.rabbitmq.node import BrokerNode
from consumers.consumer import Consumer
from consumers.policy import SyncPolicy
from tests.intake_stage import CLOCKS, IntakeStage, an_intake, an_intake_stage

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


async def after_the_first(stage: IntakeStage) -> Consumer:
    """A worker with an empty ledger, the first one having ended."""
    await stage.stop()
    return an_intake(stage.url, stage.names, stage.calendar)


def scans_twice(consumer: Consumer) -> bool:
    return consumer.clocks.monotonic() < consumer.scan_twice_until_s


def run(stage: IntakeStage, intake: Consumer) -> None:
    """Let it be the stage's worker."""
    stage.intake = intake
    stage.running = asyncio.create_task(intake.run())


async def test_nothing_is_taken_or_asked_for_as_long_as_a_claim_of_the_lost_ledger_may_last(
    broker: BrokerNode, amqp_prefix: str
) -> None:
    async with an_intake_stage(broker.url, amqp_prefix) as stage:
        second, sleeps = await after_the_first(stage), LongSleeps()
        second.clocks = replace(CLOCKS, sleep=sleeps)
        await stage.publish("B-1", ROOM)
        run(stage, second)
        await stage.until(sleeps.begun.is_set, "the wait")
        assert CLAIM_S - 60 < sleeps.for_s <= CLAIM_S
        assert "took the place of another one" in str(second.standing.ledger)
        assert await stage.in_queues() == 1
        assert stage.calendar.requests == []

        sleeps.over.set()
        await stage.until_done()
        assert [call.kind for call in stage.calendar.requests] == ["scan", "create"]
        await stage.stop()


async def test_a_first_ledger_waits_for_nobody(broker: BrokerNode, amqp_prefix: str) -> None:
    sleeps = LongSleeps()
    async with an_intake_stage(broker.url, amqp_prefix, consuming=False) as stage:
        stage.intake.clocks = replace(CLOCKS, sleep=sleeps)
        await stage.until_ready()
        await stage.publish("B-1", ROOM)
        await stage.until_done()
        assert not sleeps.begun.is_set()
        await stage.assert_exact()


async def test_only_a_ledger_that_took_anothers_place_has_its_rooms_scanned_twice(
    broker: BrokerNode, amqp_prefix: str
) -> None:
    async with an_intake_stage(broker.url, amqp_prefix) as stage:
        assert not scans_twice(stage.intake)
        second = await after_the_first(stage)
        sleeps = LongSleeps()
        sleeps.over.set()
        second.clocks = replace(CLOCKS, sleep=sleeps)
        run(stage, second)
        await stage.until_ready()
        assert scans_twice(second)
