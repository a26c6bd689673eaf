"""What every ledger does with one booking's row: read, claim, swap, bar; the port's sentences one by one."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.calendar import BookingId, ItemRef, RoomAddress, TenantName
from adapters.ledger import ClaimRequest, CompareAndSwap, Ledger, LedgerError, LedgerRow, State
from tests.contract.ledger_harness import (
    ACME,
    BOARD,
    FOR_S,
    LedgerHarness,
    WithLedgers,
    a_key,
    a_present_row,
    claimed,
    read,
    written,
)

CHANGED = [
    pytest.param({"state": State.WRITING}, id="another state"),
    pytest.param({"version": 7}, id="another version"),
    pytest.param({"item": ItemRef(item_id="aamk1")}, id="another item"),
    pytest.param({"item": None}, id="no item"),
]
UNCOMPARED = {
    "removed_version": 4,
    "item": ItemRef(item_id="AAMk1", change_key="CQAB"),
    "snapshot": None,
    "written_digest": "other",
}


class ReadingContract(WithLedgers):
    async def test_a_booking_that_nobody_wrote_has_no_row(self, ledger: Ledger) -> None:
        assert await ledger.rows(ACME, BOARD, [BookingId("B-1")]) == []
        assert await ledger.rows(ACME, BOARD, []) == []

    async def test_a_row_comes_back_with_everything_that_was_written(self, ledger: Ledger, other: Ledger) -> None:
        row = await written(ledger, a_present_row(a_key()))
        assert await read(ledger, row.key) == row
        assert await read(other, row.key) == row

    async def test_only_the_rows_asked_for_are_read(self, ledger: Ledger) -> None:
        keys = [
            a_key("B-1"),
            a_key("b-1"),
            a_key("B-2"),
            a_key("B-1", room=RoomAddress("attic@acme.example")),
            a_key("B-1", tenant=TenantName("Acme")),
        ]
        assert await ledger.swap([CompareAndSwap(before=None, after=a_present_row(key)) for key in keys]) == [True] * 5
        rows = await ledger.rows(ACME, BOARD, [BookingId("B-1"), BookingId("B-2"), BookingId("B-3"), BookingId("B-1")])
        assert {row.key for row in rows} == {keys[0], keys[2]}
        assert len(rows) == 2

    @pytest.mark.parametrize("odd", ['quotes " and \\', "\\u0041", "ü 会議 🏢", '["a"]', "17", "null", " "])
    async def test_a_key_is_told_by_the_letter(self, ledger: Ledger, odd: str) -> None:
        key = a_key(odd, room=RoomAddress(f"{odd}@acme.example"), tenant=TenantName(odd))
        row = await written(ledger, a_present_row(key))
        assert await ledger.rows(key.tenant, key.room, [key.booking_id]) == [row]

    async def test_more_bookings_than_a_statement_takes_can_be_asked_for(self, ledger: Ledger) -> None:
        keys = [a_key(f"B-{number}") for number in range(1_201)]
        await ledger.bar([(key, 1) for key in keys])
        assert len(await ledger.rows(ACME, BOARD, [key.booking_id for key in keys])) == 1_201


class ClaimingContract(WithLedgers):
    async def test_a_claim_has_a_token_of_its_own_its_version_and_its_time(self, ledger: Ledger) -> None:
        first, second = await claimed(ledger, LedgerRow(key=a_key())), await claimed(ledger, LedgerRow(key=a_key()))
        assert first.claim is not None
        assert second.claim is not None
        assert first.claim.token != second.claim.token
        assert first.claim.version == 2
        assert FOR_S - 5 < first.claim.remaining_s <= FOR_S

    async def test_a_claim_on_a_booking_without_a_row_makes_one(self, ledger: Ledger, other: Ledger) -> None:
        mine = await claimed(ledger, LedgerRow(key=a_key()), state=State.WRITING)
        seen = await read(other, mine.key)
        assert seen is not None
        assert (seen.state, seen.version, seen.claim is not None) == (State.WRITING, 0, True)

    async def test_a_claim_lies_beside_what_is_settled(self, ledger: Ledger) -> None:
        row = await written(ledger, a_present_row(a_key(), removed_version=3))
        mine = await claimed(ledger, row, version=2)
        assert replace(mine, claim=None) == row

    async def test_a_claim_returns_the_row_as_it_is_now(self, ledger: Ledger, other: Ledger) -> None:
        row = await written(ledger, a_present_row(a_key()))
        await other.bar([(row.key, 9)])
        assert (await claimed(ledger, row)).removed_version == 9

    async def test_a_live_claim_refuses_the_next_one_even_by_who_knows_it(self, ledger: Ledger) -> None:
        mine = await claimed(ledger, LedgerRow(key=a_key()))
        assert await ledger.claim([ClaimRequest(row=mine, version=3)], for_s=FOR_S) == [None]
        assert await ledger.claim([ClaimRequest(row=LedgerRow(key=mine.key), version=3)], for_s=FOR_S) == [None]

    async def test_an_expired_claim_may_be_taken_over_once(
        self, harness: LedgerHarness, ledger: Ledger, other: Ledger
    ) -> None:
        mine = await claimed(ledger, LedgerRow(key=a_key()))
        await harness.elapse(timedelta(seconds=FOR_S + 1))
        seen = await read(other, mine.key)
        assert seen is not None
        assert seen.claim is not None
        assert not seen.claim.is_live
        theirs = await claimed(other, seen, version=5)
        assert theirs.claim != mine.claim
        assert await ledger.claim([ClaimRequest(row=mine, version=2)], for_s=FOR_S) == [None]

    async def test_whoever_read_no_claim_cannot_take_over_an_expired_one(
        self, harness: LedgerHarness, ledger: Ledger
    ) -> None:
        await claimed(ledger, LedgerRow(key=(key := a_key())))
        await harness.elapse(timedelta(seconds=FOR_S + 1))
        assert await ledger.claim([ClaimRequest(row=LedgerRow(key=key), version=2)], for_s=FOR_S) == [None]

    @pytest.mark.parametrize("change", CHANGED)
    async def test_a_claim_is_refused_where_the_row_changed(self, ledger: Ledger, change: dict[str, object]) -> None:
        row = await written(ledger, a_present_row(a_key()))
        read_before = replace(row, **change)  # type: ignore[arg-type]
        assert await ledger.claim([ClaimRequest(row=read_before, version=2)], for_s=FOR_S) == [None]
        assert await read(ledger, row.key) == row

    async def test_a_refused_claim_spares_the_others_of_its_call(self, ledger: Ledger) -> None:
        taken, free = await claimed(ledger, LedgerRow(key=a_key())), LedgerRow(key=a_key())
        wishes = [ClaimRequest(row=row, version=1) for row in (taken, free, free)]
        first, second, third = await ledger.claim(wishes, for_s=FOR_S)
        assert first is None
        assert second is not None
        assert third is None

    async def test_of_many_that_race_for_a_claim_one_wins(self, ledger: Ledger, other: Ledger) -> None:
        for _ in range(10):
            wish = ClaimRequest(row=LedgerRow(key=a_key()), version=1, state=State.WRITING)
            calls = [each.claim([wish], for_s=FOR_S) for each in (ledger, other) * 4]
            won = [row for [row] in await asyncio.gather(*calls) if row is not None]
            assert len(won) == 1
            assert (seen := await read(ledger, wish.row.key)) is not None
            assert seen.claim is not None
            assert won[0].claim is not None
            assert seen.claim.token == won[0].claim.token


class SwappingContract(WithLedgers):
    async def test_a_first_row_is_refused_where_there_is_one_by_now(self, ledger: Ledger) -> None:
        row = await written(ledger, a_present_row(a_key()))
        assert await ledger.swap([CompareAndSwap(before=None, after=replace(row, version=5))]) == [False]
        assert await read(ledger, row.key) == row

    async def test_a_fresh_row_stands_for_no_row(self, ledger: Ledger) -> None:
        key = a_key()
        assert await ledger.swap([CompareAndSwap(before=LedgerRow(key=key), after=a_present_row(key))]) == [True]
        assert await read(ledger, key) == a_present_row(key)

    async def test_a_row_that_is_gone_by_now_is_not_swapped(self, ledger: Ledger) -> None:
        row = a_present_row(a_key())
        assert await ledger.swap([CompareAndSwap(before=row, after=replace(row, version=2))]) == [False]
        assert await read(ledger, row.key) is None

    @pytest.mark.parametrize("change", CHANGED)
    async def test_a_swap_is_refused_where_the_row_changed(self, ledger: Ledger, change: dict[str, object]) -> None:
        row = await written(ledger, a_present_row(a_key()))
        read_before = replace(row, **change)  # type: ignore[arg-type]
        assert await ledger.swap([CompareAndSwap(before=read_before, after=replace(row, version=9))]) == [False]
        assert await read(ledger, row.key) == row

    async def test_nothing_else_of_the_row_is_compared(self, ledger: Ledger) -> None:
        row = await written(ledger, a_present_row(a_key()))
        read_before = replace(row, **UNCOMPARED)  # type: ignore[arg-type]
        assert await ledger.swap([CompareAndSwap(before=read_before, after=replace(row, version=2))]) == [True]

    async def test_a_refused_swap_spares_the_others_of_its_call(self, ledger: Ledger) -> None:
        row, new = await written(ledger, a_present_row(a_key())), a_present_row(a_key())
        swaps = [
            CompareAndSwap(before=None, after=row),
            CompareAndSwap(before=None, after=new),
            CompareAndSwap(before=new, after=replace(new, version=2)),
        ]
        assert await ledger.swap(swaps) == [False, True, True]
        assert (await read(ledger, new.key)) == replace(new, version=2)

    async def test_settling_gives_the_claim_back(self, ledger: Ledger) -> None:
        mine = await claimed(ledger, LedgerRow(key=a_key()), state=State.WRITING)
        settled = a_present_row(mine.key, version=2)
        assert await ledger.swap([CompareAndSwap(before=mine, after=settled)]) == [True]
        assert await read(ledger, mine.key) == settled

    async def test_a_claim_keeps_its_token_and_its_end_through_a_swap(
        self, harness: LedgerHarness, ledger: Ledger
    ) -> None:
        mine = await claimed(ledger, LedgerRow(key=a_key()))
        await harness.elapse(timedelta(seconds=60))
        assert await ledger.swap([CompareAndSwap(before=mine, after=replace(mine, removed_version=2))]) == [True]
        seen = await read(ledger, mine.key)
        assert seen is not None
        assert seen.claim is not None
        assert mine.claim is not None
        assert seen.claim.token == mine.claim.token
        assert 25 < seen.claim.remaining_s <= 30

    async def test_whoever_lost_the_claim_writes_nothing(
        self, harness: LedgerHarness, ledger: Ledger, other: Ledger
    ) -> None:
        mine = await claimed(ledger, LedgerRow(key=a_key()))
        await harness.elapse(timedelta(seconds=FOR_S + 1))
        theirs = await claimed(other, mine, version=3)
        assert await ledger.swap([CompareAndSwap(before=mine, after=a_present_row(mine.key))]) == [False]
        assert await other.swap([CompareAndSwap(before=theirs, after=a_present_row(mine.key, version=3))]) == [True]

    async def test_an_expired_claim_that_nobody_took_still_settles(
        self, harness: LedgerHarness, ledger: Ledger
    ) -> None:
        mine = await claimed(ledger, LedgerRow(key=a_key()))
        await harness.elapse(timedelta(seconds=FOR_S + 1))
        assert await ledger.swap([CompareAndSwap(before=mine, after=a_present_row(mine.key))]) == [True]

    @pytest.mark.parametrize("remembered", [{"snapshot": "{}"}, {"written_digest": "w"}], ids=["snapshot", "digest"])
    async def test_a_tombstone_that_remembers_its_event_is_refused_with_its_call(
        self, ledger: Ledger, remembered: dict[str, str]
    ) -> None:
        tombstone = LedgerRow(key=a_key(), version=1, **remembered)  # type: ignore[arg-type]
        with pytest.raises(LedgerError):
            await ledger.swap(
                [CompareAndSwap(before=None, after=row) for row in (tombstone, a_present_row(a_key("beside")))]
            )
        assert await read(ledger, a_key("beside")) is None

    async def test_what_is_refused_costs_the_calls_beside_it_nothing(self, ledger: Ledger) -> None:
        rows = [LedgerRow(key=a_key(), snapshot="{}") if n == 3 else a_present_row(a_key()) for n in range(8)]
        calls = [ledger.swap([CompareAndSwap(before=None, after=row)]) for row in rows]
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert isinstance(results.pop(3), LedgerError)
        assert results == [[True]] * 7
