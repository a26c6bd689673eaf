"""Exchange as a worker meets it at its worst: what happened to a request is decided when its answer is.

A write may be applied, never be applied, or be applied late: within the bound that a claim outlasts, or after it.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal

from adapters.calendar import (
    BookingId,
    Create,
    Done,
    FoundEvent,
    ItemRef,
    Operation,
    Outcome,
    RoomAddress,
    RoomEvent,
    RoomReading,
    RoomScan,
    StoredFields,
    Update,
)
from adapters.errors import CalendarError, Misconfigured, Throttled, Transient
from consumers.policy import CLAIM_MARGIN_S, SyncPolicy
from tests.fakes import FakeCalendar, KeptEvent
from tests.properties.steps import Process, Steps, at_once

Fate = Literal["applied", "never", "late", "far"]
"""Of a request whose answer nobody got. `late` is within the bound; `far` after the claim, before the second look."""

BOUND_S = SyncPolicy().request_timeout_s + CLAIM_MARGIN_S
FAR_S = 240.0


class Violation(AssertionError):
    """A promise was broken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """The answer to a request; `item`: to that item only, the others being applied (None: to all)."""

    error: CalendarError
    fate: Fate = "never"
    item: int | None = None


@dataclass(slots=True, eq=False, kw_only=True)
class Write:
    """Operations of one kind on their way."""

    process: Process
    room: RoomAddress
    operations: list[Operation]
    bookings: frozenset[BookingId]
    sent_s: float


@dataclass(slots=True, eq=False, kw_only=True)
class LateWrite:
    """An operation that Exchange will carry out at `due_s`, the asker having given up."""

    room: RoomAddress
    operation: Operation
    bookings: frozenset[BookingId]
    sent_s: float
    due_s: float


@dataclass(eq=False)
class Exchange:
    """The calendars, and what is on its way to them."""

    steps: Steps
    clock: Callable[[], float]
    say: Callable[[str], None]
    claim_left_s: Callable[[tuple[RoomAddress, BookingId]], float]
    calendar: FakeCalendar = field(default_factory=FakeCalendar)
    under_way: list[Write] = field(default_factory=list)
    late: list[LateWrite] = field(default_factory=list)
    far_happened: bool = False
    may_be_far: bool = True
    """Whether writes to known events may come that late."""
    far_created: set[tuple[RoomAddress, BookingId, int]] = field(default_factory=set)
    """Events that came after the claim they were sent under, with their versions."""
    made: list[str] = field(default_factory=list)
    """Item ids in the order in which they were created by us."""
    write_troubles: deque[Trouble] = field(default_factory=deque)
    """What the next requests that write meet, whatever the room; likewise for those that read."""
    read_troubles: deque[CalendarError] = field(default_factory=deque)
    lateness_s: float = 1.0
    """How late the next late write is."""

    def events(self, room: RoomAddress, booking: BookingId) -> list[KeptEvent]:
        """What stands in a room's calendar for a booking, the oldest first."""
        kept = [each for each in self.calendar.events[room] if each.mark and each.mark.booking_id == booking]
        return sorted(kept, key=lambda each: each.created_at)

    def send(self, process: Process, room: RoomAddress, operations: list[Operation], until_s: float) -> Write:
        """A request leaves its process, which waits for it until then. Nothing of a booking may be on its way while
        another write still may be."""
        bookings = frozenset(filter(None, (self._booking_of(room, each) for each in operations)))
        write = Write(process=process, room=room, operations=operations, bookings=bookings, sent_s=self.clock())
        others: list[Write | LateWrite] = [*self.under_way, *self.late]
        for other in others:
            both = other.bookings & bookings if other.room == room else frozenset()
            if both and other.sent_s + BOUND_S > write.sent_s:
                raise Violation(f"TWO WRITES AT ONCE for {sorted(both)} in {room}")
        for booking in bookings:
            if self.claim_left_s((room, booking)) < until_s - write.sent_s + CLAIM_MARGIN_S:
                raise Violation(f"SENT WITHOUT A CLAIM that outlasts the request, for {booking} in {room}")
        self.under_way.append(write)
        self.say(f"{process.name} sends {describe(write)}")
        return write

    def answer(self, write: Write) -> list[Outcome]:
        """Decide what happened to a request, and tell."""
        self.under_way.remove(write)
        trouble = self.write_troubles.popleft() if self.write_troubles else None
        hit = None if trouble is None or trouble.item is None else trouble.item % len(write.operations)
        outcomes: list[Outcome] = []
        for index, operation in enumerate(write.operations):
            if trouble is None or hit not in (None, index):
                outcomes.append(self._apply(write.room, operation, write.sent_s))
            else:
                self._meet(write, operation, trouble.fate)
                outcomes.append(trouble.error)
        self.say(f"{write.process.name} gets {', '.join(map(_short, outcomes))}")
        return outcomes

    def orphan(self, process: Process, fate: Fate) -> None:
        """A process died: what becomes of its requests."""
        for write in [write for write in self.under_way if write.process is process]:
            self.under_way.remove(write)
            for operation in write.operations:
                self._meet(write, operation, fate)

    def read(self, room: RoomAddress) -> None:
        """Raises what a read meets."""
        if self.read_troubles:
            error = self.read_troubles.popleft()
            self.say(f"a read of {room} meets {_short(error)}")
            raise error

    def is_far_behind(self) -> bool:
        """Whether a write to a known event came, or will come, after the claim it was sent under: what it destroys or
        moves to Deleted Items, no ledger that is new can tell from what was meant."""
        return self.far_happened or any(self._is_far(late.operation, late.sent_s, late.due_s) for late in self.late)

    @staticmethod
    def _is_far(operation: Operation, sent_s: float, applied_s: float) -> bool:
        return not isinstance(operation, Create) and applied_s > sent_s + BOUND_S

    def pass_by(self, now_s: float) -> None:
        """Carry out what is due."""
        for late in sorted((late for late in self.late if late.due_s <= now_s), key=lambda late: late.due_s):
            self.late.remove(late)
            self._apply(late.room, late.operation, late.sent_s)

    def _meet(self, write: Write, operation: Operation, fate: Fate) -> None:
        now_s = self.clock()
        if fate == "never":
            return
        bound_s = write.sent_s + BOUND_S
        due_s = min(now_s + self.lateness_s, bound_s)
        if fate == "far" and (self.may_be_far or isinstance(operation, Create)):
            due_s = max(now_s, min(bound_s + 60.0 + self.lateness_s, write.sent_s + FAR_S))
        if fate == "applied" or due_s <= now_s:
            self._apply(write.room, operation, write.sent_s)
            return
        self.say(f"Exchange will carry out {_name(operation)} at {due_s:.0f} s")
        bookings = write.bookings if len(write.operations) == 1 else self._just(write.room, operation)
        self.late.append(
            LateWrite(room=write.room, operation=operation, bookings=bookings, sent_s=write.sent_s, due_s=due_s)
        )

    def _apply(self, room: RoomAddress, operation: Operation, sent_s: float) -> Outcome:
        self.far_happened = self.far_happened or self._is_far(operation, sent_s, self.clock())
        (outcome,) = at_once(self.calendar.apply(room, [operation]))
        if isinstance(operation, Create) and isinstance(outcome, Done) and outcome.ref:
            self.made.append(outcome.ref.item_id)
            if self.clock() > sent_s + BOUND_S:
                self.far_created.add((room, operation.mark.booking_id, operation.mark.version))
        self.say(f"Exchange: {_name(operation)} in {room} → {_short(outcome)}")
        return outcome

    def _just(self, room: RoomAddress, operation: Operation) -> frozenset[BookingId]:
        return frozenset(filter(None, [self._booking_of(room, operation)]))

    def _booking_of(self, room: RoomAddress, operation: Operation) -> BookingId | None:
        if isinstance(operation, Create | Update):
            return operation.mark.booking_id
        kept = (each for each in self.calendar.events[room] if each.ref.item_id == operation.ref.item_id)
        return next((each.mark.booking_id for each in kept if each.mark), None)


class SteppedCalendar:
    """A worker's `RoomCalendar`: each request is a step, and its answer another."""

    backend = "ews"

    def __init__(self, exchange: Exchange, process: Process, *, at_once_max: int) -> None:
        self._exchange, self._process, self._at_once_max = exchange, process, at_once_max
        self._in_flight: Counter[RoomAddress] = Counter()
        self._not_before_s: defaultdict[RoomAddress, float] = defaultdict(float)

    async def apply(self, room: RoomAddress, operations: Sequence[Operation]) -> list[Outcome]:
        until_s = self._exchange.clock() + SyncPolicy().request_timeout_s
        outcomes: list[Outcome] = [Done()] * len(operations)
        numbered = sorted(enumerate(operations), key=lambda pair: type(pair[1]).__name__)
        end: Outcome | None = None
        for _, group in groupby(numbered, key=lambda pair: type(pair[1])):
            indexes, chosen = zip(*group, strict=True)
            if end is None and self._exchange.clock() >= until_s:
                end = Transient("unreachable")
            results = [end] * len(chosen) if end else await self._write(room, list(chosen), until_s)
            end = end or next((each for each in results if isinstance(each, Throttled | Misconfigured)), None)
            for index, result in zip(indexes, results, strict=True):
                outcomes[index] = result
        return outcomes

    async def _write(self, room: RoomAddress, operations: list[Operation], until_s: float) -> list[Outcome]:
        self._begin(room)
        write = self._exchange.send(self._process, room, operations, until_s)
        try:
            await self._exchange.steps.before(self._process, f"answer to {describe(write)}")
            outcomes = self._exchange.answer(write)
        finally:
            self._in_flight[room] -= 1
        self._heed(room, outcomes)
        return outcomes

    async def find(self, room: RoomAddress, bookings: Collection[BookingId]) -> list[FoundEvent]:
        await self._reading(room, "find")
        found = at_once(self._exchange.calendar.find(room, bookings))
        await self._exchange.steps.before(self._process, f"go on, having found {len(found)}")
        return found

    async def scan(self, room: RoomAddress) -> RoomScan:
        await self._reading(room, "scan")
        scan = at_once(self._exchange.calendar.scan(room))
        await self._exchange.steps.before(self._process, f"go on, having scanned {len(scan.events)}")
        return scan

    async def read(self, room: RoomAddress, unchanged: Collection[ItemRef]) -> RoomReading:
        await self._reading(room, "read")
        return at_once(self._exchange.calendar.read(room, unchanged))

    def as_stored(self, event: RoomEvent) -> StoredFields:
        return self._exchange.calendar.as_stored(event)

    async def close(self) -> None:
        """Nothing to give back."""

    async def _reading(self, room: RoomAddress, what: str) -> None:
        self._begin(room)
        try:
            await self._exchange.steps.before(self._process, what)
            self._exchange.read(room)
        except CalendarError as error:
            self._heed(room, [error])
            raise
        finally:
            self._in_flight[room] -= 1

    def _begin(self, room: RoomAddress) -> None:
        self._in_flight[room] += 1
        if self._in_flight[room] > self._at_once_max:
            raise Violation(f"MORE REQUESTS AT ONCE than {room} may see")
        if self._exchange.clock() < self._not_before_s[room]:
            raise Violation(f"ASKED {room} BEFORE the time that Exchange named")

    def _heed(self, room: RoomAddress, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            if isinstance(outcome, Throttled) and outcome.retry_after_s:
                until_s = self._exchange.clock() + outcome.retry_after_s
                self._not_before_s[room] = max(self._not_before_s[room], until_s)


def describe(write: Write) -> str:
    """A request in a history."""
    return f"{', '.join(map(_name, write.operations))} to {write.room}"


def _name(operation: Operation) -> str:
    if isinstance(operation, Create):
        return f"create {operation.mark.booking_id} v{operation.mark.version}"
    if isinstance(operation, Update):
        return f"update {operation.ref.item_id} to {operation.mark.booking_id} v{operation.mark.version}"
    return f"remove {operation.ref.item_id}"


def _short(outcome: Outcome) -> str:
    if isinstance(outcome, Done):
        return f"done {outcome.ref.item_id}" if outcome.ref else "done"
    return type(outcome).__name__
