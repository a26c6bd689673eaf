"""Exchange is asked as seldom as can be: the known and the superseded costs nothing; doubts share a request."""

from collections.abc import Collection

import pytest

from adapters.calendar import BookingId, RoomAddress, TenantName
from adapters.errors import Refused, Unknown
from adapters.ledger import LedgerRow
from consumers.messages.command import BookingCommand
from consumers.messages.disposition import Checked, Completed, Finished
from tests.builders import a_booking_command, an_event
from tests.fake_ledger import FakeLedger
from tests.room_harness import BOARD, RoomHarness, versioned

TWENTY = [f"B-{number}" for number in range(20)]
NEVER_APPLIED, APPLIED = False, True


def twenty(version: int = 1, subject: str = "tea") -> list[BookingCommand]:
    return [versioned(version, subject, booking_id=booking) for booking in TWENTY]


async def after_a_lost_reply(*, applied: bool) -> RoomHarness:
    """Twenty creates in one request whose reply was lost, and their claims have run out."""
    harness = RoomHarness()
    harness.calendar.fail_next(Unknown(), applied=applied, kind="create")
    await harness.run(*twenty())
    harness.let_pass(100)
    harness.calendar.requests.clear()
    return harness


async def test_a_room_is_scanned_once_and_never_again() -> None:
    harness = RoomHarness()
    for version in range(1, 5):
        await harness.run(versioned(version, f"round {version}"), versioned(version, booking_id=f"B-{version}"))
    assert [call.kind for call in harness.calendar.requests].count("scan") == 1


async def test_of_ten_versions_in_a_batch_nine_are_never_sent() -> None:
    harness = RoomHarness()
    verdicts = await harness.run(*(versioned(version, f"round {version}") for version in range(1, 11)))
    assert [len(call.operations) for call in harness.calendar.requests if call.kind != "scan"] == [1]
    outcomes = [verdict.outcome for verdict in verdicts if isinstance(verdict, Completed)]
    assert outcomes == [Finished.SUPERSEDED] * 9 + [Finished.SYNCED]


@pytest.mark.parametrize("command", ["update", "end"])
async def test_a_higher_version_is_one_request_whatever_its_content_and_name(command: str) -> None:
    harness = RoomHarness()
    await harness.run(versioned(1, "tea"))
    harness.calendar.requests.clear()
    (verdict,) = await harness.run(a_booking_command(command=command, version=2, event=an_event(subject="tea")))
    assert isinstance(verdict, Completed)
    assert verdict.outcome is Finished.SYNCED
    assert harness.kinds() == ["update"]


async def test_twenty_changed_and_unchanged_bookings_are_one_request() -> None:
    harness = RoomHarness()
    await harness.run(*twenty())
    harness.calendar.requests.clear()
    await harness.run(*twenty(2, "milk")[:5], *twenty(2, "tea")[5:])
    assert [(call.kind, len(call.operations)) for call in harness.calendar.requests] == [("update", 20)]


async def test_the_same_versions_again_and_older_ones_ask_for_nothing() -> None:
    harness = RoomHarness()
    await harness.run(*twenty(2))
    harness.calendar.requests.clear()
    await harness.run(*twenty(2), *twenty(1, "milk"))
    assert harness.calendar.requests == []


async def test_whoever_meets_twenty_lost_creates_looks_at_all_of_them_at_once() -> None:
    harness = await after_a_lost_reply(applied=APPLIED)
    await harness.run(*twenty())
    assert harness.kinds() == ["find"]
    assert len(harness.calendar.events[BOARD]) == 20


async def test_twenty_second_looks_are_one_search() -> None:
    harness = await after_a_lost_reply(applied=APPLIED)
    await harness.run(*twenty())
    harness.calendar.requests.clear()
    assert await harness.run(*twenty(), look="booking") == [Checked()] * 20
    assert harness.kinds() == ["find"]


async def test_what_twenty_second_looks_miss_is_written_in_one_request() -> None:
    harness = await after_a_lost_reply(applied=NEVER_APPLIED)
    await harness.run(*twenty())
    harness.calendar.events[BOARD].clear()
    harness.calendar.requests.clear()
    assert await harness.run(*twenty(), look="booking") == [Checked()] * 20
    assert harness.kinds() == ["find", "create"]
    assert len(harness.calendar.events[BOARD]) == 20


async def test_second_looks_at_one_booking_are_one_look() -> None:
    harness = RoomHarness()
    await harness.run(versioned(1))
    harness.calendar.requests.clear()
    assert await harness.run(versioned(1), versioned(1), look="booking") == [Checked()] * 2
    assert harness.kinds() == ["find"]


async def doubled(harness: RoomHarness) -> RoomHarness:
    """A calendar in which somebody copied every event."""
    for kept in list(harness.calendar.events[BOARD]):
        harness.calendar.people_copy(BOARD, kept.ref.item_id)
    harness.calendar.requests.clear()
    return harness


async def test_the_surplus_copies_of_twenty_bookings_are_removed_in_one_request() -> None:
    harness = await doubled(await after_a_lost_reply(applied=APPLIED))
    await harness.run(*twenty())
    assert [(call.kind, len(call.operations)) for call in harness.calendar.requests] == [("find", 0), ("remove", 20)]
    assert len(harness.calendar.events[BOARD]) == 20


async def test_the_first_scan_puts_twenty_doubled_bookings_in_order_with_three_requests() -> None:
    before = RoomHarness()
    await before.run(*twenty())
    restored = RoomHarness((await doubled(before)).calendar)
    await restored.run(*twenty())
    assert [call.kind for call in restored.calendar.requests] == ["scan", "find", "remove"]
    assert len(restored.calendar.events[BOARD]) == 20


async def test_one_copy_that_cannot_be_removed_keeps_only_its_own_booking_waiting() -> None:
    harness = await doubled(await after_a_lost_reply(applied=APPLIED))
    harness.calendar.fail_next(Refused("event_refused"), kind="remove", index=7)
    verdicts = await harness.run(*twenty())
    assert [index for index, verdict in enumerate(verdicts) if not isinstance(verdict, Completed)] == [7]


async def test_a_removal_of_copies_that_is_refused_as_a_whole_is_a_verdict_on_none_of_them() -> None:
    harness = await doubled(await after_a_lost_reply(applied=APPLIED))
    harness.calendar.fail_next(Refused("event_refused", whole_request=True), kind="remove")
    verdicts = await harness.run(*twenty())
    assert all(isinstance(verdict, Completed) for verdict in verdicts)
    assert harness.kinds() == ["find", "remove", *["remove"] * 20]
    assert len(harness.calendar.events[BOARD]) == 20


async def test_a_mending_that_is_refused_as_a_whole_is_done_one_by_one_and_doubles_nothing() -> None:
    harness = await after_a_lost_reply(applied=NEVER_APPLIED)
    await harness.run(*twenty())
    harness.calendar.events[BOARD].clear()
    harness.calendar.fail_next(Refused("event_refused", whole_request=True), kind="create", applied=True)
    assert await harness.run(*twenty(), look="booking") == [Checked()] * 20
    assert len(harness.calendar.events[BOARD]) == 20


async def test_a_batch_for_a_known_room_reads_the_ledger_once() -> None:
    harness = RoomHarness()
    await harness.run(*twenty())
    ledger = harness.room.ledger
    assert isinstance(ledger, FakeLedger)
    reads: list[int] = []
    read = ledger.rows

    async def counted(tenant: TenantName, room: RoomAddress, bookings: Collection[BookingId]) -> list[LedgerRow]:
        reads.append(len(bookings))
        return await read(tenant, room, bookings)

    ledger.rows = counted  # type: ignore[method-assign]  # looked at, not replaced
    await harness.run(*twenty(2, "milk"))
    assert reads == [20]
