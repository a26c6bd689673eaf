"""Plans a replay: which messages, in which order, and what will become of each (no message is touched)."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from adapters.audit import Change
from adapters.calendar import BookingId, RoomAddress, TenantName
from adapters.ledger import BookingKey, Ledger, LedgerRow
from consumers.broker.headers import RoomsyncHeaders
from consumers.broker.parsing import is_whole
from consumers.failed.correction import Corrected, Correction, NotCorrectable, corrected
from consumers.failed.forecast import Case, Fate, Will, by_booking, fates_of_booking
from consumers.failed.message import FailedMessage, Queued, describe, parse_whole
from consumers.failed.selection import Selection, in_order
from consumers.messages.command import BookingCommand
from consumers.messages.result import Outcome
from consumers.messages.violations import BadMessage
from consumers.tenants import Tenant, TenantDirectory

NO_TEMPLATE = "{subject}"
IN_MEMORY_MAX_BYTES = 128 * 1024 * 1024


class TooMuchAtOnce(Exception):
    """The selected messages are too large to be looked at together; the text says what to do."""


class InHand(Protocol):
    """Messages taken from a source, by id; equal ones share one. `is_full`: more did not fit."""

    messages: dict[str, list[Queued]]
    is_full: bool

    async def remove(self, message: Queued) -> None:
        """Take one out of its source for good."""
        ...


class Source(Protocol):
    """Where failed messages come from: the queue, or a file that was exported from it."""

    async def look_through(self, see: Callable[[Queued], None]) -> int:
        """Show each message and leave all in place; returns how many there are."""
        ...

    def taken(self, wanted: Counter[str]) -> AbstractAsyncContextManager[InHand]:
        """Take messages in hand by their ids, so many of each, as far as they are there."""
        ...


@dataclass(slots=True, kw_only=True)
class Seen:
    """A selected message, and what is needed to plan for it. `count`: equal messages with the same id."""

    failed: FailedMessage
    body: bytes = field(repr=False)
    notes: RoomsyncHeaders
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A message with its fate. `changes` are the corrections, `previous_room` is set for a move."""

    failed: FailedMessage
    fate: Fate
    count: int = 1
    command: BookingCommand | None = field(default=None, repr=False)
    changes: tuple[Change, ...] = field(default=(), repr=False)

    @property
    def is_at_hand(self) -> bool:
        """Whether it can be published at all."""
        return is_whole(self.failed)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayPlan:
    """`planned` in the order in which they are published; `left`: what would be refused again, and stays."""

    planned: tuple[Planned, ...]
    left: tuple[Planned, ...]

    @property
    def message_count(self) -> int:
        """How many messages are published."""
        return sum(each.count for each in self.planned)

    @property
    def room_count(self) -> int:
        """In how many rooms."""
        return len({(each.failed.tenant, each.failed.room) for each in self.planned})

    def needs_s(self, rate: float) -> float:
        """How long it takes at so many a second."""
        return self.message_count / rate


async def gather(source: Source, selection: Selection, tenants: TenantDirectory) -> list[Seen]:
    """Every message that is meant, in the order of their failure.

    Raises:
        NotOneMessage: an id is none, or means several.
        TooMuchAtOnce: together they are larger than 128 MiB.
    """
    seen: dict[str, Seen] = {}
    size_bytes = 0

    def see(message: Queued) -> None:
        nonlocal size_bytes
        failed = describe(message, tenants)
        if not selection.matches(failed):
            return
        if failed.failed_id in seen:
            seen[failed.failed_id].count += 1
            return
        size_bytes += len(message.body)
        if size_bytes <= IN_MEMORY_MAX_BYTES:
            seen[failed.failed_id] = Seen(failed=failed, body=message.body, notes=RoomsyncHeaders.read(message.headers))

    await source.look_through(see)
    if size_bytes > IN_MEMORY_MAX_BYTES:
        raise TooMuchAtOnce(f"The selected messages hold {size_bytes >> 20} MiB, too much at once: select fewer.")
    selection.check_ids(each.failed for each in seen.values())
    ordered = [seen[failed.failed_id] for failed in in_order(each.failed for each in seen.values())]
    return ordered[: selection.limit]


class Planner:
    """Foretells what becomes of messages, from the ledger and the present configuration."""

    def __init__(
        self, tenants: TenantDirectory, ledger: Ledger, *, oldest_at: datetime, corrections: Sequence[Correction] = ()
    ) -> None:
        self._tenants = tenants
        self._ledger = ledger
        self._oldest_at = oldest_at
        self._corrections = corrections

    async def plan(self, seen: Sequence[Seen], *, force: bool = False) -> ReplayPlan:
        """The plan. With `force` also what would be refused again is published. Raises `LedgerError`."""
        planned = [self._read(each) for each in seen]
        open_commands = {n: p.command for n, p in enumerate(planned) if p.command and p.fate.will is not Will.LOOK}
        rows = await self._rows(open_commands.values())
        for numbers in by_booking(open_commands):
            cases = [self._case(open_commands[n], seen[n]) for n in numbers]
            fates = fates_of_booking(cases, rows.get(cases[0].command.key), self._oldest_at, force=force)
            for number, fate in zip(numbers, fates, strict=True):
                planned[number] = replace(planned[number], fate=fate)
        left = [each for each in planned if each.fate.will is Will.REFUSED and not (force and each.is_at_hand)]
        sent = [each for each in planned if each.fate.will is not Will.REFUSED or (force and each.is_at_hand)]
        return ReplayPlan(planned=tuple(_spread(sent)), left=tuple(left))

    def _read(self, seen: Seen) -> Planned:
        failed, count = seen.failed, seen.count
        try:
            body = corrected(seen.body, self._corrections) if is_whole(failed) else Corrected(body=seen.body)
            command = parse_whole(body.body, failed, self._tenants)
        except NotCorrectable as wrong:
            fate = Fate(will=Will.REFUSED, code=failed.code, why=str(wrong), outcome=Outcome.FAILED)
            return Planned(failed=failed, count=count, fate=fate)
        except BadMessage as bad:
            fate = Fate(will=Will.REFUSED, code=bad.first.code, why=str(bad), outcome=Outcome.FAILED)
            return Planned(failed=failed, count=count, fate=fate)
        fate = Fate(will=Will.LOOK if seen.notes.look_at(command.booking_id, command.version) else Will.WAIT)
        return Planned(failed=failed, count=count, fate=fate, command=command, changes=body.changes)

    def _case(self, command: BookingCommand, seen: Seen) -> Case:
        tenant = self._tenants.get(command.tenant)
        # Of one whose settings cannot be used it is foretold what becomes of the command once they are mended.
        template = tenant.subject_template if isinstance(tenant, Tenant) else NO_TEMPLATE
        return Case(command=command, first_seen_at=seen.notes.first_seen_at, subject_template=template)

    async def _rows(self, commands: Iterable[BookingCommand]) -> Mapping[BookingKey, LedgerRow]:
        bookings: defaultdict[tuple[TenantName, RoomAddress], set[BookingId]] = defaultdict(set)
        for command in commands:
            bookings[command.tenant, command.room].add(command.booking_id)
        found = [await self._ledger.rows(*room, ids) for room, ids in bookings.items()]
        return {row.key: row for rows in found for row in rows}


def _spread(planned: Sequence[Planned]) -> list[Planned]:
    """Rooms by turns, so that no room gets a flood; of a booking the newest version first, as it was foretold."""
    bookings: dict[object, list[Planned]] = {}
    for each in planned:
        key = each.command.key if each.command else (each.failed.tenant, each.failed.room, each.failed.failed_id)
        bookings.setdefault(key, []).append(each)
    turns: Counter[object] = Counter()
    placed: list[tuple[int, Planned]] = []
    for together in bookings.values():
        for each in sorted(together, key=lambda one: -(one.command.version if one.command else 0)):
            room = (each.failed.tenant, each.failed.room)
            placed.append((turns[room], each))
            turns[room] += 1
    return [each for _, each in sorted(placed, key=lambda pair: pair[0])]
