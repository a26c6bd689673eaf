"""What becomes of commands in hand when the broker runs out of memory or disk and takes no messages."""

import asyncio
from dataclasses import dataclass

import pytest

from adapters.rabbitmq.node import BrokerNode
from tests.consumer_harness import ConsumerHarness
from tests.integration.in_flight import commands_in_flight, in_use, lost

pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]

BLOCKED = "the broker blocks publishing (memory or disk alarm)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """The orders that make the broker believe that it runs out of something, and that all is well."""

    raised: tuple[str, str]
    cleared: tuple[str, str]


MEMORY = Alarm(
    raised=("set_vm_memory_high_watermark", "0"),
    cleared=("set_vm_memory_high_watermark", "0.4"),
)
DISK = Alarm(raised=("set_disk_free_limit", "1000000GB"), cleared=("set_disk_free_limit", "50MB"))


@pytest.mark.parametrize("alarm", [MEMORY, DISK], ids=["memory", "disk"])
async def test_with_an_alarm_what_is_done_waits_to_be_told_and_is_not_given_back(
    harness: ConsumerHarness, node: BrokerNode, alarm: Alarm
) -> None:
    await commands_in_flight(harness)
    session = in_use(harness)
    await asyncio.to_thread(node.ctl, *alarm.raised)
    try:
        await harness.until(lambda: harness.standing == BLOCKED, "the alarm to be told")
        harness.calendar.resume()
        await harness.until(lambda: sum(map(len, harness.calendar.events.values())) >= 4, "an event in each room")
        assert harness.results.messages == []
    finally:
        await asyncio.to_thread(node.ctl, *alarm.cleared)
    await harness.until_done()
    assert harness.intake.session is session
    assert harness.standing is None
    await harness.assert_exact()


async def test_in_an_alarm_that_lasts_everything_goes_back_once_and_nothing_is_taken(
    harness: ConsumerHarness, node: BrokerNode
) -> None:
    await commands_in_flight(harness)
    session = in_use(harness)
    await asyncio.to_thread(node.raise_memory_alarm)
    try:
        await harness.until(lambda: harness.standing == BLOCKED, "the alarm to be told")
        harness.intake.unconfirmed_max_s = 1
        harness.calendar.resume()
        assert "has not confirmed" in await lost(harness, session)
        await harness.until(lambda: harness.standing == BLOCKED, "the new session to hear of the alarm")
        assert await harness.in_queues() == len(harness.published)
    finally:
        await asyncio.to_thread(node.clear_memory_alarm)
    await harness.until_done()
    await harness.assert_exact()
