"""The audit: who replayed, corrected or discarded which failed messages, when and why; written before it is done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Action(StrEnum):
    """What an operator did. Words are only ever added: they lie in databases."""

    REPLAY = "replay"
    DISCARD = "discard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A correction of a message. `member` is a JSON Pointer; `old` and `new` are JSON, None where there was or is
    nothing. They may be personal: shown only to those who may read the ledger."""

    member: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedMessage:
    """A message that an action was about to act on when it was written down."""

    failed_id: str
    code: str
    tenant: str | None = None
    room: str | None = None
    booking_id: str | None = None
    version: int | None = None
    message_id: str | None = None
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """An action. `selection` says in words which messages were meant, `planned_count` how many those were.

    `finished_at` is None while it goes on, and for good where the tool was killed: the messages that were written down
    are then those it had touched, and at most a few more. `counts` says how they ended, by the action's own words.
    """

    record_id: str
    action: Action
    operator: str
    begun_at: datetime
    selection: str
    planned_count: int
    reason: str | None = None
    finished_at: datetime | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    written_count: int = 0
    """How many messages were written down so far."""


class Audit(Protocol):
    """Durable when a call returns. Every call may raise `LedgerError`."""

    async def begin(self, record: AuditRecord) -> None:
        """Write an action down before it touches its first message."""
        ...

    async def add(self, record_id: str, messages: Sequence[AuditedMessage]) -> None:
        """Write messages down before the action touches them."""
        ...

    async def finish(self, record_id: str, at: datetime, counts: Mapping[str, int]) -> None:
        """Write down that an action is over, and how."""
        ...

    async def records(self, *, limit: int) -> list[AuditRecord]:
        """The latest actions, the newest first."""
        ...

    async def messages(self, record_id: str) -> list[AuditedMessage]:
        """What an action touched, in its order."""
        ...

    async def close(self) -> None:
        """Let go of the database."""
        ...
