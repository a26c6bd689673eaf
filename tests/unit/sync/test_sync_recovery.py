"""What is found again after a lost ledger, by a second look, and after the ledger has forgotten."""

from dataclasses import replace

from adapters.errors import Refused
from consumers.messages.disposition import Checked, Completed, DeadLettered, Disposition
from tests.builders import a_booking_command, an_event
from tests.room_harness import BOARD, RoomHarness, a_cancel, versioned


def outcomes(verdicts: list[Disposition]) -> list[str]:
    return [verdict.outcome if isinstance(verdict, Completed) else type(verdict).__name__ for verdict in verdicts]


async def test_a_lost_ledger_adopts_what_stands_in_the_calendar() -> None:
    harness = RoomHarness()
    await harness.run(versioned(1), a_booking_command(booking_id="B-2", version=4))
    await harness.run(a_cancel(5, booking_id="B-2"))
    fresh = RoomHarness(harness.calendar)
    verdicts = await fresh.run(versioned(1), a_booking_command(booking_id="B-2", version=4))
    assert outcomes(verdicts) == ["synced", "superseded"]
    assert fresh.subjects() == ["Design review"]
    assert fresh.kinds() == ["create", "remove"]


async def test_surplus_copies_found_by_the_first_scan_are_removed() -> None:
    harness = RoomHarness()
    await harness.run(versioned(1))
    harness.calendar.people_copy(BOARD, harness.calendar.events[BOARD][0].ref.item_id)
    fresh = RoomHarness(harness.calendar)
    await fresh.run(a_booking_command(booking_id="B-2", event=an_event(subject="other")))
    assert fresh.subjects() == ["Design review", "other"]


async def test_a_second_look_writes_again_what_a_late_removal_destroyed() -> None:
    harness = RoomHarness()
    await harness.run(versioned(1), versioned(2, "wanted"))
    harness.calendar.people_delete(BOARD, harness.calendar.events[BOARD][0].ref.item_id)
    assert await harness.run(versioned(1), look="booking") == [Checked()]
    assert harness.subjects() == ["wanted"]


async def test_a_second_look_overwrites_a_late_older_write() -> None:
    harness = RoomHarness()
    await harness.run(versioned(1, "old"))
    old = harness.calendar.events[BOARD][0]
    await harness.run(versioned(2, "wanted"))
    harness.calendar.events[BOARD] = [replace(old, ref=harness.calendar.events[BOARD][0].ref)]
    assert await harness.run(versioned(2, "wanted"), look="booking") == [Checked()]
    assert harness.subjects() == ["wanted"]


async def test_a_second_look_removes_what_the_ledger_says_is_absent() -> None:
    harness = RoomHarness()
    await harness.run(versioned(1, "late"))
    late = harness.calendar.events[BOARD][0]
    await harness.run(a_cancel(2))
    harness.calendar.events[BOARD] = [late]
    assert await harness.run(a_cancel(2), look="booking") == [Checked()]
    assert harness.subjects() == []


async def test_a_command_met_after_the_ledgers_memory_is_parked_as_too_old() -> None:
    harness = RoomHarness(too_old_after_s=-1.0)
    (verdict,) = await harness.run(versioned(1))
    assert isinstance(verdict, DeadLettered)
    assert verdict.problem.code == "too_old"


async def test_a_removal_bars_older_versions_even_when_the_room_cannot_be_read() -> None:
    harness = RoomHarness()
    harness.calendar.fail_next(Refused("room_not_found"), kind="scan")
    assert outcomes(await harness.run(a_cancel(3))) == ["DeadLettered"]
    assert outcomes(await harness.run(versioned(2))) == ["superseded"]
