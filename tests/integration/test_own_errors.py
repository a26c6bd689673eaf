"""Errors of our own, odd notes and odd counts on a real RabbitMQ: no healthy command is charged for them."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from aio_pika import DeliveryMode, Message
from aio_pika.abc import HeadersType

from consumers.broker.incoming_message import AlreadySettled, Received, State
from consumers.broker.session import BrokerAddress, Session, Subscription
from consumers.settlement.unowned_deliveries import Strays
from tests.builders import a_command
from tests.consumer_harness import ConsumerHarness
from tests.integration.in_flight import commands_in_flight, in_use
from tests.tcp_proxy import TcpProxy
from tests.waiting import until

pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]

BOARD = "board@acme.example"


async def publish(harness: ConsumerHarness, booking: str, headers: HeadersType, **properties: Any) -> None:  # noqa: ANN401 - as aio-pika has them
    """A healthy command with somebody's headers."""
    body = json.dumps(a_command(booking_id=booking, room=BOARD)).encode()
    message = Message(body, headers=headers, delivery_mode=DeliveryMode.PERSISTENT, message_id=booking, **properties)
    exchange = await harness.channel.get_exchange(harness.names.commands, ensure=False)
    await exchange.publish(message, BOARD, mandatory=True)
    harness.published.append(booking)


async def test_an_error_of_ours_in_settling_waits_before_it_returns_anything(harness: ConsumerHarness) -> None:
    touched = harness.calendar._touched
    # A result cannot be made of it.
    harness.calendar._touched = lambda ref: replace(touched(ref), item_id="\ud800")  # type: ignore[method-assign]
    partitions = harness.intake.partitions
    await publish(harness, "B-1", {})
    await harness.until(
        lambda: list(harness.intake.lanes.snapshot()) == [] and bool(harness.calendar.requests), "a verdict"
    )
    first_s = partitions.last_arrival_s
    assert await harness.until(lambda: partitions.last_arrival_s > first_s, "the command to come again") > 4
    await harness.stop()
    (returned,) = await taken_from_partitions(harness)
    assert int(str(returned.headers["x-delivery-count"])) <= 2
    assert harness.failed.messages == []


async def taken_from_partitions(harness: ConsumerHarness) -> list[Received]:
    """What lies in the partitions, taken by a consumer that keeps it."""
    taken: list[Received] = []

    async def keep(message: Received) -> None:
        taken.append(message)

    session = await Session.open(BrokerAddress(url=harness.url), harness.names)
    try:
        queues = [harness.names.partition(number) for number in range(harness.intake.partition_count)]
        await session.consume(*(Subscription(queue, 10, keep) for queue in queues))
        await until(lambda: taken)
    finally:
        await session.close()
    return taken


@pytest.mark.parametrize("timestamp", [None, datetime(2026, 11, 20, 9, tzinfo=UTC)], ids=["alone", "with a timestamp"])
@pytest.mark.parametrize("first_seen_at", ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-23:59"])
async def test_a_note_of_an_impossible_instant_costs_a_healthy_command_nothing(
    harness: ConsumerHarness, first_seen_at: str, timestamp: datetime | None
) -> None:
    await publish(harness, "B-1", {"x-roomsync-first-seen-at": first_seen_at}, timestamp=timestamp)
    await harness.until_done()
    assert len(in_use(harness).handed_out) == 0
    await harness.assert_exact()


async def test_a_count_of_deliveries_from_elsewhere_parks_no_command(harness: ConsumerHarness, proxy: TcpProxy) -> None:
    harness.calendar.pause()
    await publish(harness, "B-1", {"x-delivery-count": 50})
    await harness.until(lambda: sum(harness.calendar.in_flight.values()) > 0, "a request in flight")
    session = in_use(harness)
    proxy.cut()
    await harness.until(lambda: session.is_lost, "the session to be given up")
    await harness.until_ready()
    harness.calendar.resume()
    await harness.until_done()
    await harness.assert_exact()


async def test_what_stays_in_nobodys_hands_is_told_and_comes_again(harness: ConsumerHarness) -> None:
    harness.intake._strays = Strays(stray_s=0.5)
    await commands_in_flight(harness, 8)
    for lane in harness.intake.lanes._lanes.values():
        lane.take_waiting(lambda _: True)
    await harness.until(lambda: harness.standing is not None and "left lying" in harness.standing, "to be told")
    harness.calendar.resume()
    await harness.until_done()
    await harness.assert_exact()


@pytest.fixture
async def handed(harness: ConsumerHarness) -> AsyncIterator[tuple[Session, Received]]:
    """A message of a queue of its own, in the hands of a session of its own."""
    queue = await harness.channel.declare_queue(
        f"{harness.names.prefix}.one", arguments={"x-queue-type": "quorum"}, durable=True
    )
    await harness.channel.default_exchange.publish(Message(b"{}"), queue.name)
    taken: list[Received] = []

    async def keep(message: Received) -> None:
        taken.append(message)

    session = await Session.open(BrokerAddress(url=harness.url), harness.names)
    await session.consume(Subscription(queue.name, 1, keep))
    await until(lambda: taken)
    yield session, taken[0]
    await session.close()


async def test_a_delivery_that_was_given_back_is_not_acknowledged_and_its_channel_stays_open(
    handed: tuple[Session, Received],
) -> None:
    session, message = handed
    await message.nack(requeue=True)
    with pytest.raises(AlreadySettled):
        await message.ack()
    assert message.state is State.RETURNED
    await session.until_publishable()
    assert not session.is_lost


async def test_rabbitmq_closes_the_channel_when_a_tag_is_settled_twice_as_the_fake_does(
    handed: tuple[Session, Received],
) -> None:
    session, message = handed
    await message.ack()
    await message._channel.basic_ack(message._tag, wait=False)
    async with asyncio.timeout(10):
        await session.lost.wait()
    assert "PRECONDITION_FAILED - unknown delivery tag" in session.why_lost
