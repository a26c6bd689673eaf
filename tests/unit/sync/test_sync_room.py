"""What becomes of commands: one room, the real sync, Exchange and the ledger in memory."""

from dataclasses import replace

from adapters.errors import Misconfigured, Refused, Throttled, Transient, Unknown
from adapters.ledger import State
from consumers.messages.disposition import Completed, DeadLettered, Deferred, Disposition, Finished
from tests.builders import a_booking_command
from tests.room_harness import BOARD, RoomHarness, a_cancel, versioned


def outcomes(verdicts: list[Disposition]) -> list[str]:
    return [verdict.outcome if isinstance(verdict, Completed) else type(verdict).__name__ for verdict in verdicts]


async def test_a_create_becomes_one_event_with_one_scan_and_one_request() -> None:
    harness = RoomHarness()
    (verdict,) = await harness.run(versioned(1))
    assert isinstance(verdict, Completed)
    assert verdict.outcome == Finished.SYNCED
    assert verdict.item_id == harness.calendar.events[BOARD][0].ref.item_id
    assert [call.kind for call in harness.calendar.requests] == ["scan", "create"]
    row = await harness.row()
    assert row is not None
    assert (row.state, row.version, row.claim, row.backend) == (State.PRESENT, 1, None, "ews")


async def test_the_same_command_again_asks_exchange_nothing() -> None:
    harness = RoomHarness()
    await harness.run(versioned(1))
    assert outcomes(await harness.run(versioned(1))) == ["synced"]
    assert harness.kinds() == ["create"]


async def test_only_the_newest_version_of_a_batch_is_written() -> None:
    harness = RoomHarness()
    verdicts = await harness.run(versioned(1, "old"), versioned(3, "new"), versioned(2, "middle"))
    assert outcomes(verdicts) == ["superseded", "synced", "superseded"]
    assert harness.subjects() == ["new"]
    assert harness.kinds() == ["create"]


async def test_an_older_version_after_a_newer_one_is_superseded() -> None:
    harness = RoomHarness()
    await harness.run(versioned(5, "new"))
    assert outcomes(await harness.run(versioned(4, "old"))) == ["superseded"]
    assert harness.subjects() == ["new"]


async def test_a_newer_version_with_unchanged_content_is_written_with_its_mark() -> None:
    harness = RoomHarness()
    await harness.run(versioned(1))
    assert outcomes(await harness.run(versioned(2))) == ["synced"]
    assert harness.kinds() == ["create", "update"]
    assert harness.marks() == [2]
    row = await harness.row()
    assert row is not None
    assert row.version == 2


async def test_a_cancelled_booking_comes_back_only_by_a_higher_version() -> None:
    harness = RoomHarness()
    await harness.run(versioned(1))
    assert outcomes(await harness.run(a_cancel(2))) == ["removed"]
    assert outcomes(await harness.run(versioned(1))) == ["superseded"]
    assert harness.subjects() == []
    assert outcomes(await harness.run(versioned(3, "back"))) == ["synced"]
    assert harness.subjects() == ["back"]


async def test_a_cancel_before_its_create_asks_nothing_and_bars_the_create() -> None:
    harness = RoomHarness()
    assert outcomes(await harness.run(a_cancel(2))) == ["removed"]
    assert outcomes(await harness.run(versioned(1))) == ["superseded"]
    assert harness.kinds() == []


async def test_a_version_with_other_content_is_parked_as_reused_and_bars_nothing() -> None:
    harness = RoomHarness()
    await harness.run(versioned(1, "first"))
    (verdict,) = await harness.run(versioned(1, "second"))
    assert isinstance(verdict, DeadLettered)
    assert verdict.problem.code == "version_reused"
    (verdict,) = await harness.run(a_cancel(1))
    assert isinstance(verdict, DeadLettered)
    row = await harness.row()
    assert row is not None
    assert (row.version, row.removed_version) == (1, 0)
    assert harness.subjects() == ["first"]


async def test_twenty_bookings_of_a_batch_are_one_request() -> None:
    harness = RoomHarness()
    verdicts = await harness.run(*(a_booking_command(booking_id=f"B-{n}") for n in range(20)))
    assert outcomes(verdicts) == ["synced"] * 20
    assert harness.kinds() == ["create"]


async def test_an_unknown_outcome_is_not_sent_again_and_keeps_its_claim() -> None:
    harness = RoomHarness()
    harness.calendar.fail_next(Unknown(), applied=True, kind="create")
    (verdict,) = await harness.run(versioned(1))
    assert isinstance(verdict, Deferred)
    assert verdict.counts_attempt
    assert harness.kinds() == ["create"]
    row = await harness.row()
    assert row is not None
    assert row.state is State.WRITING
    assert row.claim is not None


async def test_a_booking_with_a_live_claim_rests_without_counting_an_attempt() -> None:
    harness = RoomHarness()
    harness.calendar.fail_next(Unknown(), kind="create")
    await harness.run(versioned(1))
    (verdict,) = await harness.run(versioned(2))
    assert isinstance(verdict, Deferred)
    assert not verdict.counts_attempt
    assert harness.kinds() == ["create"]


async def test_whoever_takes_over_an_expired_claim_looks_first_and_doubles_nothing() -> None:
    harness = RoomHarness()
    harness.calendar.fail_next(Unknown(), applied=True, kind="create")
    await harness.run(versioned(1))
    harness.let_pass(100)
    assert outcomes(await harness.run(versioned(1))) == ["synced"]
    assert harness.kinds() == ["create", "find"]
    assert harness.subjects() == ["Design review"]
    assert [look for _, look in harness.checks] == ["booking"]


async def test_a_write_that_was_never_applied_is_sent_once_more_after_the_look() -> None:
    harness = RoomHarness()
    harness.calendar.fail_next(Unknown(), kind="create")
    await harness.run(versioned(1))
    harness.let_pass(100)
    assert outcomes(await harness.run(versioned(1))) == ["synced"]
    assert harness.kinds() == ["create", "find", "create"]


async def test_surplus_copies_found_in_a_look_are_removed() -> None:
    harness = RoomHarness()
    harness.calendar.fail_next(Unknown(), applied=True, kind="create")
    await harness.run(versioned(1))
    harness.calendar.people_copy(BOARD, harness.calendar.events[BOARD][0].ref.item_id)
    harness.let_pass(100)
    assert outcomes(await harness.run(versioned(2, "new"))) == ["synced"]
    assert harness.subjects() == ["new"]


async def test_a_throttled_room_is_asked_again_after_the_named_time() -> None:
    harness = RoomHarness()
    harness.calendar.fail_next(Throttled(20.0), kind="create")
    assert outcomes(await harness.run(versioned(1))) == ["synced"]
    assert harness.time.passed_s >= 20.0
    assert harness.kinds() == ["create", "create"]


async def test_a_throttle_longer_than_the_hold_sends_the_command_away_uncounted() -> None:
    harness = RoomHarness()
    harness.calendar.fail_next(Throttled(297.0), kind="create")
    (verdict,) = await harness.run(versioned(1))
    assert isinstance(verdict, Deferred)
    assert (verdict.wait_s, verdict.counts_attempt) == (297.0, False)
    assert harness.time.slept == []


async def test_one_busy_item_of_a_batch_leaves_the_others_their_outcomes() -> None:
    harness = RoomHarness()
    harness.calendar.fail_next(Throttled(1.0), kind="create", index=1)
    verdicts = await harness.run(*(a_booking_command(booking_id=f"B-{n}") for n in range(3)))
    assert outcomes(verdicts) == ["synced"] * 3
    sizes = [len(call.operations) for call in harness.calendar.requests if call.kind == "create"]
    assert sizes == [3, 1]


async def test_a_transient_error_is_tried_three_times_and_then_sent_away() -> None:
    harness = RoomHarness()
    harness.calendar.fail_next(Transient(), times=3, kind="create")
    (verdict,) = await harness.run(versioned(1))
    assert isinstance(verdict, Deferred)
    assert verdict.counts_attempt
    assert harness.kinds() == ["create"] * 3


async def test_a_refused_update_does_not_cost_the_booking_its_create() -> None:
    harness = RoomHarness()
    harness.calendar.fail_next(Refused("event_refused"), kind="create")
    verdicts = await harness.run(versioned(1, "good"), versioned(2, "bad"))
    assert outcomes(verdicts) == ["synced", "DeadLettered"]
    assert harness.subjects() == ["good"]


async def test_falling_back_stops_at_a_removal() -> None:
    harness = RoomHarness()
    await harness.run(versioned(1, "old"))
    harness.calendar.fail_next(Refused("rights_missing"), kind="remove")
    verdicts = await harness.run(versioned(2, "middle"), a_cancel(3))
    assert outcomes(verdicts) == ["superseded", "DeadLettered"]
    row = await harness.row()
    assert row is not None
    assert row.removed_version == 3


async def test_a_refused_create_that_was_applied_all_the_same_is_found() -> None:
    harness = RoomHarness()
    harness.calendar.fail_next(Refused(), applied=True, kind="create")
    await harness.run(versioned(1))
    assert outcomes(await harness.run(versioned(2, "new"))) == ["synced"]
    assert harness.subjects() == ["new"]


async def test_a_refusal_of_a_whole_request_is_a_verdict_on_none_of_its_items() -> None:
    harness = RoomHarness()
    harness.calendar.fail_next(Refused("event_refused", whole_request=True), kind="create")
    harness.calendar.fail_next(Refused("event_refused"), kind="create")
    verdicts = await harness.run(*(a_booking_command(booking_id=f"B-{n}") for n in range(3)))
    assert sorted(outcomes(verdicts)) == ["DeadLettered", "synced", "synced"]


async def test_an_event_deleted_by_people_is_written_anew_by_the_next_version() -> None:
    harness = RoomHarness()
    await harness.run(versioned(1))
    harness.calendar.people_delete(BOARD, harness.calendar.events[BOARD][0].ref.item_id)
    assert outcomes(await harness.run(versioned(1))) == ["synced"]
    assert harness.subjects() == []
    assert outcomes(await harness.run(versioned(2, "new"))) == ["synced"]
    assert harness.subjects() == ["new"]


async def test_a_broken_tenant_sends_its_commands_away_uncounted_and_is_not_asked_again() -> None:
    harness = RoomHarness()
    await harness.run(versioned(1))
    harness.calendar.fail_next(Misconfigured("ews_blocked"), kind="update")
    first = await harness.run(versioned(2, "new"))
    second = await harness.run(versioned(3, "newer"))
    assert [(v.wait_s, v.counts_attempt) for v in (*first, *second) if isinstance(v, Deferred)] == [(60.0, False)] * 2
    assert harness.kinds() == ["create", "update"]


async def test_a_repaired_tenant_goes_on_with_the_next_probe() -> None:
    harness = RoomHarness()
    await harness.run(versioned(1))
    harness.calendar.fail_next(Misconfigured("ews_blocked"), kind="update")
    await harness.run(versioned(2, "new"))
    harness.let_pass(61)
    assert outcomes(await harness.run(versioned(2, "new"))) == ["synced"]
    assert harness.subjects() == ["new"]


async def test_way_is_given_before_outcomes_are_recorded_and_before_each_verdict() -> None:
    harness = RoomHarness()
    seen: list[tuple[bool, int]] = []

    async def give_way() -> None:
        row = await harness.row("B-0")
        assert row is not None
        seen.append((row.claim is None, len(harness.decided)))

    harness.room = replace(harness.room, give_way=give_way)
    await harness.run(*(a_booking_command(booking_id=f"B-{number}") for number in range(3)))
    assert seen[0] == (False, 0)
    assert [is_recorded for is_recorded, _ in seen[1:]] == [True] * 3
    assert seen[1] == (True, 0)
