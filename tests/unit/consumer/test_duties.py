"""What a worker looks after beside its work: a defect in one duty ends neither the others nor the worker."""

from typing import Any, cast

import pytest

from consumers.broker.errors import BrokerLost
from consumers.broker.queue_names import QueueNames
from consumers.broker.session import Session
from tests.consumer_harness import a_consumer
from tests.fake_broker import FakeSession
from tests.fakes import FakeCalendar


async def test_a_duty_that_fails_for_an_error_of_ours_is_done_again() -> None:
    intake = a_consumer("amqp://localhost", QueueNames(), FakeCalendar())
    intake.tick_s = 0.0
    errors = [RuntimeError("a defect"), KeyError("another"), BrokerLost("the end")]

    async def duty(_session: Session) -> None:
        raise errors.pop(0)

    with pytest.raises(BrokerLost):
        await intake._again_and_again(duty, cast(Any, None))
    assert errors == []


async def test_what_nobody_works_on_makes_a_worker_unready() -> None:
    intake = a_consumer("amqp://localhost", QueueNames(), FakeCalendar())
    intake.standing.is_consuming = True
    assert intake.standing.broker is None
    intake.standing.stuck = "messages were left lying"
    assert intake.standing.broker == "messages were left lying"


async def test_a_session_that_is_over_leaves_no_consumer_to_end() -> None:
    intake = a_consumer("amqp://localhost", QueueNames(), FakeCalendar())
    await intake.partitions.consume(cast(Any, FakeSession()))
    assert len(intake.partitions.cancels) == intake.partition_count
    await intake._let_go()
    assert intake.partitions.cancels == []
