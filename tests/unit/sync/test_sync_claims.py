"""Claims whose time runs out: what is no longer sent, and whose outcome is not believed (docs/protocol.md#rule-1)."""

import asyncio
from collections.abc import Collection, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

from adapters.calendar import BookingId, FoundEvent, RoomAddress
from adapters.errors import Unknown
from adapters.ledger import ClaimRequest, LedgerRow
from consumers.messages.disposition import Completed, Deferred, Finished
from tests.fake_ledger import FakeLedger
from tests.fakes import FakeCalendar
from tests.room_harness import BOARD, RoomHarness, VirtualTime, a_cancel, versioned

TOO_LONG_S = 60.0
"""What is left of a claim then is less than a request may take."""
TURNS_MAX = 1000


class SlowClaims(FakeLedger):
    """The database takes its time over a claim."""

    time: VirtualTime

    async def claim(self, wishes: Sequence[ClaimRequest], *, for_s: float) -> list[LedgerRow | None]:
        claimed = await super().claim(wishes, for_s=for_s)
        self.time.passed_s += TOO_LONG_S
        return claimed


class SlowSearch(FakeCalendar):
    """Exchange takes its time over a search."""

    time: VirtualTime

    async def find(self, room: RoomAddress, bookings: Collection[BookingId]) -> list[FoundEvent]:
        found = await super().find(room, bookings)
        self.time.passed_s += TOO_LONG_S
        return found


async def others_turn() -> None:
    """Let everybody else go on as far as they can."""
    for _ in range(TURNS_MAX):
        await asyncio.sleep(0)


async def test_nothing_is_sent_under_a_claim_that_could_run_out_before_the_answer_comes() -> None:
    harness = RoomHarness()
    ledger = SlowClaims(clock=harness.time.now, store=harness.ledger.store)
    ledger.time = harness.time
    harness.room = replace(harness.room, ledger=ledger)
    (verdict,) = await harness.run(versioned(1))
    assert isinstance(verdict, Deferred)
    assert harness.kinds() == []


async def test_surplus_copies_stay_for_the_next_look_when_the_search_took_too_long() -> None:
    calendar = SlowSearch()
    harness = RoomHarness(calendar)
    calendar.time = harness.time
    harness.calendar.fail_next(Unknown(), applied=True, kind="create")
    await harness.run(versioned(1))
    harness.calendar.people_copy(BOARD, harness.calendar.events[BOARD][0].ref.item_id)
    harness.let_pass(100)
    (verdict,) = await harness.run(versioned(2, "new"))
    assert isinstance(verdict, Deferred)
    assert harness.kinds() == ["create", "find"]


async def test_who_waits_for_a_slot_holds_no_claim_meanwhile() -> None:
    harness = RoomHarness()
    await harness.run(versioned(1))
    async with AsyncExitStack() as busy:
        for _ in range(harness.room.tenant.mailbox_concurrency):
            await busy.enter_async_context(harness.room.gate.slot(BOARD))
        waiting = asyncio.create_task(harness.run(versioned(2, "new")))
        await others_turn()
        row = await harness.row()
    assert row is not None
    assert row.claim is None
    await waiting
    assert harness.subjects() == ["new"]


async def test_an_outcome_that_comes_when_another_worker_has_taken_over_settles_nothing() -> None:
    harness = RoomHarness()
    await harness.run(versioned(1))
    harness.calendar.pause()
    late = asyncio.create_task(harness.run(versioned(2, "new")))
    await others_turn()
    harness.let_pass(100)
    row = await harness.row()
    assert row is not None
    await harness.ledger.beside().claim([ClaimRequest(row=row, version=2)], for_s=90.0)
    harness.calendar.resume()
    (verdict,) = await late
    assert isinstance(verdict, Deferred)
    kept = await harness.row()
    assert kept is not None
    assert kept.version == 1


async def test_a_removal_finds_the_event_that_people_deleted_and_brought_back_under_another_id() -> None:
    harness = RoomHarness()
    await harness.run(versioned(1))
    trashed = harness.calendar.people_delete(BOARD, harness.calendar.events[BOARD][0].ref.item_id)
    harness.calendar.people_restore(BOARD, trashed.ref.item_id)
    (verdict,) = await harness.run(a_cancel(2))
    assert isinstance(verdict, Completed)
    assert verdict.outcome == Finished.REMOVED
    assert harness.subjects() == []
