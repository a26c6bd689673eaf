"""How the intake waits: longer from try to try, and for whichever of several things comes first."""

import asyncio
from itertools import islice

import pytest

from consumers.broker.waiting import first_completed, reconnect_delays_s


def test_tries_begin_after_a_second_and_settle_at_fifteen() -> None:
    pauses_s = list(islice(reconnect_delays_s(lambda low, high: (low + high) / 2), 7))
    assert pauses_s == pytest.approx([1, 2, 4, 8, 15, 15, 15])


def test_workers_that_lost_the_same_broker_do_not_come_back_in_step() -> None:
    earliest = next(reconnect_delays_s(lambda low, _: low))
    latest = next(reconnect_delays_s(lambda _, high: high))
    assert (earliest, latest) == pytest.approx((0.8, 1.2))


async def test_the_first_thing_ends_the_others() -> None:
    tidied_up = asyncio.Event()

    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            tidied_up.set()

    await first_completed(slow(), asyncio.sleep(0))
    assert tidied_up.is_set()


async def test_what_the_first_thing_raises_is_raised() -> None:
    async def failing() -> None:
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError, match="gone"):
        await first_completed(asyncio.Event().wait(), failing())


async def test_who_is_cancelled_while_waiting_cancels_everything() -> None:
    things = [asyncio.create_task(asyncio.Event().wait()) for _ in range(2)]
    waiting = asyncio.create_task(first_completed(*things))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert all(thing.cancelled() for thing in things)
