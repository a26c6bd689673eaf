"""A fifth of all requests meets trouble, drawn with a seed: in the end calendars are exact, and nothing is twice."""

import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from adapters.simulator import EVERYDAY, Fault, ItemCode, RequestCode, StopBatch, Unauthorized
from tests.faults.worker_harness import WorkerHarness, a_worker_harness, as_published

ROOMS = [f"room-{number}@acme.example" for number in range(5)]
BOOKINGS_A_ROOM = 12
KINDS: list[Fault] = [
    *EVERYDAY,
    ItemCode(1, "ErrorIrresolvableConflict"),
    RequestCode("ErrorTimeoutExpired"),
    StopBatch(0),
    Unauthorized(),
]
"""What passes by itself; what is refused is parked, and another matter."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """A command of a story."""

    booking: str
    room: str
    version: int
    is_removal: bool


def a_story(choose: random.Random) -> list[Published]:
    """The histories of all bookings, each in order, mixed with one another and with repetitions."""
    histories = [
        [
            Published(
                booking=f"B-{number}", room=room, version=version, is_removal=version > 1 and choose.random() < 0.25
            )
            for version in range(1, choose.randint(1, 6) + 1)
        ]
        for room in ROOMS
        for number in range(BOOKINGS_A_ROOM)
    ]
    story = [each for history in histories for each in history]
    story += choose.sample(story, len(story) // 10)
    choose.shuffle(story)
    return story


async def publish(harness: WorkerHarness, story: list[Published], choose: random.Random) -> None:
    """Hand the commands in, some together, and let some come back in between."""
    for each in story:
        changes: dict[str, object] = {"command": "cancel"} if each.is_removal else {}
        harness.put(each.booking, each.version, room=each.room, **changes)
        if choose.random() < 0.7:
            await harness.quiet()
        if harness.queues.away and choose.random() < 0.05:
            await harness.come_back()


def wanted(story: list[Published], room: str) -> list[tuple[str, str, str]]:
    newest: dict[str, Published] = {}
    for each in story:
        if each.room == room and each.version >= newest.get(each.booking, each).version:
            newest[each.booking] = each
    return as_published(*((each.booking, each.version) for each in newest.values() if not each.is_removal))


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
async def test_the_calendars_end_exact_and_nothing_is_twice(tmp_path: Path, seed: int) -> None:
    choose = random.Random(seed)  # noqa: S311  # a seeded story, nothing secret
    story = a_story(choose)
    async with a_worker_harness(tmp_path, durable=True, latency_ms=2) as harness:
        harness.exchange.faults.rate(0.2, seed=seed, kinds=KINDS)
        await publish(harness, story, choose)
        await harness.all_is_done()
        assert {room: harness.calendar(room) for room in ROOMS} == {room: wanted(story, room) for room in ROOMS}
        assert not harness.queues.all_of("failed")
        assert (await harness.ledger.counts())["claimed"] == 0
        assert harness.exchange.counts.early == 0
        results = Counter(
            result.message_id for result in harness.queues.all_of("result") if result.outcome != "delayed"
        )
        published = Counter(f"{each.booking}.{each.version}" for each in story)
        assert results == published, "one last result for each delivery"
        assert harness.exchange.counts.faults.total() > 15
        assert harness.exchange.counts.peak_total > 1
