"""What becomes of commands in hand when the broker runs out of memory or disk and takes no messages."""

import asyncio
from dataclasses import dataclass

import pytest

from adapters.rabbitmq.node import BrokerNode
from tests.intake_stage import IntakeStage
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
    stage: IntakeStage, node: BrokerNode, alarm: Alarm
) -> None:
    await commands_in_flight(stage)
    session = in_use(stage)
    await asyncio.to_thread(node.ctl, *alarm.raised)
    try:
        await stage.until(lambda: stage.standing == BLOCKED, "the alarm to be told")
        stage.calendar.resume()
        await stage.until(lambda: sum(map(len, stage.calendar.events.values())) >= 4, "an event in each room")
        assert stage.results.messages == []
    finally:
        await asyncio.to_thread(node.ctl, *alarm.cleared)
    await stage.until_done()
    assert stage.intake.session is session
    assert stage.standing is None
    await stage.assert_exact()


async def test_in_an_alarm_that_lasts_everything_goes_back_once_and_nothing_is_taken(
    stage: IntakeStage, node: BrokerNode
) -> None:
    await commands_in_flight(stage)
    session = in_use(stage)
    await asyncio.to_thread(node.raise_memory_alarm)
    try:
        await stage.until(lambda: stage.standing == BLOCKED, "the alarm to be told")
        stage.intake.unconfirmed_max_s = 1
        stage.calendar.resume()
        assert "has not confirmed" in await lost(stage, session)
        await stage.until(lambda: stage.standing == BLOCKED, "the new session to hear of the alarm")
        assert await stage.in_queues() == len(stage.published)
    finally:
        await asyncio.to_thread(node.clear_memory_alarm)
    await stage.until_done()
    await stage.assert_exact()
