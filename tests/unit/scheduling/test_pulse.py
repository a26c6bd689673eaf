"""The pulse: room for more while the event loop is in time, and quickly less when it is not."""

import asyncio
import time

from consumers.scheduling.pulse import BEAT_S, BUSY, LATE_S, Pulse


def a_pulse() -> Pulse:
    return Pulse(lambda: False)


async def test_nothing_is_to_spare_before_it_was_measured() -> None:
    assert a_pulse().spare == 0


async def test_each_beat_in_time_makes_room_for_one_more() -> None:
    pulse = a_pulse()
    assert pulse.spare == 0
    for _ in range(12):
        pulse.measured(0.0, busy=0.0)
    assert pulse.spare == 12


async def test_a_late_event_loop_halves_what_there_is_to_spare() -> None:
    pulse = a_pulse()
    assert pulse.spare == 0
    for _ in range(40):
        pulse.measured(0.0, busy=0.0)
    pulse.measured(20 * LATE_S, busy=0.0)
    assert pulse.spare == 20
    pulse.measured(0.0, busy=0.0)
    assert pulse.spare == 10


async def test_a_busy_process_is_not_calm_however_punctual_its_event_loop_is() -> None:
    pulse = a_pulse()
    assert not pulse.is_calm
    for _ in range(40):
        pulse.measured(0.0, busy=BUSY / 2)
    assert pulse.is_calm
    for _ in range(40):
        pulse.measured(0.0, busy=2 * BUSY)
    assert not pulse.is_calm
    for _ in range(40):
        pulse.measured(0.0, busy=BUSY / 2)
    assert pulse.is_calm


async def test_it_measures_how_busy_the_process_is() -> None:
    is_at_work = False

    def beat() -> bool:
        began_s = time.process_time()
        while is_at_work and time.process_time() - began_s < 3 * BEAT_S:
            pass
        return True

    pulse = Pulse(beat)
    async with asyncio.timeout(60):
        while not pulse.is_calm:  # noqa: ASYNC110 - nothing reports it
            await asyncio.sleep(BEAT_S)
        is_at_work = True
        while pulse.is_calm:  # noqa: ASYNC110
            await asyncio.sleep(BEAT_S)


async def test_it_beats_as_long_as_somebody_wants_it() -> None:
    done = asyncio.Event()
    beats = 0

    def beat() -> bool:
        nonlocal beats
        beats += 1
        if beats == 3:
            done.set()
        return beats < 3

    pulse = Pulse(beat)
    assert pulse.spare == 0
    async with asyncio.timeout(30):
        await done.wait()
    assert pulse.spare >= 0
    assert beats == 3
