"""A tenant that nothing works for: its commands wait uncounted, nothing is parked, claimed or looked for meanwhile."""

import pytest

from adapters.errors import Misconfigured
from consumers.messages.disposition import Completed, Deferred, Disposition
from tests.builders import a_booking_command
from tests.hall import Hall
from tests.rooms import RoomBench, a_cancel, versioned


def waits(*verdicts: Disposition) -> list[tuple[float, bool, str]]:
    return [(v.wait_s, v.counts_attempt, v.problem.code) for v in verdicts if isinstance(v, Deferred)]


async def test_a_401_that_was_meant_as_a_throttle_costs_two_seconds_and_nothing_else() -> None:
    bench = RoomBench()
    await bench.run(versioned(1))
    bench.calendar.fail_next(Misconfigured(), kind="update")
    began_s = bench.time.passed_s
    [verdict] = await bench.run(versioned(2, "new"))
    assert isinstance(verdict, Completed)
    assert 2 <= bench.time.passed_s - began_s < 3
    assert bench.subjects() == ["new"]


async def test_a_401_at_the_first_touch_of_a_room_is_ridden_out_as_well() -> None:
    bench = RoomBench()
    bench.calendar.fail_next(Misconfigured(), kind="scan")
    assert isinstance((await bench.run(versioned(1)))[0], Completed)


async def test_a_401_that_lasts_sends_the_commands_away_after_two_requests() -> None:
    bench = RoomBench()
    bench.calendar.fail_next(Misconfigured(), times=100)
    verdicts = await bench.run(versioned(1), a_booking_command(booking_id="B-2"))
    again = await bench.run(versioned(1))
    assert waits(*verdicts, *again) == [(60.0, False, "credentials_rejected")] * 3
    assert len(bench.calendar.requests) == 2


async def test_after_ten_minutes_commands_stay_away_for_five() -> None:
    bench = RoomBench()
    bench.calendar.fail_next(Misconfigured("ews_blocked"), times=100)
    await bench.run(versioned(1))
    bench.let_pass(600)
    assert waits(*await bench.run(versioned(1))) == [(300.0, False, "ews_blocked")]


async def test_the_first_probe_that_works_lets_everything_go_on() -> None:
    bench = RoomBench()
    bench.calendar.fail_next(Misconfigured("ews_blocked"), times=2)
    await bench.run(versioned(1))
    bench.let_pass(60)
    await bench.run(versioned(1))
    bench.let_pass(60)
    assert isinstance((await bench.run(versioned(1)))[0], Completed)
    assert isinstance((await bench.run(versioned(2, "new")))[0], Completed)
    assert [call.kind for call in bench.calendar.requests] == ["scan", "scan", "scan", "create", "update"]


async def test_when_the_probe_works_the_commands_beside_it_are_done_at_once() -> None:
    hall = Hall()
    hall.calendar.fail_next(Misconfigured("ews_blocked"))
    hall.put("B-0")
    await hall.idle()
    hall.time.passed_s += 60
    for number in range(5):
        hall.put("B-1", room=f"room-{number}@acme.example")
    await hall.idle()
    assert hall.session.kinds().count("deferred") == 1
    assert hall.session.kinds().count("result") == 5


@pytest.mark.parametrize("look", [None, "booking"])
async def test_a_stopped_tenant_s_bookings_are_neither_claimed_nor_asked_to_be_looked_for_again(
    look: str | None,
) -> None:
    bench = RoomBench()
    await bench.run(versioned(1))
    bench.calendar.fail_next(Misconfigured("ews_blocked"), kind="update")
    await bench.run(versioned(2, "new"))
    looks = list(bench.desk.looks)
    verdicts = await bench.run(versioned(2, "new"), look=look)  # type: ignore[arg-type]  # one of its words
    row = await bench.row()
    assert waits(*verdicts) == [(60.0, False, "ews_blocked")]
    assert row is not None
    assert row.claim is None
    assert bench.desk.looks == looks


async def test_a_removal_bars_older_versions_also_while_the_tenant_is_stopped() -> None:
    bench = RoomBench()
    await bench.run(versioned(1))
    bench.calendar.fail_next(Misconfigured("ews_blocked"), kind="update")
    await bench.run(versioned(2, "new"))
    await bench.run(a_cancel(3))
    row = await bench.row()
    assert row is not None
    assert row.removed_version == 3
