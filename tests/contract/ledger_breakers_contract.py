"""What every ledger does with the tenants' breakers: one for all workers, and one probe at a time."""

import asyncio
from datetime import timedelta

import pytest

from adapters.calendar import TenantName
from adapters.ledger import BreakerRow, Ledger
from tests.contract.ledger_harness import ACME, LedgerHarness, WithLedgers

OTHER = TenantName("other")
DETAIL = "HTTP 401"


async def opened(ledger: Ledger, tenant: TenantName = ACME, *, next_probe_in_s: float = 60.0) -> BreakerRow:
    return await ledger.open_breaker(
        tenant, code="credentials_rejected", detail=DETAIL, fingerprint="a1", next_probe_in_s=next_probe_in_s
    )


async def take(ledger: Ledger, fingerprint: str = "a1", *, next_in_s: float = 60.0) -> bool:
    return await ledger.take_probe(ACME, fingerprint=fingerprint, next_in_s=next_in_s)


class BreakersContract(WithLedgers):
    async def test_a_tenant_that_works_has_no_breaker(self, ledger: Ledger) -> None:
        assert await ledger.breaker(ACME) is None
        assert await ledger.open_breakers() == []
        assert not await take(ledger)
        assert not await ledger.close_breaker(ACME)
        assert not await ledger.hasten_probe(ACME)

    async def test_an_open_breaker_is_seen_by_every_worker_and_says_why(self, ledger: Ledger, other: Ledger) -> None:
        await opened(ledger)
        row = await other.breaker(ACME)
        assert row is not None
        assert (row.code, row.detail, row.probes, row.tried) == ("credentials_rejected", DETAIL, 1, {"a1"})
        assert 0 <= row.open_for_s < 10
        assert 50 < row.next_probe_in_s <= 60

    async def test_breakers_of_tenants_are_their_own(self, ledger: Ledger) -> None:
        await opened(ledger, OTHER)
        await opened(ledger)
        assert [row.tenant for row in await ledger.open_breakers()] == [ACME, OTHER]
        assert await ledger.close_breaker(ACME)
        assert [row.tenant for row in await ledger.open_breakers()] == [OTHER]

    async def test_opening_again_tells_the_new_reason_and_keeps_the_rest(
        self, harness: LedgerHarness, ledger: Ledger, other: Ledger
    ) -> None:
        await opened(ledger)
        await harness.elapse(timedelta(seconds=30))
        row = await other.open_breaker(ACME, code="ews_blocked", detail=None, fingerprint="b2", next_probe_in_s=900)
        assert (row.code, row.detail, row.probes, row.tried) == ("ews_blocked", None, 1, {"a1"})
        assert 30 <= row.open_for_s < 40
        assert 20 < row.next_probe_in_s <= 30

    async def test_a_probe_is_due_when_its_time_has_come(self, harness: LedgerHarness, ledger: Ledger) -> None:
        await opened(ledger)
        assert not await take(ledger)
        await harness.elapse(timedelta(seconds=60))
        assert await take(ledger, next_in_s=900)
        row = await ledger.breaker(ACME)
        assert row is not None
        assert row.probes == 2
        assert 890 < row.next_probe_in_s <= 900

    async def test_of_all_who_want_a_probe_one_gets_it(self, ledger: Ledger, other: Ledger) -> None:
        for _ in range(5):
            await opened(ledger, next_probe_in_s=0)
            assert sum(await asyncio.gather(*(take(each) for each in (ledger, other) * 4))) == 1
            await ledger.close_breaker(ACME)

    async def test_of_all_who_open_it_at_once_one_does(self, ledger: Ledger, other: Ledger) -> None:
        rows = await asyncio.gather(*(opened(each) for each in (ledger, other) * 4))
        assert {row.probes for row in rows} == {1}

    async def test_a_fingerprint_that_was_not_tried_gets_a_probe_at_once_and_once(
        self, ledger: Ledger, other: Ledger
    ) -> None:
        await opened(ledger)
        assert await take(other, "b2")
        assert not await take(ledger, "b2")
        assert not await take(ledger, "a1")
        row = await ledger.breaker(ACME)
        assert row is not None
        assert (row.probes, row.tried) == (2, {"a1", "b2"})

    async def test_a_hastened_probe_is_due_now(self, ledger: Ledger, other: Ledger) -> None:
        await opened(ledger, next_probe_in_s=900)
        assert await other.hasten_probe(ACME)
        assert await take(ledger)
        assert not await take(other)

    @pytest.mark.parametrize("reopened", [False, True])
    async def test_a_closed_breaker_is_forgotten(self, ledger: Ledger, other: Ledger, reopened: bool) -> None:
        await opened(ledger, next_probe_in_s=0)
        assert await take(ledger, "b2")
        assert await other.close_breaker(ACME)
        assert await ledger.breaker(ACME) is None
        if reopened:
            assert (await opened(ledger)).tried == {"a1"}

    async def test_a_sound_ledger_passes_its_check(self, ledger: Ledger, other: Ledger) -> None:
        await asyncio.gather(ledger.check(), other.check())
