"""The failed queue on a real broker: looking changes nothing, taking loses nothing, and one tool at a time takes.

A few thousand messages; ROOMSYNC_FAILED_MESSAGES asks for more (an operator's bad day has 100,000).
"""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import aio_pika
import pytest
import pytest_asyncio
from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractConnection, AbstractIncomingMessage

from adapters.rabbitmq.node import BrokerNode
from consumers.broker import declare
from consumers.broker.declare import TopologyMismatch
from consumers.broker.queue_names import QueueNames
from consumers.broker.session import BrokerAddress
from consumers.broker.topology import Topology
from consumers.failed.export import FileMessage
from consumers.failed.message import FailedMessage, describe, id_of
from consumers.failed.operator_lock import OperatorLock, SeatTaken
from consumers.failed.queue import FailedQueue
from consumers.failed.selection import GroupBy, Groups
from tests.builders import Tenants, a_body, a_tenant
from tests.mailboxes import Collector

pytestmark = [pytest.mark.broker, pytest.mark.timeout(600)]

MESSAGES = int(os.environ.get("ROOMSYNC_FAILED_MESSAGES", "2000"))
CODES = ["rights_missing", "room_not_found", "mailbox_full", "gave_up", "version_reused", "event_refused"]
TENANTS = Tenants(a_tenant())
VERSION = (3, 10)
BEGUN_AT = datetime(2026, 11, 20, tzinfo=UTC)


@pytest_asyncio.fixture
async def names(broker: BrokerNode, amqp_prefix: str) -> AsyncIterator[QueueNames]:
    names = QueueNames(amqp_prefix)
    topology = Topology.of(names, 1)
    await declare.apply(lambda: aio_pika.connect(broker.url), topology)
    yield names
    connection = await aio_pika.connect(broker.url)
    channel = await connection.channel()
    for queue in topology.queues:
        await channel.queue_delete(queue.name)
    for exchange in topology.exchanges:
        await channel.exchange_delete(exchange.name)
    await connection.close()


@pytest_asyncio.fixture
async def connection(broker: BrokerNode) -> AsyncIterator[AbstractConnection]:
    connection = await aio_pika.connect(broker.url)
    yield connection
    await connection.close()


async def fill(connection: AbstractConnection, names: QueueNames, count: int, *, first: int = 0) -> None:
    channel = await connection.channel()
    exchange = await channel.get_exchange(names.failed, ensure=False)
    places = asyncio.Semaphore(300)

    async def one(number: int) -> None:
        async with places:
            await exchange.publish(parked(number), f"room-{number % 300}@acme.example")

    await asyncio.gather(*(one(number) for number in range(first, first + count)))
    await channel.close()


def parked(number: int) -> Message:
    failed_at = BEGUN_AT + timedelta(seconds=number)
    notes: dict[str, str | int] = {
        "attempts": 1,
        "error-code": CODES[number % len(CODES)],
        "error-message": "It could not be done.",
        "failed-at": failed_at.isoformat(),
        "tenant": "acme",
        "room": f"room-{number % 300}@acme.example",
        "booking-id": f"B-{number}",
        "version": 1,
    }
    return Message(
        a_body(booking_id=f"B-{number}", room=f"room-{number % 300}@acme.example"),
        headers={f"x-roomsync-{name}": value for name, value in notes.items()},
        message_id=f"m-{number}",
        delivery_mode=DeliveryMode.PERSISTENT,
    )


async def opened(broker: BrokerNode, names: QueueNames, *, patience_s: float = 30) -> FailedQueue:
    return await FailedQueue.open(BrokerAddress(url=broker.url), names, VERSION, patience_s=patience_s)


async def looked_through(queue: FailedQueue) -> list[FailedMessage]:
    found: list[FailedMessage] = []
    assert await queue.look_through(lambda message: found.append(describe(message, TENANTS))) == len(found)
    return found


async def depth(connection: AbstractConnection, names: QueueNames) -> int:
    channel = await connection.channel()
    declared = await channel.declare_queue(names.failed, passive=True)
    await channel.close()
    return declared.declaration_result.message_count or 0


async def drained(connection: AbstractConnection, names: QueueNames, count: int) -> list[AbstractIncomingMessage]:
    """So many messages, taken the plain way, by one consumer."""
    channel = await connection.channel()
    collected = Collector(str)
    await collected.listen(await channel.get_queue(names.failed))
    await collected.until(lambda: len(collected.messages) >= count, "the whole queue", 60)
    await channel.close()
    return collected.messages


def plain(message: AbstractIncomingMessage) -> FileMessage:
    """What another client was given, as far as an id needs it."""
    return FileMessage(
        body=message.body, headers=message.headers, message_id=message.message_id, routing_key=message.routing_key
    )


async def test_looking_through_twice_shows_the_same_in_the_same_order_and_changes_nothing(
    broker: BrokerNode, names: QueueNames, connection: AbstractConnection
) -> None:
    await fill(connection, names, MESSAGES)
    queue = await opened(broker, names)
    first, second = await looked_through(queue), await looked_through(queue)
    await queue.close()

    assert first == second
    assert Counter(message.booking_id for message in first) == Counter(f"B-{number}" for number in range(MESSAGES))
    assert len({message.failed_id for message in first}) == MESSAGES
    assert await depth(connection, names) == MESSAGES
    by_code = Groups(GroupBy.CODE)
    for message in first:
        by_code.add(message)
    assert {group.name for group in by_code.largest_first()} == set(CODES)
    if MESSAGES <= 10_000:
        kept = await drained(connection, names, MESSAGES)
        assert [id_of(plain(message)) for message in kept] == [message.failed_id for message in first]
        assert kept[0].headers.get("x-delivery-count") == 2


async def test_a_message_that_is_parked_meanwhile_is_not_lost(
    broker: BrokerNode, names: QueueNames, connection: AbstractConnection
) -> None:
    await fill(connection, names, 1200)
    queue = await opened(broker, names)
    looking = asyncio.create_task(looked_through(queue))
    await fill(connection, names, 300, first=1200)
    found = await looking
    await queue.close()
    assert 1200 <= len(found) <= 1500
    assert await depth(connection, names) == 1500


async def test_only_what_was_asked_for_is_taken_and_the_rest_is_there_for_others_meanwhile(
    broker: BrokerNode, names: QueueNames, connection: AbstractConnection
) -> None:
    await fill(connection, names, 1300)
    queue, other = await opened(broker, names), await opened(broker, names)
    wanted = {message.failed_id for message in await looked_through(queue) if message.code == "gave_up"}
    async with queue.taken(Counter(wanted)) as hand:
        assert hand.messages.keys() == wanted
        others = {message.failed_id for message in await looked_through(other)}
        assert others.isdisjoint(wanted)
        assert len(others) == 1300 - len(wanted)
        removed = sorted(wanted)[:10]
        for failed_id in removed:
            await hand.remove(hand.messages[failed_id][0])
    left = {message.failed_id for message in await looked_through(other)}
    await queue.close()
    await other.close()
    assert len(left) == 1300 - len(removed)
    assert wanted - left == set(removed)


async def test_equal_messages_share_an_id_and_are_taken_as_often_as_they_are_there(
    broker: BrokerNode, names: QueueNames, connection: AbstractConnection
) -> None:
    for _ in range(2):
        await fill(connection, names, 3)
    queue = await opened(broker, names)
    ids = Counter(message.failed_id for message in await looked_through(queue))
    assert sorted(ids.values()) == [2, 2, 2]
    async with queue.taken(ids) as hand:
        assert hand.count == 6
    await queue.close()


async def test_a_second_operator_waits_for_the_seat_and_is_told_when_it_stays_taken(
    broker: BrokerNode, names: QueueNames, connection: AbstractConnection
) -> None:
    await fill(connection, names, 5)
    seat = OperatorLock(connection, names)
    await seat.take(within_s=0)
    impatient, patient = await opened(broker, names, patience_s=0.3), await opened(broker, names)
    with pytest.raises(SeatTaken, match="Another operator"):
        await looked_through(impatient)
    waiting = asyncio.create_task(looked_through(patient))
    done, _ = await asyncio.wait({waiting}, timeout=0.6)
    assert not done
    await seat.leave()
    assert len(await waiting) == 5
    await impatient.close()
    await patient.close()


async def test_the_seat_is_free_as_soon_as_its_owner_is_gone(
    broker: BrokerNode, names: QueueNames, connection: AbstractConnection
) -> None:
    await fill(connection, names, 5)
    gone = await aio_pika.connect(broker.url)
    await OperatorLock(gone, names).take(within_s=0)
    await gone.close()
    queue = await opened(broker, names, patience_s=20)
    assert len(await looked_through(queue)) == 5
    await queue.close()


async def test_a_queue_with_a_delivery_limit_is_not_looked_through(
    broker: BrokerNode, names: QueueNames, connection: AbstractConnection
) -> None:
    channel = await connection.channel()
    await channel.queue_delete(names.failed)
    limited = {"x-queue-type": "quorum", "x-delivery-limit": 20}
    await channel.declare_queue(names.failed, durable=True, arguments=limited)
    with pytest.raises(TopologyMismatch, match="declared differently"):
        await opened(broker, names)


async def test_a_missing_queue_is_named(broker: BrokerNode, amqp_prefix: str) -> None:
    with pytest.raises(TopologyMismatch, match="topology apply"):
        await opened(broker, QueueNames(f"{amqp_prefix}-none"))
