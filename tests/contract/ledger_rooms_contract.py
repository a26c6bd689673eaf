"""What every ledger does beside swapping rows: bars, scans, its identity, and what looks at the whole of it."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from adapters.calendar import BookingId, RoomAddress, TenantName
from adapters.ledger import ClaimRequest, CompareAndSwap, Ledger, LedgerRow, State
from tests.contract.ledger_harness import (
    ACME,
    BOARD,
    LedgerHarness,
    WithLedgers,
    a_key,
    a_present_row,
    claimed,
    read,
    written,
)

ATTIC, OTHER = RoomAddress("attic@acme.example"), TenantName("other")


class BarringContract(WithLedgers):
    async def test_a_bar_makes_a_row_where_there_is_none(self, ledger: Ledger, other: Ledger) -> None:
        key = a_key()
        await ledger.bar([(key, 4)])
        assert await read(other, key) == LedgerRow(key=key, removed_version=4)

    async def test_a_bar_only_raises(self, ledger: Ledger) -> None:
        key = a_key()
        await ledger.bar([(key, 4), (key, 6), (key, 5)])
        await ledger.bar([(key, 3)])
        assert await read(ledger, key) == LedgerRow(key=key, removed_version=6)

    async def test_a_bar_leaves_everything_else_as_it_is(self, ledger: Ledger, other: Ledger) -> None:
        row = await written(ledger, a_present_row(a_key()))
        mine = await claimed(ledger, row)
        await other.bar([(row.key, 8)])
        seen = await read(ledger, row.key)
        assert seen is not None
        assert seen.claim is not None
        assert replace(seen, claim=None) == replace(row, removed_version=8)
        assert await ledger.swap([CompareAndSwap(before=mine, after=row)]) == [True]

    async def test_a_swap_merges_the_removed_version_upward(self, ledger: Ledger, other: Ledger) -> None:
        row = await written(ledger, a_present_row(a_key(), removed_version=2))
        await other.bar([(row.key, 8)])
        after = replace(row, version=9, removed_version=5)
        assert await ledger.swap([CompareAndSwap(before=row, after=after)]) == [True]
        assert await read(ledger, row.key) == replace(after, removed_version=8)

    async def test_a_claim_raises_the_removed_version_with_it(self, ledger: Ledger, other: Ledger) -> None:
        row = await written(ledger, a_present_row(a_key()))
        assert (await claimed(ledger, replace(row, removed_version=4), version=4)).removed_version == 4
        seen = await read(other, row.key)
        assert seen is not None
        assert seen.removed_version == 4

    async def test_a_claim_never_lowers_the_removed_version(self, ledger: Ledger, other: Ledger) -> None:
        row = await written(ledger, a_present_row(a_key()))
        await other.bar([(row.key, 9)])
        assert (await claimed(ledger, replace(row, removed_version=4), version=4)).removed_version == 9

    async def test_a_refused_claim_raises_nothing(self, ledger: Ledger) -> None:
        mine = await claimed(ledger, LedgerRow(key=a_key()))
        wish = ClaimRequest(row=replace(mine, removed_version=4), version=4)
        assert await ledger.claim([wish], for_s=90) == [None]
        seen = await read(ledger, mine.key)
        assert seen is not None
        assert seen.removed_version == 0

    async def test_a_row_that_only_a_bar_made_can_be_claimed_as_if_it_were_none(
        self, ledger: Ledger, other: Ledger
    ) -> None:
        unread = LedgerRow(key=a_key())
        await other.bar([(unread.key, 3)])
        assert (await claimed(ledger, unread)).removed_version == 3


class ScanningContract(WithLedgers):
    async def test_a_room_is_scanned_once(self, ledger: Ledger, other: Ledger) -> None:
        row = a_present_row(a_key())
        assert not await ledger.is_scanned(ACME, BOARD)
        assert await ledger.commit_scan(ACME, BOARD, [CompareAndSwap(before=None, after=row)])
        assert await other.is_scanned(ACME, BOARD)
        assert not await ledger.is_scanned(ACME, ATTIC)
        assert not await ledger.is_scanned(OTHER, BOARD)
        late = a_present_row(a_key())
        assert not await other.commit_scan(ACME, BOARD, [CompareAndSwap(before=None, after=late)])
        assert await read(ledger, row.key) == row
        assert await read(ledger, late.key) is None

    async def test_rows_of_a_room_that_is_not_scanned_are_none(self, ledger: Ledger, other: Ledger) -> None:
        row, unknown = await written(ledger, a_present_row(a_key())), a_key()
        wanted = [row.key.booking_id, unknown.booking_id]
        assert await ledger.rows_if_scanned(ACME, BOARD, wanted) is None
        assert await other.commit_scan(ACME, BOARD, [])
        assert await ledger.rows_if_scanned(ACME, BOARD, wanted) == [row]
        assert await ledger.rows_if_scanned(ACME, BOARD, [unknown.booking_id]) == []
        assert await ledger.rows_if_scanned(ACME, ATTIC, wanted) is None

    async def test_a_scan_leaves_out_what_changed_since(self, ledger: Ledger, other: Ledger) -> None:
        changed, new = await written(other, a_present_row(a_key(), version=5)), a_present_row(a_key())
        swaps = [CompareAndSwap(before=None, after=replace(changed, version=1)), CompareAndSwap(before=None, after=new)]
        assert await ledger.commit_scan(ACME, BOARD, swaps)
        assert await read(ledger, changed.key) == changed
        assert await read(ledger, new.key) == new

    async def test_of_scans_that_meet_one_is_committed(self, ledger: Ledger, other: Ledger) -> None:
        for number in range(5):
            room = RoomAddress(f"room{number}@acme.example")
            rows = [a_present_row(a_key(room=room)) for _ in range(4)]
            ledgers = (ledger, other, ledger, other)
            scans = [
                each.commit_scan(ACME, room, [CompareAndSwap(before=None, after=row)])
                for each, row in zip(ledgers, rows, strict=True)
            ]
            committed = await asyncio.gather(*scans)
            assert sum(committed) == 1
            there = [await read(ledger, row.key) is not None for row in rows]
            assert there == committed

    @pytest.mark.parametrize(
        ("tenant", "room", "forgotten"),
        [
            pytest.param(None, None, {(ACME, BOARD), (ACME, ATTIC), (OTHER, BOARD)}, id="all"),
            pytest.param(ACME, None, {(ACME, BOARD), (ACME, ATTIC)}, id="one tenant's"),
            pytest.param(ACME, ATTIC, {(ACME, ATTIC)}, id="one"),
            pytest.param(OTHER, ATTIC, set(), id="none"),
        ],
    )
    async def test_scans_can_be_forgotten_and_repeated(
        self,
        ledger: Ledger,
        tenant: TenantName | None,
        room: RoomAddress | None,
        forgotten: set[tuple[TenantName, RoomAddress]],
    ) -> None:
        scanned = [(ACME, BOARD), (ACME, ATTIC), (OTHER, BOARD)]
        for room_key in scanned:
            assert await ledger.commit_scan(*room_key, [])
        assert await ledger.forget_scans(tenant, room) == len(forgotten)
        assert {room_key for room_key in scanned if not await ledger.is_scanned(*room_key)} == forgotten
        assert [await ledger.commit_scan(*room_key, []) for room_key in forgotten] == [True] * len(forgotten)


class IdentityContract(WithLedgers):
    async def test_a_new_ledger_is_empty_and_keeps_its_id(self, ledger: Ledger, other: Ledger) -> None:
        identity = await ledger.identity()
        assert identity.is_empty
        assert identity.generation == 0
        assert len(identity.ledger_id) >= 16
        assert await other.identity() == identity

    async def test_every_start_raises_the_generation(self, ledger: Ledger, other: Ledger) -> None:
        made = await ledger.identity()
        generations = [(await each.next_generation()).generation for each in (ledger, other, ledger)]
        assert generations == [1, 2, 3]
        assert await other.identity() == replace(made, generation=3, is_empty=False)

    async def test_a_ledger_with_a_row_or_a_scan_is_not_empty(self, ledger: Ledger) -> None:
        assert await ledger.commit_scan(ACME, BOARD, [])
        assert not (await ledger.identity()).is_empty
        await ledger.forget_scans()
        assert (await ledger.identity()).is_empty
        await ledger.bar([(a_key(), 1)])
        assert not (await ledger.identity()).is_empty


class OverviewContract(WithLedgers):
    async def test_a_booking_is_found_in_every_room(self, ledger: Ledger) -> None:
        keys = [a_key("B-1"), a_key("B-1", room=ATTIC), a_key("B-1", tenant=OTHER), a_key("b-1"), a_key("B-2")]
        for key in keys:
            await written(ledger, a_present_row(key))
        await claimed(ledger, a_present_row(keys[0]))
        found = await ledger.history(None, BookingId("B-1"))
        assert {row.key for row in found} == set(keys[:3])
        assert [row.key for row in found if row.claim is not None] == [keys[0]]
        assert {row.key for row in await ledger.history(ACME, BookingId("B-1"))} == set(keys[:2])

    async def test_all_rows_of_a_room_are_read_tombstones_and_claims_included(self, ledger: Ledger) -> None:
        row = await written(ledger, a_present_row(a_key("B-1")))
        await ledger.bar([(a_key("B-2"), 3), (a_key("B-1", room=ATTIC), 3), (a_key("B-1", tenant=OTHER), 3)])
        mine = await claimed(ledger, LedgerRow(key=a_key("B-3")))
        rows = {each.key.booking_id: each for each in await ledger.room_rows(ACME, BOARD)}
        assert rows.keys() == {"B-1", "B-2", "B-3"}
        assert (rows[row.key.booking_id], rows[BookingId("B-2")].removed_version) == (row, 3)
        assert (claim := rows[mine.key.booking_id].claim) is not None
        assert claim.is_live

    async def test_rooms_with_rows_and_scanned_rooms_are_known(self, ledger: Ledger) -> None:
        assert await ledger.rooms(None) == []
        await ledger.bar([(a_key("B-1"), 1), (a_key("B-2"), 1), (a_key("B-1", tenant=OTHER), 1)])
        await ledger.commit_scan(ACME, ATTIC, [])
        await ledger.commit_scan(ACME, BOARD, [])
        assert await ledger.rooms(ACME) == [(ACME, ATTIC), (ACME, BOARD)]
        assert await ledger.rooms(None) == sorted([(ACME, ATTIC), (ACME, BOARD), (OTHER, BOARD)])

    async def test_rows_are_counted_by_state_with_claims_and_rooms(self, ledger: Ledger) -> None:
        assert await ledger.counts() == {"writing": 0, "present": 0, "absent": 0, "claimed": 0, "rooms": 0}
        row = await written(ledger, a_present_row(a_key()))
        await written(ledger, a_present_row(a_key()))
        await claimed(ledger, row)
        await claimed(ledger, LedgerRow(key=a_key()), state=State.WRITING)
        await ledger.bar([(a_key(), 1)])
        await ledger.commit_scan(ACME, BOARD, [])
        assert await ledger.counts() == {"writing": 1, "present": 2, "absent": 1, "claimed": 2, "rooms": 1}

    @pytest.mark.parametrize(
        ("age_days", "ended_days_ago", "expired"),
        [
            pytest.param(181, 91, 1, id="recorded and ended long ago"),
            pytest.param(181, None, 1, id="recorded long ago, never had an event"),
            pytest.param(179, 178, 0, id="recorded too lately"),
            pytest.param(181, 89, 0, id="ended too lately"),
            pytest.param(181, -30, 0, id="still to come"),
        ],
    )
    async def test_rows_are_kept_as_long_as_they_may_be_referred_to(
        self, harness: LedgerHarness, ledger: Ledger, age_days: int, ended_days_ago: int | None, expired: int
    ) -> None:
        ends_at = None
        if ended_days_ago is not None:
            ends_at = datetime.now(UTC) + timedelta(days=age_days - ended_days_ago)
        row = await written(ledger, a_present_row(a_key(), event_ends_at=ends_at))
        await harness.elapse(timedelta(days=age_days))
        assert await ledger.expire(keep_days=180) == expired
        assert (await read(ledger, row.key) is None) == bool(expired)

    async def test_a_claimed_row_never_expires(self, harness: LedgerHarness, ledger: Ledger) -> None:
        await claimed(ledger, LedgerRow(key=a_key()))
        await harness.elapse(timedelta(days=1_000))
        assert await ledger.expire(keep_days=180) == 0

    async def test_a_change_makes_a_row_young_again_and_a_bar_that_changes_nothing_does_not(
        self, harness: LedgerHarness, ledger: Ledger
    ) -> None:
        barred, swapped = a_key(), a_key()
        await ledger.bar([(barred, 3), (swapped, 3)])
        await harness.elapse(timedelta(days=100))
        before = LedgerRow(key=swapped, removed_version=3)
        await ledger.swap([CompareAndSwap(before=before, after=replace(before, version=4))])
        await ledger.bar([(barred, 2)])
        await harness.elapse(timedelta(days=100))
        assert await ledger.expire(keep_days=180) == 1
        assert await read(ledger, barred) is None
