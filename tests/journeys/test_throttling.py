"""Exchange asks for patience: who waits and how long, who does not, and how many requests there are at once.

Each story has a tenant with an Exchange of its own; they happen side by side in one worker. ROOMSYNC_THROTTLING=full
tells them at full length and holds the times against the promises, which wants a machine of its own.
"""

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
import pytest_asyncio

from adapters.rabbitmq.node import BrokerNode
from adapters.simulator import HttpStatus, Simulator, Throttle, ThrottleInside, ThrottleItem, TooManyConnections
from adapters.simulator.troubles import Fault
from tests.builders import a_command, an_event
from tests.program_harness import HarnessTenant, ProgramHarness

FULL = os.environ.get("ROOMSYNC_THROTTLING") == "full"
pytestmark = [pytest.mark.broker, pytest.mark.timeout(600 if FULL else 180)]

WITHIN_S = 300 if FULL else 120
STORM_S, STORM_ROOMS, STORM_EACH = (60, 100, 20) if FULL else (4, 6, 25)
ROOMS, EACH = (100, 30) if FULL else (30, 3)
THROTTLED_ROOMS = 5
PAUSE_S = 20 if FULL else 50
"""At full length it is waited for; else it outlasts the healthy rooms on any machine, and that is all it is for."""
CROWD_ROOMS, CROWD_EACH = 4, 45
LIMITS = [(1, 1), (2, 3), (4, 16), *([(n, m) for n in (3, 8, 16) for m in (16, 32)] if FULL else [])]
"""Requests at once for a mailbox, for the tenant."""
STORM: Sequence[Fault] = (
    HttpStatus(429, retry_after=1),
    HttpStatus(429),
    HttpStatus(503, retry_after=1),
    HttpStatus(503, retry_after=1, as_date=True),
    HttpStatus(503),
    Throttle(back_off_ms=700),
    Throttle(back_off_ms=0),
    Throttle(back_off_ms=None),
    ThrottleInside(back_off_ms=600),
    ThrottleItem(0, back_off_ms=500),
    TooManyConnections(),
)


@dataclass(kw_only=True)
class LimitedTenant(HarnessTenant):
    """A tenant with limits."""

    mailbox: int = 4
    tenant: int = 32

    def toml(self, *, within: str = "tenant.", password: str | None = None) -> str:
        limits = f"mailbox_concurrency = {self.mailbox}\ntenant_concurrency = {self.tenant}\n"
        return super().toml(within=within, password=password) + f"[{within}limits]\n{limits}"


class Story:
    """A tenant's commands, what is told of them and when."""

    def __init__(self, harness: ProgramHarness, tenant: HarnessTenant, rooms: int) -> None:
        self.harness = harness
        self.tenant = tenant
        self.exchange = tenant.simulator
        self.rooms = [f"room-{number}@{tenant.domain}" for number in range(rooms)]
        self.sent: dict[str, str] = {}
        """Rooms by message id."""
        self.told_s: dict[str, float] = {}
        self.status: dict[str, Any] = {}
        self._seen = 0

    async def publish(self, rooms: Sequence[str], first: int, last: int) -> None:
        """Bookings from `first` up to `last` for each of the rooms."""
        for number in range(first, last):
            ids = await asyncio.gather(*(self._publish(room, number) for room in rooms))
            self.sent.update(zip(ids, rooms, strict=True))

    async def _publish(self, room: str, number: int) -> str:
        event = an_event(subject=f"Meeting {number}")
        return await self.harness.send(
            a_command(tenant=self.tenant.name, room=room, booking_id=f"B-{number}", event=event)
        )

    async def all_told(self, rooms: Sequence[str] | None = None) -> float:
        """Wait for every result of these rooms, or of all; returns when the last one came."""
        wanted = [message_id for message_id, room in self.sent.items() if rooms is None or room in rooms]
        await self.harness.until(
            lambda: self._told() and all(each in self.told_s for each in wanted), "results", WITHIN_S
        )
        return max(self.told_s[each] for each in wanted)

    def _told(self) -> bool:
        messages = self.harness.results.messages
        for message in messages[self._seen :]:
            if message.correlation_id in self.sent:
                self.told_s[str(message.correlation_id)] = time.monotonic()
        # Whose message id is still on its way to `sent` is looked at again.
        self._seen = len(messages) if len(self.told_s) == len(self.sent) else 0
        return True

    def told_of(self, rooms: Sequence[str]) -> list[float]:
        """When each result of these rooms came, so far."""
        return [second for message_id, second in self.told_s.items() if self.sent[message_id] in rooms]

    async def look_at_status(self) -> None:
        told = (await self.harness.run("status", "--json")).json()
        self.status = told["worker"]["tenants"][self.tenant.name]

    def assert_exact(self) -> None:
        """Every command was told once to be done, and every booking stands once in its room."""
        told = [one for one in self.harness.results.told if one["message_id"] in self.sent]
        assert Counter(one["outcome"] for one in told) == {"synced": len(self.sent)}
        for room, count in Counter(self.sent.values()).items():
            marks = Counter(event.booking for event in self.exchange.calendar(room))
            assert (len(marks), set(marks.values())) == (count, {1})


FEW = HarnessTenant(name="few", latency_ms=20)
STORMY = HarnessTenant(name="stormy", latency_ms=20)
LIMITED = [LimitedTenant(name=f"t{m}-{t}", latency_ms=20, mailbox=m, tenant=t) for m, t in LIMITS]


@dataclass(frozen=True, slots=True, kw_only=True)
class Few:
    """A few of many rooms were throttled. Seconds since the throttles, the undisturbed ones since publishing."""

    story: Story
    healthy_s: float
    told_meanwhile: list[float]
    requests: list[int]
    undisturbed_s: float = 0.0
    all_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stories:
    """What happened."""

    few: Few
    storm: Story
    recovered_s: float
    limited: list[Story]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def happened(broker: BrokerNode, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stories]:
    folder = tmp_path_factory.mktemp("throttling")
    async with ProgramHarness(folder, broker.url, FEW, STORMY, *LIMITED, partitions=16) as harness:
        await harness.worker()
        stories = [throttle_a_few(harness), storm_and_calm(harness), *(crowd_in(harness, tenant) for tenant in LIMITED)]
        # At full length one after the other, for the sake of the times.
        told: list[Any] = [await story for story in stories] if FULL else list(await asyncio.gather(*stories))
        few, (storm, recovered_s), *limited = told
        yield Stories(few=few, storm=storm, recovered_s=recovered_s, limited=limited)


async def throttle_a_few(harness: ProgramHarness) -> Few:
    story = Story(harness, FEW, ROOMS)
    throttled, healthy = story.rooms[:THROTTLED_ROOMS], story.rooms[THROTTLED_ROOMS:]
    undisturbed_s = await undisturbed(story) if FULL else 0.0
    for room in throttled:
        story.exchange.faults.next(Throttle(back_off_ms=PAUSE_S * 1000, enforce=True), room=room)
    await story.publish(throttled, 0, 1)
    await harness.until(lambda: story.exchange.counts.faults["Throttle"] == THROTTLED_ROOMS, "the throttles", WITHIN_S)
    began_s, before = time.monotonic(), requests_to(story.exchange, throttled)
    await story.publish(story.rooms, 1, 1 + EACH)
    healthy_s = await story.all_told(healthy) - began_s
    told = Few(
        story=story,
        healthy_s=healthy_s,
        told_meanwhile=[second for second in story.told_of(throttled) if second > began_s],
        requests=[after - first for after, first in zip(requests_to(story.exchange, throttled), before, strict=True)],
    )
    return replace(told, undisturbed_s=undisturbed_s, all_s=await story.all_told() - began_s) if FULL else told


async def undisturbed(story: Story) -> float:
    await story.publish(story.rooms, 100, 101)
    await story.all_told()
    began_s = time.monotonic()
    await story.publish(story.rooms, 101, 101 + EACH)
    return await story.all_told() - began_s


def requests_to(exchange: Simulator, rooms: Sequence[str]) -> list[int]:
    return [sum(count for (each, _), count in exchange.counts.by_room.items() if each == room) for room in rooms]


async def storm_and_calm(harness: ProgramHarness) -> tuple[Story, float]:
    story = Story(harness, STORMY, STORM_ROOMS)
    story.exchange.faults.rate(0.5, seed=4, kinds=STORM)
    storming = asyncio.create_task(asyncio.sleep(STORM_S))
    await story.publish(story.rooms, 0, STORM_EACH)
    await storming
    story.exchange.faults.clear()
    ended_s = time.monotonic()
    await story.publish(story.rooms, STORM_EACH, 2 * STORM_EACH)
    recovered_s = await story.all_told() - ended_s
    await story.look_at_status()
    return story, recovered_s


async def crowd_in(harness: ProgramHarness, tenant: LimitedTenant) -> Story:
    story = Story(harness, tenant, CROWD_ROOMS)
    await story.publish(story.rooms, 0, CROWD_EACH)
    await story.all_told()
    return story


async def test_while_a_few_rooms_are_throttled_all_others_are_done(happened: Stories) -> None:
    if not FULL:
        assert happened.few.told_meanwhile == []
    else:
        assert happened.few.healthy_s <= 1.15 * happened.few.undisturbed_s
        assert happened.few.all_s <= PAUSE_S + 5


async def test_a_throttled_room_is_not_asked_at_all_meanwhile(happened: Stories) -> None:
    assert happened.few.requests == [0] * THROTTLED_ROOMS
    assert happened.few.story.exchange.counts.early == 0


async def test_in_a_storm_no_room_is_asked_before_the_time_that_exchange_named(happened: Stories) -> None:
    counts = happened.storm.exchange.counts
    assert sum(counts.faults.values()) >= 10
    assert counts.early == 0


async def test_a_storm_of_refusals_loses_and_doubles_nothing(happened: Stories) -> None:
    happened.storm.assert_exact()


async def test_after_the_storm_everything_is_done_and_no_room_waits(happened: Stories) -> None:
    assert happened.storm.status["throttled_rooms"] == {}
    if FULL:
        assert happened.recovered_s <= 10


@pytest.mark.parametrize("index", range(len(LIMITED)), ids=[f"{m} of {t}" for m, t in LIMITS])
async def test_exchange_never_sees_more_requests_at_once_than_the_limits(happened: Stories, index: int) -> None:
    story, tenant = happened.limited[index], LIMITED[index]
    counts = story.exchange.counts
    assert max(counts.peak_by_room.values()) <= tenant.mailbox
    assert counts.peak_total <= tenant.tenant
    assert counts.peak_total > 1 or tenant.tenant == 1
    story.assert_exact()


async def test_status_shows_the_requests_and_the_limits(happened: Stories) -> None:
    requests, limits = happened.storm.status["requests"], happened.storm.status["room_limits"]
    assert requests["ceiling"] == 32
    assert 0 <= requests["in_flight"] <= requests["limit"] <= 32
    assert all(1 <= limit <= happened.storm.status["room_ceiling"] for limit in limits.values())
