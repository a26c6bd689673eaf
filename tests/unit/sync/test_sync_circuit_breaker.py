"""A tenant that nothing works for: its commands wait uncounted, nothing is parked, claimed or looked for meanwhile."""

import pytest

from adapters.errors import Misconfigured
from consumers.messages.disposition import Completed, Deferred, Disposition
from tests.builders import a_booking_command
from tests.dispatcher_harness import DispatcherHarness
from tests.room_harness import RoomHarness, a_cancel, versioned


def waits(*verdicts: Disposition) -> list[tuple[float, bool, str]]:
    return [(v.wait_s, v.counts_attempt, v.problem.code) for v in verdicts if isinstance(v, Deferred)]


async def test_a_401_that_was_meant_as_a_throttle_costs_two_seconds_and_nothing_else() -> None:
    harness = RoomHarness()
    await harness.run(versioned(1))
    harness.calendar.fail_next(Misconfigured(), kind="update")
    began_s = harness.time.passed_s
    [verdict] = await harness.run(versioned(2, "new"))
    assert isinstance(verdict, Completed)
    assert 2 <= harness.time.passed_s - began_s < 3
    assert harness.subjects() == ["new"]


async def test_a_401_at_the_first_touch_of_a_room_is_ridden_out_as_well() -> None:
    harness = RoomHarness()
    harness.calendar.fail_next(Misconfigured(), kind="scan")
    assert isinstance((await harness.run(versioned(1)))[0], Completed)


async def test_a_401_that_lasts_sends_the_commands_away_after_two_requests() -> None:
    harness = RoomHarness()
    harness.calendar.fail_next(Misconfigured(), times=100)
    verdicts = await harness.run(versioned(1), a_booking_command(booking_id="B-2"))
    again = await harness.run(versioned(1))
    assert waits(*verdicts, *again) == [(60.0, False, "credentials_rejected")] * 3
    assert len(harness.calendar.requests) == 2


async def test_after_ten_minutes_commands_stay_away_for_five() -> None:
    harness = RoomHarness()
    harness.calendar.fail_next(Misconfigured("ews_blocked"), times=100)
    await harness.run(versioned(1))
    harness.let_pass(600)
    assert waits(*await harness.run(versioned(1))) == [(300.0, False, "ews_blocked")]


async def test_the_first_probe_that_works_lets_everything_go_on() -> None:
    harness = RoomHarness()
    harness.calendar.fail_next(Misconfigured("ews_blocked"), times=2)
    await harness.run(versioned(1))
    harness.let_pass(60)
    await harness.run(versioned(1))
    harness.let_pass(60)
    assert isinstance((await harness.run(versioned(1)))[0], Completed)
    assert isinstance((await harness.run(versioned(2, "new")))[0], Completed)
    assert [call.kind for call in harness.calendar.requests] == ["scan", "scan", "scan", "create", "update"]


async def test_when_the_probe_works_the_commands_beside_it_are_done_at_once() -> None:
    harness = DispatcherHarness()
    harness.calendar.fail_next(Misconfigured("ews_blocked"))
    harness.put("B-0")
    await harness.idle()
    harness.time.passed_s += 60
    for number in range(5):
        harness.put("B-1", room=f"room-{number}@acme.example")
    await harness.idle()
    assert harness.session.kinds().count("deferred") == 1
    assert harness.session.kinds().count("result") == 5


@pytest.mark.parametrize("look", [None, "booking"])
async def test_a_stopped_tenant_s_bookings_are_neither_claimed_nor_asked_to_be_looked_for_again(
    look: str | None,
) -> None:
    harness = RoomHarness()
    await harness.run(versioned(1))
    harness.calendar.fail_next(Misconfigured("ews_blocked"), kind="update")
    await harness.run(versioned(2, "new"))
    looks = list(harness.checks)
    verdicts = await harness.run(versioned(2, "new"), look=look)  # type: ignore[arg-type]  # one of its words
    row = await harness.row()
    assert waits(*verdicts) == [(60.0, False, "ews_blocked")]
    assert row is not None
    assert row.claim is None
    assert harness.checks == looks


async def test_a_removal_bars_older_versions_also_while_the_tenant_is_stopped() -> None:
    harness = RoomHarness()
    await harness.run(versioned(1))
    harness.calendar.fail_next(Misconfigured("ews_blocked"), kind="update")
    await harness.run(versioned(2, "new"))
    await harness.run(a_cancel(3))
    row = await harness.row()
    assert row is not None
    assert row.removed_version == 3
