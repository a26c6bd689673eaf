"""The pulse: room for more while the event loop is in time, and quickly less when it is not."""

import asyncio

from consumers.intake.pulse import LATE_S, Pulse


def a_pulse() -> Pulse:
    return Pulse(lambda: False)


async def test_nothing_is_to_spare_before_it_was_measured() -> None:
    assert a_pulse().spare == 0


async def test_each_beat_in_time_makes_room_for_one_more() -> None:
    pulse = a_pulse()
    assert pulse.spare == 0
    for _ in range(12):
        pulse.measured(0.0)
    assert pulse.spare == 12


async def test_a_late_event_loop_halves_what_there_is_to_spare() -> None:
    pulse = a_pulse()
    assert pulse.spare == 0
    for _ in range(40):
        pulse.measured(0.0)
    pulse.measured(20 * LATE_S)
    assert pulse.spare == 20
    pulse.measured(0.0)
    assert pulse.spare == 10


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
