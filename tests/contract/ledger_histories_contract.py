"""Every ledger under random histories: it answers like the one in memory, and what is removed stays removed."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.calendar import ItemRef
from adapters.ledger import BookingKey, Claim, ClaimRequest, CompareAndSwap, Ledger, LedgerRow, State
from tests.contract.ledger_harness import LedgerHarness, MovableClock, WithLedgers, a_key
from tests.fake_ledger import FakeLedger

FEW = settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,  # every example has bookings of its own
        HealthCheck.differing_executors,  # one contract, several classes
        HealthCheck.too_slow,
    ],
)
BOOKINGS = st.integers(0, 1)
SEEN = st.integers(0, 5)
VERSIONS = st.integers(1, 4)
STATES = st.sampled_from(State)
STEPS = st.one_of(
    st.tuples(st.just("read"), BOOKINGS),
    st.tuples(st.just("claim"), BOOKINGS, SEEN, VERSIONS, st.sampled_from([None, State.WRITING]), st.integers(0, 4)),
    st.tuples(st.just("swap"), BOOKINGS, SEEN, VERSIONS, STATES, st.integers(0, 4), st.booleans()),
    st.tuples(st.just("bar"), BOOKINGS, VERSIONS),
    st.tuples(st.just("elapse")),
)


@dataclass
class Player:
    """Plays steps on a ledger and remembers the rows that it has seen, as lanes do."""

    ledger: Ledger
    keys: list[BookingKey]
    seen: dict[BookingKey, list[LedgerRow]] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)

    async def play(self, step: tuple[Any, ...]) -> object:
        """What the ledger answered, its tokens replaced by the order in which they appeared."""
        name, booking, *words = step
        return await getattr(self, name)(self.keys[booking], *words)

    async def read(self, key: BookingKey) -> object:
        rows = await self.ledger.rows(key.tenant, key.room, [key.booking_id])
        self.remember(rows)
        return [self.plain(row) for row in rows]

    async def claim(
        self, key: BookingKey, which: int, version: int, state: State | None, removed_version: int
    ) -> object:
        row = replace(self.recall(key, which), removed_version=removed_version)
        wish = ClaimRequest(row=row, version=version, state=state)
        rows = await self.ledger.claim([wish], for_s=90)
        self.remember(row for row in rows if row is not None)
        return [row and self.plain(row) for row in rows]

    async def swap(
        self, key: BookingKey, which: int, version: int, state: State, removed_version: int, keeps: bool
    ) -> object:
        row = self.recall(key, which)
        after = replace(
            row,
            state=state,
            version=version,
            removed_version=removed_version,
            item=ItemRef(item_id=f"i{version}") if state is State.PRESENT else None,
            claim=row.claim if keeps else None,
        )
        before = None if which == 0 else row
        return await self.ledger.swap([CompareAndSwap(before=before, after=after)])

    async def bar(self, key: BookingKey, version: int) -> object:
        await self.ledger.bar([(key, version)])
        return None

    def recall(self, key: BookingKey, which: int) -> LedgerRow:
        rows = [LedgerRow(key=key), *self.seen.get(key, [])]
        return rows[-which % len(rows)]

    def remember(self, rows: Iterable[LedgerRow]) -> None:
        for row in rows:
            self.seen.setdefault(row.key, []).append(row)

    def plain(self, row: LedgerRow) -> LedgerRow:
        """The row with its claim as it would be in any ledger that played the same steps."""
        claim = row.claim
        if claim is not None:
            token = str(self.tokens.setdefault(claim.token, len(self.tokens)))
            claim = Claim(token=token, version=claim.version, remaining_s=float(claim.is_live))
        return replace(row, claim=claim)


class HistoriesContract(WithLedgers):
    @FEW
    @given(steps=st.lists(STEPS, min_size=1, max_size=14))
    async def test_it_answers_like_the_ledger_in_memory(
        self, harness: LedgerHarness, steps: list[tuple[Any, ...]]
    ) -> None:
        clock = MovableClock()
        async with opened(harness) as ledger:
            keys = [a_key(), a_key()]
            ours, memory = Player(ledger, keys), Player(FakeLedger(clock=clock), keys)
            for step in [*steps, ("read", 0), ("read", 1)]:
                if step == ("elapse",):
                    clock.ahead += timedelta(seconds=40)
                    await harness.elapse(timedelta(seconds=40))
                else:
                    assert await ours.play(step) == await memory.play(step), step

    @FEW
    @given(lanes=st.lists(st.lists(STEPS, max_size=8), min_size=2, max_size=4))
    async def test_what_was_removed_stays_removed_however_lanes_interleave(
        self, harness: LedgerHarness, lanes: list[list[tuple[Any, ...]]]
    ) -> None:
        async with opened(harness) as one, opened(harness) as two:
            keys = [a_key(), a_key()]
            barred = dict.fromkeys(keys, 0)

            async def lane(ledger: Ledger, steps: list[tuple[Any, ...]]) -> None:
                player = Player(ledger, keys)
                for step in steps:
                    if step == ("elapse",):
                        continue
                    await player.play(step)
                    if step[0] == "bar":
                        barred[keys[step[1]]] = max(step[2], barred[keys[step[1]]])
                    for key in keys:
                        floor = barred[key]
                        rows = await ledger.rows(key.tenant, key.room, [key.booking_id])
                        removed_version = rows[0].removed_version if rows else 0
                        assert removed_version >= floor
                        barred[key] = max(barred[key], removed_version)

            await asyncio.gather(*(lane((one, two)[index % 2], steps) for index, steps in enumerate(lanes)))


@asynccontextmanager
async def opened(harness: LedgerHarness) -> AsyncIterator[Ledger]:
    ledger = await harness.open()
    try:
        yield ledger
    finally:
        await ledger.close()
