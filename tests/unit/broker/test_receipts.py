"""A delivery has one state, and the broker is told of it once: told twice, RabbitMQ closes the channel."""

from typing import Any, cast

import pytest
from aiormq.exceptions import ChannelInvalidStateError

from consumers.broker.incoming_message import AlreadySettled, HandedOut, Receipt, State
from consumers.messages.disposition import Completed, Finished
from consumers.scheduling.room_queue import Batch
from tests.builders import a_body
from tests.dispatcher_harness import DispatcherHarness
from tests.fake_broker import FakeMessage, FakeSession

SYNCED = Completed(outcome=Finished.SYNCED)


class Deaf:
    """A channel that takes everything and forgets it."""

    async def basic_ack(self, _tag: int, *, wait: bool) -> None:
        pass


def a_receipt(handed_out: HandedOut) -> Receipt:
    return Receipt(cast(Any, Deaf()), 1, handed_out)


async def test_a_second_answer_never_leaves() -> None:
    session = FakeSession()
    message = FakeMessage(b"{}", session)
    await message.nack(requeue=True)
    with pytest.raises(AlreadySettled):
        await message.ack()
    assert message.state is State.RETURNED
    assert session.kinds() == ["requeue"]
    assert not session.is_lost


async def test_the_fake_closes_its_channel_as_rabbitmq_does_when_a_tag_is_settled_twice() -> None:
    session = FakeSession()
    FakeMessage(b"{}", session)
    await session.channel.basic_ack(1, wait=False)
    await session.channel.basic_ack(1, wait=False)
    assert session.why_lost == "PRECONDITION_FAILED - unknown delivery tag 1"
    with pytest.raises(ChannelInvalidStateError):
        await session.channel.basic_nack(1, wait=False)


async def test_a_delivery_of_a_lost_session_is_lost_and_nothing_is_said_of_it() -> None:
    session = FakeSession()
    message = FakeMessage(b"{}", session)
    session.lost.set()
    assert message.state is State.LOST
    with pytest.raises(AlreadySettled):
        await message.ack()
    assert session.kinds() == []


async def test_an_answer_that_may_have_left_is_not_given_a_second_time() -> None:
    session = FakeSession()
    message = FakeMessage(b"{}", session)
    session.channel.break_next = [OSError("reset")]
    with pytest.raises(OSError, match="reset"):
        await message.ack()
    assert message.state is State.LOST
    with pytest.raises(AlreadySettled):
        await message.nack(requeue=True)
    assert session.handed_out.older_than(0.0) == [message]


async def test_what_the_broker_waits_for_is_known_with_its_age() -> None:
    now_s = [0.0]
    handed_out = HandedOut(lambda: False, lambda: now_s[0])
    first = a_receipt(handed_out)
    now_s[0] = 20.0
    second = a_receipt(handed_out)
    now_s[0] = 31.0
    assert handed_out.older_than(30.0) == [first]
    await first.ack()
    assert (handed_out.older_than(30.0), len(handed_out)) == ([], 1)
    assert handed_out.older_than(11.0) == [second]


async def test_a_delivery_that_was_given_back_is_not_acknowledged_when_its_batch_is_synced_anew() -> None:
    harness = DispatcherHarness()
    _, envelope = harness.reader.glance(FakeMessage(a_body(), harness.session), cast(Any, harness.session))
    batch = Batch([harness.reader.read(envelope)], alone=False, taken_count=1)
    harness.session.refuse.add("result")
    await harness.settler.settle(batch.deliveries, SYNCED)
    harness.session.refuse.clear()
    assert batch.open_deliveries() == []
    await harness.settler.settle(batch.deliveries, SYNCED)
    assert harness.session.kinds() == ["requeue"]
    assert not harness.session.is_lost
