"""What a replay will do to each message, from the ledger alone: no request goes to Exchange for it.

The same pure `plan` decides here and in the worker. Of a booking the newest version is published first and the older
ones are then superseded, so each message's forecast can be exact.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from adapters.calendar import ItemRef
from adapters.ledger import LedgerRow, State
from consumers.messages.command import BookingCommand
from consumers.messages.result import Outcome
from consumers.sync.plan import (
    CreateEvent,
    LookFirst,
    Record,
    RemoveEvent,
    Repeat,
    Rest,
    Reuse,
    Step,
    Supersede,
    UpdateEvent,
    plan,
    present,
    removed,
)
from consumers.sync.render import digest_of_written, render

_SOME_ITEM = ItemRef(item_id="as if it were written")


class Will(StrEnum):
    """What becomes of a message that is replayed."""

    CREATE = "create"
    """Its event is written into the calendar."""
    CHANGE = "change"
    """The event that stands there is overwritten."""
    REMOVE = "remove"
    """The event that stands there is removed."""
    CONFIRM = "confirm"
    """The calendar is already so; it only gets its result."""
    SUPERSEDED = "superseded"
    """Something newer is settled: it is ignored."""
    REFUSED = "refused"
    """It would be refused again, for the code that is named."""
    WAIT = "wait"
    """Another write of the booking is under way, or its outcome unknown: the worker looks first."""
    LOOK = "look"
    """A look at the calendar that was ordered; it has no result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What will happen. `outcome`: the result; `members`: those of the event that change, none where nobody knows."""

    will: Will
    members: tuple[str, ...] = ()
    code: str | None = None
    why: str | None = None
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A command that might be replayed; `first_seen_at` decides whether it is too old."""

    command: BookingCommand
    first_seen_at: datetime | None
    subject_template: str


def fates_of_booking(cases: Sequence[Case], row: LedgerRow | None, oldest_at: datetime, *, force: bool) -> list[Fate]:
    """The fate of each command of one booking in one room, published the newest version first. Pure.

    Args:
        row: what the ledger knows now.
        oldest_at: what was seen first before this is too old where the ledger has no row.
        force: replay it all the same.
    """
    fates: dict[int, Fate] = {}
    known = row
    for index in sorted(range(len(cases)), key=lambda index: -cases[index].command.version):
        case = cases[index]
        if known is None and not force and case.first_seen_at is not None and case.first_seen_at < oldest_at:
            fates[index] = Fate(will=Will.REFUSED, code="too_old", outcome=Outcome.FAILED)
            continue
        before = known or LedgerRow(key=case.command.key)
        digest = _written_digest(case)
        step = plan(case.command, before, digest)
        fates[index] = _fate(case.command, before, step)
        known = _after(case.command, before, step, digest) or known
    return [fates[index] for index in range(len(cases))]


def _written_digest(case: Case) -> str | None:
    if case.command.event is None:
        return None
    return digest_of_written(render(case.command.event, case.subject_template)[0])


_WILL: dict[type[Step], Will] = {
    CreateEvent: Will.CREATE,
    UpdateEvent: Will.CHANGE,
    RemoveEvent: Will.REMOVE,
    Record: Will.CONFIRM,
    Repeat: Will.CONFIRM,
    Supersede: Will.SUPERSEDED,
    Reuse: Will.REFUSED,
    LookFirst: Will.WAIT,
    Rest: Will.WAIT,
}


def _fate(command: BookingCommand, row: LedgerRow, step: Step) -> Fate:
    will = _WILL[type(step)]
    match will:
        case Will.SUPERSEDED:
            return Fate(will=will, outcome=Outcome.SUPERSEDED)
        case Will.REFUSED:
            return Fate(will=will, code="version_reused", outcome=Outcome.FAILED)
        case Will.WAIT:
            return Fate(will=will)
    members = changed_members(command, row) if will is Will.CHANGE else ()
    return Fate(will=will, members=members, outcome=Outcome.REMOVED if command.is_removal else Outcome.SYNCED)


def _after(command: BookingCommand, row: LedgerRow, step: Step, digest: str | None) -> LedgerRow | None:
    """The row once the step was taken; None where it stays."""
    match step:
        case CreateEvent() | UpdateEvent():
            return replace(present(command, row, digest), item=row.item or _SOME_ITEM)
        case RemoveEvent():
            return removed(command, row)
        case Record(row=after) | Repeat(row=LedgerRow() as after):
            return after
        case _:
            return None


def changed_members(command: BookingCommand, row: LedgerRow) -> tuple[str, ...]:
    """Which members of the event differ from those that were written last."""
    snapshot = command.snapshot()
    if row.snapshot is None or snapshot is None or row.state is not State.PRESENT:
        return ()
    old, new = json.loads(row.snapshot), json.loads(snapshot)
    return tuple(sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name)))


def by_booking(commands: Mapping[int, BookingCommand]) -> Iterable[list[int]]:
    """The numbers of the commands, those of a booking in a room together."""
    together: dict[object, list[int]] = {}
    for number, command in commands.items():
        together.setdefault(command.key, []).append(number)
    return together.values()
