"""When events came in and were written, which the simulator notes for measurements only."""

import time

import aiohttp

from adapters.simulator import Throttle
from tests.unit.simulator.conftest import StartSimulator
from tests.unit.simulator.soap_client import ROOM, SoapClient, an_item


async def test_an_event_is_noted_when_it_comes_and_each_time_it_is_written(start_simulator: StartSimulator) -> None:
    simulator = await start_simulator(timing=True, tls=False)
    client = SoapClient(simulator.url, None)
    before = time.monotonic()
    try:
        simulator.faults.next(Throttle(back_off_ms=60_000))
        await client.create(an_item(subject="refused"))
        await client.create(an_item(subject="twice"))
        between = time.monotonic()
        await client.create(an_item(subject="twice"))
    finally:
        await client.close()
    timing = simulator.counts.timing
    assert timing is not None
    assert timing.arrived_at.keys() == {"refused", "twice"}
    assert before <= timing.arrived_at["refused"] <= timing.arrived_at["twice"] <= between
    assert timing.written_at.keys() == {"twice"}
    first, second = timing.written_at["twice"]
    assert first <= between <= second <= time.monotonic()


async def test_times_and_totals_are_told_to_other_processes(start_simulator: StartSimulator) -> None:
    simulator = await start_simulator(timing=True, tls=False)
    simulator.limits.name_time(ROOM, 60_000)
    simulator.counts.timing.written("B-1")  # type: ignore[union-attr]  # it was asked for

    async with aiohttp.ClientSession() as web:
        async with web.get(f"{simulator.control_url}/timing") as answer:
            timing = await answer.json()
        async with web.get(f"{simulator.control_url}/totals") as answer:
            totals = await answer.json()

    assert timing["written_at"].keys() == {"B-1"}
    assert timing["named_until"][ROOM] > time.monotonic()
    assert totals == {
        "requests": 0,
        "applied": 0,
        "early": 0,
        "throttled": 0,
        "rejected": 0,
        "peak_total": 0,
    }


async def test_no_times_are_kept_unless_they_are_asked_for(start_simulator: StartSimulator) -> None:
    simulator = await start_simulator(tls=False)

    async with aiohttp.ClientSession() as web, web.get(f"{simulator.control_url}/timing") as answer:
        assert answer.status == 404
    assert simulator.counts.timing is None
