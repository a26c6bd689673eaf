"""Commands published evenly, as bookings come in on an ordinary day."""

import asyncio
from collections.abc import Iterable, Sequence

from tests.bench.bench_harness import Measurement
from tests.bench.commands import Command, creates
from tests.bench.contestants import Publishing
from tests.bench.exchange import Timing
from tests.bench.programs import Program

WARM_WITHIN_S = 120.0
WARM_ROOMS_PER_S = 20


async def warmed(measurement: Measurement, rooms: int, *, first_room: int = 0) -> Program:
    """Start the contestant and let it meet every room once, as it has in an installation that has run for a while."""
    await measurement.publishing.all(creates(rooms, rooms, series="warm", first_room=first_room))
    program = await measurement.start()
    await measurement.until_written(rooms, program, within_s=WARM_WITHIN_S + rooms / WARM_ROOMS_PER_S)
    await measurement.afterwards()
    return program


async def evenly(publishing: Publishing, commands: Iterable[Command], per_s: float) -> None:
    """Publish so many a second and wait for the last confirm."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    for number, command in enumerate(commands):
        await asyncio.sleep(max(0.0, began_s + number / per_s - loop.time()))
        await publishing.one(command)
    await publishing.settle()


def delays_ms(publishing: Publishing, timing: Timing, bookings: Iterable[str]) -> Sequence[float]:
    """From just before each was published until its request was at Exchange as a whole."""
    arrived_at = timing.arrived_at
    return [
        (arrived_at[booking] - publishing.published_at[booking]) * 1000
        for booking in bookings
        if booking in arrived_at and booking in publishing.published_at
    ]
