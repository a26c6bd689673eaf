"""Stand-ins for the outside world: small classes that remember what was asked of them and fail when told to."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Literal

from adapters.calendar import (
    BookingId,
    Create,
    Done,
    FoundEvent,
    Gone,
    ItemRef,
    Mark,
    Operation,
    Outcome,
    ReadEvent,
    Remove,
    RoomAddress,
    RoomEvent,
    RoomReading,
    RoomScan,
    StoredFields,
    Update,
)
from adapters.errors import CalendarError, Misconfigured, Throttled

CalendarRequest = Literal["create", "update", "remove", "find", "scan", "read"]
_KINDS: dict[type[Operation], CalendarRequest] = {Create: "create", Update: "update", Remove: "remove"}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptEvent:
    """An event in a `FakeCalendar`; `mark` is None for one that people made."""

    ref: ItemRef
    event: RoomEvent
    mark: Mark | None
    created_at: datetime
    recurs: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarCall:
    """One request as a server would count it."""

    kind: CalendarRequest
    room: RoomAddress
    operations: tuple[Operation, ...] = ()
    bookings: tuple[BookingId, ...] = ()


@dataclass(slots=True, kw_only=True)
class _Trouble:
    error: CalendarError
    times: int
    applied: bool
    matches: Callable[[CalendarCall], bool]
    index: int | None


class FakeCalendar:
    """A `RoomCalendar` in memory that remembers events, trash and requests.

    `FakeCalendar(Transient("unreachable"))` fails its first request and then works; `fail_next` can say more.
    Look at `events[room]`, `trash[room]`, `requests`, `peak_by_room`; do what people do with `people_*`; hold requests
    in flight with `pause()` and let them go with `resume()`.
    """

    def __init__(self, *first_errors: CalendarError, backend: str = "ews", may_read_trash: bool = True) -> None:
        self.backend = backend
        self.may_read_trash = may_read_trash
        self.events: defaultdict[RoomAddress, list[KeptEvent]] = defaultdict(list)
        self.trash: defaultdict[RoomAddress, list[KeptEvent]] = defaultdict(list)
        self.requests: list[CalendarCall] = []
        self.in_flight: Counter[RoomAddress] = Counter()
        self.peak_by_room: Counter[RoomAddress] = Counter()
        self.is_closed = False
        self._troubles: list[_Trouble] = []
        self._numbers = count(1)
        self._open = asyncio.Event()
        self._open.set()
        for error in first_errors:
            self.fail_next(error)

    def fail_next(
        self,
        error: CalendarError,
        times: int = 1,
        *,
        applied: bool = False,
        kind: CalendarRequest | None = None,
        room: RoomAddress | None = None,
        index: int | None = None,
    ) -> None:
        """Answer the next `times` matching requests with the error, for every item or only the one at `index`.

        With `applied` the write happens all the same, as when a reply is lost.
        """

        def matches(call: CalendarCall) -> bool:
            return kind in (None, call.kind) and room in (None, call.room)

        self._troubles.append(_Trouble(error=error, times=times, applied=applied, matches=matches, index=index))

    def pause(self) -> None:
        """Hold every request from now on in flight, before it is applied."""
        self._open.clear()

    def resume(self) -> None:
        """Let held requests go."""
        self._open.set()

    async def apply(self, room: RoomAddress, operations: Sequence[Operation]) -> list[Outcome]:
        """As `RoomCalendar.apply`: one request for each kind of operation."""
        outcomes: dict[int, Outcome] = {}
        for kind in dict.fromkeys(type(operation) for operation in operations):
            chosen = {i: operation for i, operation in enumerate(operations) if type(operation) is kind}
            end = next(
                (outcome for outcome in outcomes.values() if isinstance(outcome, Throttled | Misconfigured)), None
            )
            call = CalendarCall(kind=_KINDS[kind], room=room, operations=tuple(chosen.values()))
            results = [end] * len(chosen) if end else await self._send(call)
            outcomes.update(zip(chosen, results, strict=True))
        return [outcomes[i] for i in range(len(operations))]

    async def find(self, room: RoomAddress, bookings: Collection[BookingId]) -> list[FoundEvent]:
        """As `RoomCalendar.find`."""
        if not bookings:
            return []
        await self._read(CalendarCall(kind="find", room=room, bookings=tuple(bookings)))
        return [found for found in self._found(room) if found.mark.booking_id in bookings]

    async def scan(self, room: RoomAddress) -> RoomScan:
        """As `RoomCalendar.scan`."""
        await self._read(CalendarCall(kind="scan", room=room))
        trashed = tuple(kept.mark for kept in self.trash[room] if kept.mark) if self.may_read_trash else ()
        return RoomScan(events=tuple(self._found(room)), trashed=trashed)

    async def read(self, room: RoomAddress, unchanged: Collection[ItemRef]) -> RoomReading:
        """As `RoomCalendar.read`; bodies come in the same request."""
        await self._read(CalendarCall(kind="read", room=room))
        return RoomReading(
            events=tuple(
                ReadEvent(found=found, members=self._members(kept, unchanged))
                for kept in self.events[room]
                if (found := _found(kept))
            ),
            foreign=tuple(kept.ref for kept in self.events[room] if kept.mark is None),
        )

    def as_stored(self, event: RoomEvent) -> StoredFields:
        """As `RoomCalendar.as_stored`: everything as it was given, but no HTML."""
        return StoredFields(
            subject=event.subject,
            starts_at=event.starts_at,
            ends_at=event.ends_at,
            time_zone=event.time_zone,
            all_day=event.all_day,
            location=event.location,
            categories=tuple(sorted(event.categories)),
            sensitivity=event.sensitivity,
            show_as=event.show_as,
            body=event.body.content if event.body.content_type == "text" else None,
        )

    async def close(self) -> None:
        """As `RoomCalendar.close`."""
        self.is_closed = True

    def people_create(self, room: RoomAddress, event: RoomEvent) -> KeptEvent:
        """Somebody makes an event of their own in Outlook."""
        return self._keep(room, event, mark=None)

    def people_edit(self, room: RoomAddress, item_id: str, **changes: object) -> KeptEvent:
        """Somebody changes members of an event in Outlook."""
        kept = self._taken(self.events[room], item_id)
        changed = replace(kept, event=replace(kept.event, **changes), ref=self._touched(kept.ref))  # type: ignore[arg-type]  # names are the caller's
        self.events[room].append(changed)
        return changed

    def people_repeat(self, room: RoomAddress, item_id: str) -> KeptEvent:
        """Somebody makes a series of an event in Outlook."""
        kept = self._taken(self.events[room], item_id)
        self.events[room].append(replace(kept, recurs=True, ref=self._touched(kept.ref)))
        return self.events[room][-1]

    def people_delete(self, room: RoomAddress, item_id: str) -> KeptEvent:
        """Somebody deletes an event in Outlook: it lies in Deleted Items under a new id."""
        trashed = replace(self._taken(self.events[room], item_id), ref=self._new_ref())
        self.trash[room].append(trashed)
        return trashed

    def people_restore(self, room: RoomAddress, item_id: str) -> KeptEvent:
        """Somebody drags an event back from Deleted Items: again under a new id."""
        restored = replace(self._taken(self.trash[room], item_id), ref=self._new_ref())
        self.events[room].append(restored)
        return restored

    def people_move_away(self, room: RoomAddress, item_id: str) -> KeptEvent:
        """Somebody drags an event into another folder, where nobody looks for it."""
        return self._taken(self.events[room], item_id)

    def people_copy(self, room: RoomAddress, item_id: str) -> KeptEvent:
        """Somebody copies an event, and our mark with it."""
        original = next(kept for kept in self.events[room] if kept.ref.item_id == item_id)
        return self._keep(room, original.event, original.mark)

    async def _read(self, call: CalendarCall) -> None:
        async with _Flight(self, call):
            trouble = self._next_trouble(call)
        if trouble:
            raise trouble.error

    async def _send(self, call: CalendarCall) -> list[Outcome]:
        async with _Flight(self, call):
            trouble = self._next_trouble(call)
            return [self._answer(call, i, trouble) for i in range(len(call.operations))]

    def _answer(self, call: CalendarCall, index: int, trouble: _Trouble | None) -> Outcome:
        operation = call.operations[index]
        if trouble is None or trouble.index not in (None, index):
            return self._apply_one(call.room, operation)
        if trouble.applied:
            self._apply_one(call.room, operation)
        return trouble.error

    def _next_trouble(self, call: CalendarCall) -> _Trouble | None:
        trouble = next((each for each in self._troubles if each.matches(call)), None)
        if trouble:
            trouble.times -= 1
            if trouble.times == 0:
                self._troubles.remove(trouble)
        return trouble

    def _apply_one(self, room: RoomAddress, operation: Operation) -> Outcome:
        if isinstance(operation, Create):
            return Done(ref=self._keep(room, operation.event, operation.mark).ref)
        try:
            kept = self._taken(self.events[room], operation.ref.item_id)
        except LookupError:
            return Gone()
        if isinstance(operation, Remove):
            self.trash[room].append(replace(kept, ref=self._new_ref()))
            return Done()
        touched = self._touched(kept.ref)
        updated = replace(kept, event=operation.event, mark=operation.mark, ref=touched, recurs=False)
        self.events[room].append(updated)
        return Done(ref=updated.ref)

    def _keep(self, room: RoomAddress, event: RoomEvent, mark: Mark | None) -> KeptEvent:
        created_at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=next(self._numbers))
        kept = KeptEvent(ref=self._new_ref(), event=event, mark=mark, created_at=created_at)
        self.events[room].append(kept)
        return kept

    def _found(self, room: RoomAddress) -> list[FoundEvent]:
        return [found for kept in self.events[room] if (found := _found(kept))]

    def _members(self, kept: KeptEvent, unchanged: Collection[ItemRef]) -> StoredFields:
        body = None if kept.ref in unchanged else kept.event.body.content
        return replace(self.as_stored(kept.event), body=body, recurrence=kept.recurs)

    def _taken(self, folder: list[KeptEvent], item_id: str) -> KeptEvent:
        kept = next((each for each in folder if each.ref.item_id == item_id), None)
        if kept is None:
            raise LookupError(item_id)
        folder.remove(kept)
        return kept

    def _new_ref(self) -> ItemRef:
        return self._touched(ItemRef(item_id=f"item-{next(self._numbers)}"))

    def _touched(self, ref: ItemRef) -> ItemRef:
        return replace(ref, change_key=f"key-{next(self._numbers)}")


def _found(kept: KeptEvent) -> FoundEvent | None:
    return FoundEvent(mark=kept.mark, ref=kept.ref, created_at=kept.created_at) if kept.mark else None


class _Flight:
    """Counts a request while it is in flight, and holds it while the calendar is paused."""

    def __init__(self, calendar: FakeCalendar, call: CalendarCall) -> None:
        self._calendar, self._call = calendar, call

    async def __aenter__(self) -> None:
        calendar, room = self._calendar, self._call.room
        calendar.requests.append(self._call)
        calendar.in_flight[room] += 1
        calendar.peak_by_room[room] = max(calendar.peak_by_room[room], calendar.in_flight[room])
        await calendar._open.wait()

    async def __aexit__(self, *_: object) -> None:
        self._calendar.in_flight[self._call.room] -= 1
