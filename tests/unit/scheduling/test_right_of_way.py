"""The right of way: those who give it wait until nobody is on the way, one by one, and not for ever."""

import asyncio

from consumers.scheduling.right_of_way import RightOfWay
from tests.waiting import turns


async def test_where_nobody_is_on_the_way_nobody_waits() -> None:
    giving = RightOfWay().give()
    try:
        giving.send(None)
    except StopIteration:
        return
    raise AssertionError("it waited")


async def test_it_is_given_until_the_last_one_has_passed() -> None:
    way = RightOfWay()
    way.begin()
    way.begin()
    giving = asyncio.create_task(way.give())
    await turns()
    way.end()
    await turns()
    assert not giving.done()
    way.end()
    await turns()
    assert giving.done()


async def test_those_who_waited_go_on_one_after_the_other_and_see_who_comes_in_between() -> None:
    way = RightOfWay()
    way.begin()
    passed: list[int] = []

    async def step(number: int) -> None:
        await way.give()
        passed.append(number)
        if number == 1:
            way.begin()

    steps = [asyncio.create_task(step(number)) for number in range(4)]
    await turns()
    way.end()
    await turns()
    assert passed == [0, 1]
    way.end()
    await asyncio.gather(*steps)
    assert passed == [0, 1, 2, 3]


async def test_it_is_not_given_for_ever() -> None:
    way = RightOfWay()
    way.begin()
    async with asyncio.timeout(10):
        await way.give()


async def test_who_is_cancelled_while_giving_it_holds_up_nobody() -> None:
    way = RightOfWay()
    way.begin()
    first, second = (asyncio.create_task(way.give()) for _ in range(2))
    await turns()
    first.cancel()
    way.end()
    async with asyncio.timeout(10):
        await second
