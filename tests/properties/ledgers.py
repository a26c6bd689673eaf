"""A worker's ledger: each call is a step, and may fail before or after it was committed."""

from collections import deque
from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal, TypeVar

from adapters.calendar import BookingId, RoomAddress, TenantName
from adapters.ledger import BookingKey, ClaimRequest, CompareAndSwap, LedgerRow, LedgerUnavailable
from tests.fake_ledger import FakeLedger, Store
from tests.properties.steps import Process, Steps

Result = TypeVar("Result")
LedgerTrouble = Literal["unavailable", "committed, then unavailable"]


class SteppedLedger(FakeLedger):
    """A `FakeLedger` on a database that other workers share; what a room's work does not call is as it is there."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], datetime],
        steps: Steps,
        process: Process,
        *,
        coming: deque[LedgerTrouble],
        say: Callable[[str], None],
    ) -> None:
        super().__init__(clock=clock, store=store)
        self._steps, self._process, self._coming, self._say = steps, process, coming, say

    async def rows(self, tenant: TenantName, room: RoomAddress, bookings: Collection[BookingId]) -> list[LedgerRow]:
        return await self._call("read rows", super().rows(tenant, room, bookings))

    async def claim(self, wishes: Sequence[ClaimRequest], *, for_s: float) -> list[LedgerRow | None]:
        rows = await self._call(f"claim {_versions(wishes)}", super().claim(wishes, for_s=for_s))
        # The one call after which time matters: a worker that stood still here must not send any more.
        await self._steps.before(self._process, f"go on, having claimed {sum(row is not None for row in rows)}")
        return rows

    async def swap(self, swaps: Sequence[CompareAndSwap]) -> list[bool]:
        return await self._call(f"record {_rows(swaps)}", super().swap(swaps))

    async def bar(self, keys_and_versions: Sequence[tuple[BookingKey, int]]) -> None:
        what = ", ".join(f"{key.booking_id} up to v{version}" for key, version in keys_and_versions)
        await self._call(f"bar {what}", super().bar(keys_and_versions))

    async def is_scanned(self, tenant: TenantName, room: RoomAddress) -> bool:
        return await self._call("ask whether scanned", super().is_scanned(tenant, room))

    async def commit_scan(self, tenant: TenantName, room: RoomAddress, swaps: Sequence[CompareAndSwap]) -> bool:
        return await self._call(f"commit the scan {_rows(swaps)}", super().commit_scan(tenant, room, swaps))

    async def _call(self, what: str, call: Coroutine[Any, Any, Result]) -> Result:
        try:
            await self._steps.before(self._process, what)
        except BaseException:
            call.close()  # or Python would warn that it was never awaited
            raise
        trouble = self._coming.popleft() if self._coming else None
        if trouble == "unavailable":
            call.close()
            self._say(f"{self._process.name}: {what} → {trouble}")
            raise LedgerUnavailable(trouble)
        result = await call
        self._say(f"{self._process.name}: {what} → {_answer(result)}")
        if trouble:
            raise LedgerUnavailable(trouble)
        return result


def copied(store: Store) -> Store:
    """A backup of a ledger."""
    return replace(store, records=dict(store.records), scanned=set(store.scanned), breakers=dict(store.breakers))


def _versions(wishes: Sequence[ClaimRequest]) -> str:
    return ", ".join(f"{wish.row.key.booking_id} v{wish.version}" for wish in wishes)


def _rows(swaps: Sequence[CompareAndSwap]) -> str:
    return ", ".join(show(swap.after) for swap in swaps)


def show(row: LedgerRow) -> str:
    """A row in a history."""
    item = f" {row.item.item_id}" if row.item else ""
    bar = f" barred≤{row.removed_version}" if row.removed_version else ""
    claim = f" claimed v{row.claim.version} for {row.claim.remaining_s:.0f} s" if row.claim else ""
    return f"[{row.key.booking_id} {row.state} v{row.version}{item}{bar}{claim}]"


def _answer(result: object) -> str:
    if isinstance(result, list):
        return ", ".join(show(each) if isinstance(each, LedgerRow) else str(each) for each in result) or "nothing"
    return str(result)
