"""What becomes of a command. Decided in `consumers/sync/`, carried out in `consumers/settlement/settle.py` alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal, NamedTuple, Protocol

from adapters.errors import CalendarError, Misconfigured, Scope, Throttled
from consumers.messages.codes import code_of
from consumers.messages.command import BookingCommand
from consumers.messages.violations import Remark

Look = Literal["booking", "room"]
"""A second look: at one booking whose write had an unknown outcome, or at a whole room after its first scan."""


class Finished(StrEnum):
    """How a command can end well (docs/contract.md#results)."""

    SYNCED = "synced"
    REMOVED = "removed"
    SUPERSEDED = "superseded"


class Effect(StrEnum):
    """What a command's own write did to the calendar."""

    CREATED = "created"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why a command was not done: a code of `consumers.messages.codes`, a sentence, where, and who must act."""

    code: str
    message: str
    scope: Scope
    member: str | None = None

    @classmethod
    def of(cls, error: CalendarError) -> "Problem":
        """What a calendar's error means for the command it met."""
        return cls(code=error.code, message=str(error), scope=error.scope)

    @classmethod
    def coded(cls, code: str, *, detail: str | None = None, member: str | None = None) -> "Problem":
        """A problem of roomsync's own, with the sentence that belongs to its code."""
        known = code_of(code)
        message = f"{known.sentence} [{detail}]" if detail else known.sentence
        return cls(code=code, message=message, scope=known.scope, member=member)


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """True in the ledger (and so in Exchange), or superseded by what is. `effect`: None where nothing was written."""

    outcome: Finished
    effect: Effect | None = None
    item_id: str | None = None
    warnings: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferred:
    """Comes back by way of the broker in about `wait_s`; with `counts_attempt` the wait grows and ends one day."""

    wait_s: float
    problem: Problem
    counts_attempt: bool

    @classmethod
    def after(cls, error: CalendarError, *, wait_s: float) -> "Deferred":
        """Throttling and a broken tenant count no attempt: they are nobody's fault here (docs/protocol.md#waiting)."""
        patient = isinstance(error, Throttled | Misconfigured)
        return cls(wait_s=wait_s, problem=Problem.of(error), counts_attempt=not patient)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLettered:
    """Needs a person."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class Checked:
    """A second look that is over; it publishes no result."""


Disposition = Completed | Deferred | DeadLettered | Checked


class SyncRequest(Protocol):
    """A command of a batch, as deciding knows it: nothing of the broker."""

    @property
    def command(self) -> BookingCommand:
        """What is asked for."""
        ...

    @property
    def look(self) -> Look | None:
        """Set on a delayed check."""
        ...

    @property
    def first_seen_at(self) -> datetime:
        """When a worker first met it."""
        ...


@dataclass(frozen=True, slots=True)
class CheckLater:
    """No end of a command: it stays in hand, and comes once more as a delayed check of its booking or of its room."""

    look: Look


class Decision(NamedTuple):
    """What becomes of some commands of a booking."""

    requests: Sequence[SyncRequest]
    disposition: Disposition | CheckLater


Decisions = Sequence[Decision]
"""Taken at once: they may be carried out side by side, all of them before the next ones are asked for."""
