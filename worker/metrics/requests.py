"""Times what a tenant's Exchange is asked, around whichever calendar there is."""

import time
from collections.abc import Awaitable, Collection, Sequence
from functools import cache
from typing import TypeVar

from prometheus_client import CollectorRegistry, Histogram

from adapters.calendar import (
    BookingId,
    Create,
    Done,
    FoundEvent,
    ItemRef,
    Operation,
    Outcome,
    Remove,
    RoomAddress,
    RoomCalendar,
    RoomEvent,
    RoomReading,
    RoomScan,
    StoredFields,
    Update,
)
from adapters.errors import CalendarError

Result = TypeVar("Result")

_BUCKETS_S = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60)
_KINDS: dict[type[Operation], str] = {Create: "create", Remove: "remove", Update: "update"}
_OK = "ok"


class RequestMetrics:
    """Durations of requests by operation and by the code of the first thing that went wrong, or `ok`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        histogram = Histogram(
            "roomsync_exchange_request_duration_seconds",
            "Duration of what Exchange was asked, by operation (kinds that were written together are joined by +) and "
            "by the code of its first error (gone: the event is not there any more; ok: none).",
            ["operation", "code"],
            buckets=_BUCKETS_S,
            registry=registry,
        )
        self._of = cache(histogram.labels)

    def note(self, operation: str, code: str, duration_s: float) -> None:
        """Count one."""
        self._of(operation, code).observe(duration_s)


class TimedCalendar:
    """A `RoomCalendar` that passes everything on and notes how long it took."""

    def __init__(self, calendar: RoomCalendar, requests: RequestMetrics) -> None:
        self.backend = calendar.backend
        self._calendar = calendar
        self._requests = requests

    async def apply(self, room: RoomAddress, operations: Sequence[Operation]) -> list[Outcome]:
        """As `RoomCalendar.apply`."""
        begun_s = time.monotonic()
        outcomes = await self._calendar.apply(room, operations)
        self._requests.note(_kinds_of(operations), _code_of(outcomes), time.monotonic() - begun_s)
        return outcomes

    async def find(self, room: RoomAddress, bookings: Collection[BookingId]) -> list[FoundEvent]:
        """As `RoomCalendar.find`."""
        return await self._timed("find", self._calendar.find(room, bookings))

    async def scan(self, room: RoomAddress) -> RoomScan:
        """As `RoomCalendar.scan`."""
        return await self._timed("scan", self._calendar.scan(room))

    async def read(self, room: RoomAddress, unchanged: Collection[ItemRef]) -> RoomReading:
        """As `RoomCalendar.read`."""
        return await self._timed("read", self._calendar.read(room, unchanged))

    def as_stored(self, event: RoomEvent) -> StoredFields:
        """As `RoomCalendar.as_stored`."""
        return self._calendar.as_stored(event)

    async def close(self) -> None:
        """As `RoomCalendar.close`."""
        await self._calendar.close()

    async def _timed(self, operation: str, reading: Awaitable[Result]) -> Result:
        begun_s, code = time.monotonic(), _OK
        try:
            return await reading
        except CalendarError as error:
            code = error.code
            raise
        finally:
            self._requests.note(operation, code, time.monotonic() - begun_s)


def _kinds_of(operations: Sequence[Operation]) -> str:
    return "+".join(sorted({_KINDS[type(operation)] for operation in operations}))


def _code_of(outcomes: Sequence[Outcome]) -> str:
    wrong = [outcome for outcome in outcomes if not isinstance(outcome, Done)]
    if not wrong:
        return _OK
    return next((outcome.code for outcome in wrong if isinstance(outcome, CalendarError)), "gone")
