"""Exchange refuses half of all requests for a minute, under a backlog that does not end meanwhile."""

import asyncio
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench.bench_harness import BenchHarness, Measurement
from tests.bench.commands import creates
from tests.bench.contestants import Contestant
from tests.bench.figures import Figure, Report, rate_per_s, up_again_after_s
from tests.bench.load import Load
from tests.bench.scenarios.each import each
from tests.bench.scenarios.pace import warmed

ROOMS = 100
BACKLOG = 6_000
LOT = 500
BEFORE_S = 8.0
REFERENCE_S = 5.0
STORM_S = 60.0
AFTER_S = 15.0
FULL_SHARE = 0.9
REST_WITHIN_S = 420.0
REFUSED_SHARE = 0.5
REFUSALS: list[dict[str, object]] = [
    {"fault": "HttpStatus", "arguments": {"status": 429, "retry_after": 2}},
    {"fault": "HttpStatus", "arguments": {"status": 429}},
    {"fault": "HttpStatus", "arguments": {"status": 503, "retry_after": 1}},
    {"fault": "HttpStatus", "arguments": {"status": 503}},
    {"fault": "Throttle", "arguments": {"back_off_ms": 1000}},
    {"fault": "Throttle", "arguments": {"back_off_ms": None}},
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weathered:
    """What was seen."""

    before_per_s: float
    meanwhile_per_s: float
    up_again_s: float | None
    refused: int
    early: int
    doubled: int
    lost: int


async def storm(harness: BenchHarness, contestants: Sequence[Contestant], load: Load) -> Report:
    """Ours only."""
    storm_s = load.seconds(STORM_S)

    async def look(contestant: Contestant) -> Weathered:
        async with harness.measurement(contestant) as measurement:
            return await _weathered(measurement, storm_s)

    seen, stuck = await each(harness, "storm", contestants[:1], look)

    def all_of(name: str) -> dict[str, float | None]:
        return {contestant: getattr(one, name) for contestant, one in seen.items()}

    return Report(
        scenario="storm",
        sentence=f"half of all requests are refused for {storm_s:.0f} s (429, 503, ErrorServerBusy), under a backlog",
        figures=[
            Figure("before", "events/s", all_of("before_per_s"), better="more"),
            Figure("during the storm", "events/s", all_of("meanwhile_per_s"), better="more"),
            Figure(f"{FULL_SHARE:.0%} of full speed again after", "s", all_of("up_again_s"), promised="at most 10"),
            Figure("refused", "requests", all_of("refused")),
            Figure("requests before the time", "", all_of("early"), promised="0"),
            Figure("doubled", "events", all_of("doubled"), promised="0"),
            Figure("lost", "events", all_of("lost"), promised="0"),
        ],
        unfinished=stuck,
    )


async def _weathered(measurement: Measurement, storm_s: float) -> Weathered:
    exchange = measurement.exchange
    program = await warmed(measurement, ROOMS)
    feeding = asyncio.create_task(_feed(measurement, BEFORE_S + storm_s + AFTER_S))
    try:
        await asyncio.sleep(BEFORE_S)
        began_at = time.monotonic()
        await exchange.refuse(REFUSED_SHARE, REFUSALS)
        await asyncio.sleep(storm_s)
        await exchange.refuse(0.0, [])
        over_at = time.monotonic()
        published = await feeding
    finally:
        feeding.cancel()
    await measurement.until_written(ROOMS + published, program, within_s=REST_WITHIN_S)
    timing = await measurement.afterwards()
    writes = timing.first_writes("B-")
    before = [at for at in writes if began_at - REFERENCE_S <= at < began_at]
    meanwhile = [at for at in writes if began_at <= at < over_at]
    counts = await exchange.counts()
    return Weathered(
        before_per_s=rate_per_s(before),
        meanwhile_per_s=len(meanwhile) / storm_s,
        up_again_s=up_again_after_s(writes, over_at, FULL_SHARE * rate_per_s(before)),
        refused=sum(counts["faults"].values()),
        early=counts["early"],
        doubled=timing.doubled,
        lost=published - len(writes),
    )


async def _feed(measurement: Measurement, for_s: float) -> int:
    """Keep the backlog up for so long; returns how many commands that took."""
    until_s = time.monotonic() + for_s
    # One lot more for each lot that was written; no room's slots are used twice.
    endless = creates(10**9, ROOMS)
    published = 0
    while time.monotonic() < until_s:
        written = (await measurement.exchange.totals())["applied"] - ROOMS
        if published - written < BACKLOG:
            await measurement.publishing.all(itertools.islice(endless, LOT))
            published += LOT
        else:
            await asyncio.sleep(0.1)
    return published
