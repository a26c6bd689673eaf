"""A booking's story: what befell it, in entries that are only ever added; no subject, no person, no content."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from adapters.calendar import BookingId, TenantName
from adapters.ledger import BookingKey, Ledger


class What(StrEnum):
    """What an entry tells. Words are only ever added: they lie in databases."""

    CREATED = "created"
    """A command ended well: its event was written into the calendar."""
    CHANGED = "changed"
    """A command ended well: it overwrote the older event."""
    REMOVED = "removed"
    """A command ended well: it removed the event."""
    UNCHANGED = "unchanged"
    """A command ended well: the calendar already held what it asks for."""
    NOT_THERE = "not_there"
    """A removal ended well: there was no event any more, or never one."""
    SUPERSEDED = "superseded"
    """A command ended: something newer is settled."""
    HELD = "held"
    """Exchange made the worker wait with commands in hand: `code`, `wait_s` at most."""
    DEFERRED = "deferred"
    """A command was sent away: `code`, `wait_s` until it comes back."""
    PARKED = "parked"
    """A command, or a message that is none, lies in the failed queue: `code`."""
    RELEASED = "released"
    """A command was given back to its queue."""
    LOOK_ORDERED = "look_ordered"
    """A look at the calendar was ordered, or postponed for `code`, to come in `wait_s`: a write had an unknown outcome,
    or its worker died."""
    LOOKED = "looked"
    """An ordered look is over."""
    GONE = "gone"
    """The event was not in the calendar where the ledger had it: deleted or moved by people, or lost."""
    COPIES = "copies"
    """Surplus copies were found: `detail` is their number."""
    FOUND = "found"
    """An event of ours was found that the ledger did not know, or not in this version; it was taken over."""
    MENDED = "mended"
    """A look wrote what was missing or older again."""
    EDITED = "edited"
    """People changed the event: `detail` names the members."""
    REPLAYED = "replayed"
    """`actor` published the parked command again."""
    CORRECTED = "corrected"
    """`actor` corrected the parked command: `detail` names the members."""
    DISCARDED = "discarded"
    """`actor` dropped the parked command for good: `detail` is the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that befell a booking in a room. `at` by the clock of who tells it.

    Of a message that is no command, `key.tenant` and `key.room` are empty where they cannot be told. `command`: what
    the publisher asked for; `code`: one of `consumers.messages.codes`; `attempt`: counted ones so far; `actor`: who
    acted, where a person did.
    """

    key: BookingKey
    at: datetime
    what: What
    version: int | None = None
    command: str | None = None
    code: str | None = None
    detail: str | None = None
    wait_s: int | None = None
    attempt: int | None = None
    message_id: str | None = None
    actor: str | None = None


Note = Callable[[Entry], None]
"""Takes an entry; returns at once and never raises."""


def unnoted(_entry: Entry) -> None:
    """Keeps no story."""


class Story(Protocol):
    """Keeps entries for a while. It serves people: nothing is ever decided by it, and nothing waits for it."""

    def note(self, *entries: Entry) -> None:
        """Hand in entries; returns at once and never raises. They are written within a second, all at `close`;
        a worker that is killed loses what it noted last. What cannot be written is dropped and logged."""
        ...

    async def story(self, tenant: TenantName | None, booking: BookingId) -> list[Entry]:
        """All that is known of a booking in all rooms, the oldest first; what was noted here before is among it.
        Raises `LedgerError`."""
        ...

    async def expire_story(self, *, keep_days: int) -> int:
        """Drop entries older than `keep_days`; returns how many. Raises `LedgerError`."""
        ...


class StoriedLedger(Ledger, Story, Protocol):
    """A ledger that keeps the bookings' stories beside its rows."""
