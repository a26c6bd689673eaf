"""The client's errors in our words: what it does to a task that waits is not taken for a shutdown."""

import asyncio

import pytest
from aio_pika.exceptions import ChannelInvalidStateError

from consumers.broker.errors import BrokerLost, client_errors


async def test_a_cancellation_that_nobody_asked_for_is_a_lost_broker() -> None:
    ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    ended.set_exception(asyncio.CancelledError())
    with pytest.raises(BrokerLost), client_errors():
        await ended


async def test_a_cancellation_that_somebody_asked_for_stays_one() -> None:
    async def waiting() -> None:
        with client_errors():
            await asyncio.Event().wait()

    task = asyncio.create_task(waiting())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_time_limit_around_it_still_ends_it() -> None:
    async def waiting() -> None:
        with client_errors():
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(waiting(), 0.01)


def test_a_channel_that_is_closed_is_a_lost_broker() -> None:
    with pytest.raises(BrokerLost), client_errors():
        raise ChannelInvalidStateError("closed")
