"""What every keeper of stories does: inherit `StoryContract` and give a fixture `harness`."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from adapters.calendar import TenantName
from adapters.ledger import BookingKey
from adapters.story import Entry, StoriedLedger, What
from tests.contract.ledger_harness import LedgerHarness, a_key, a_present_row, read, written

NOW = datetime.now(UTC)


def an_entry(key: BookingKey | None = None, *, ago_s: float = 0, **changes: object) -> Entry:
    """An entry with everything in it."""
    entry = Entry(
        key=key or a_key(),
        at=NOW - timedelta(seconds=ago_s),
        what=What.DEFERRED,
        version=9007199254740991,
        command="update",
        code="throttled",
        detail="Exchange said: später [ErrorServerBusy]",
        wait_s=300,
        attempt=2,
        message_id="m-1",
        actor="olga@desk",
    )
    return replace(entry, **changes)  # type: ignore[arg-type]


class StoryContract:
    """The contract of `adapters.story.Story`."""

    @pytest.fixture
    async def ledger(self, harness: LedgerHarness) -> AsyncIterator[StoriedLedger]:
        ledger = cast(StoriedLedger, await harness.open())
        yield ledger
        await ledger.close()

    async def test_an_entry_is_told_as_it_was_noted(self, ledger: StoriedLedger) -> None:
        full = an_entry()
        bare = Entry(key=full.key, at=NOW, what=What.LOOKED)
        ledger.note(full, bare)
        assert await ledger.story(full.key.tenant, full.key.booking_id) == [full, bare]

    async def test_a_message_id_that_no_database_holds_costs_no_entry(self, ledger: StoriedLedger) -> None:
        key = a_key()
        ledger.note(an_entry(key, message_id="m\0-1"), an_entry(key, message_id="m-2"))
        told = await ledger.story(None, key.booking_id)
        assert [entry.message_id for entry in told] == ["m\N{SYMBOL FOR NULL}-1", "m-2"]

    async def test_a_story_is_told_from_its_oldest_entry_on(self, ledger: StoriedLedger) -> None:
        key = a_key()
        first, second, third = (an_entry(key, ago_s=ago_s) for ago_s in (3, 2, 1))
        ledger.note(second)
        ledger.note(third, first)
        assert await ledger.story(None, key.booking_id) == [first, second, third]

    async def test_entries_of_one_moment_are_told_as_they_were_noted(self, ledger: StoriedLedger) -> None:
        key = a_key()
        entries = [an_entry(key, version=version) for version in (3, 1, 2)]
        ledger.note(*entries)
        assert await ledger.story(None, key.booking_id) == entries

    async def test_a_story_holds_every_room_and_only_the_tenant_that_was_named(self, ledger: StoriedLedger) -> None:
        here = a_key()
        there = replace(here, room="lobby@acme.example")
        others = replace(here, tenant=TenantName("bravo"))
        ledger.note(*(an_entry(key) for key in (here, there, others, a_key())))
        assert [each.key for each in await ledger.story(None, here.booking_id)] == [here, there, others]
        assert [each.key for each in await ledger.story(here.tenant, here.booking_id)] == [here, there]

    async def test_what_was_noted_before_the_end_is_kept(self, harness: LedgerHarness, ledger: StoriedLedger) -> None:
        entry = an_entry()
        other = cast(StoriedLedger, await harness.open())
        other.note(entry)
        await other.close()
        assert await ledger.story(None, entry.key.booking_id) == [entry]

    async def test_what_the_database_cannot_hold_is_left_out_and_costs_nobody_else(self, ledger: StoriedLedger) -> None:
        key = a_key()
        entries = [an_entry(key, version=version) for version in range(1, 8)]
        ledger.note(*entries[:3], an_entry(key, message_id="\ud800"), *entries[3:])
        assert await ledger.story(None, key.booking_id) == entries
        row = await written(ledger, a_present_row(a_key()))
        assert await read(ledger, row.key) is not None

    async def test_an_entry_is_dropped_when_it_is_old_enough(self, ledger: StoriedLedger) -> None:
        key, day_s = a_key(), 86_400
        kept, dropped = an_entry(key, ago_s=29.9 * day_s), [an_entry(key, ago_s=30.1 * day_s)] * 3
        ledger.note(*dropped, kept)
        assert await ledger.story(None, key.booking_id) == [*dropped, kept]
        assert await ledger.expire_story(keep_days=30) == 3
        assert await ledger.story(None, key.booking_id) == [kept]
        assert await ledger.expire_story(keep_days=30) == 0
