"""The ledger: what is true in which room, by version; what makes crashes decidable (docs/protocol.md#rows)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from adapters.calendar import BookingId, ItemRef, RoomAddress, TenantName


class State(StrEnum):
    """`writing`: a create may be on its way or have been applied, nothing else is known; `present`: the event
    `item_id` carries `version`; `absent`: removed, or never created, as of `version` (0: never heard of)."""

    WRITING = "writing"
    PRESENT = "present"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingKey:
    """A booking in a room; the ledger has at most one row for it."""

    tenant: TenantName
    room: RoomAddress
    booking_id: BookingId


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Who is writing, which version, and for how long yet by the ledger's clock (zero or less: expired)."""

    token: str
    version: int
    remaining_s: float

    @property
    def is_live(self) -> bool:
        """Whether the writer may still be at work."""
        return self.remaining_s > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """What the ledger knows about a booking in a room.

    `version` is the last settled one, also while `writing`; `removed_version` only ever rises, and nothing at or below
    it is created, adopted or brought back. `command_digest` tells a duplicate from a reused version,
    `written_digest` what was written, for `reconcile` (None: the event holds something else, or nobody knows).
    `snapshot` is the published event as JSON, None when absent.
    """

    key: BookingKey
    state: State = State.ABSENT
    version: int = 0
    removed_version: int = 0
    backend: str | None = None
    item: ItemRef | None = None
    command_digest: str | None = None
    written_digest: str | None = None
    snapshot: str | None = None
    event_ends_at: datetime | None = None
    claim: Claim | None = None

    def settled(self, **changes: object) -> "LedgerRow":
        """This row with the changes and without a claim."""
        return replace(self, claim=None, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareAndSwap:
    """Put `after` in the place of `before` (None: no row yet), if the row is still as `before` was read.
    Where there is no row, a fresh `LedgerRow` is as it was read, too.

    "As it was read" means the same claim token (or none), state, version and item id. `removed_version` is not
    compared: it is merged, the higher one stays. A claim in `after` keeps its token and its end.
    """

    before: LedgerRow | None
    after: LedgerRow


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRequest:
    """Claim `row` (as it was read; a key without a row is a fresh `LedgerRow`) for writing `version`.

    With `state` the row's state changes with the claim: `writing` before a create. `removed_version` is merged as in a
    swap: a removal raises it with its claim, before Exchange is asked.
    """

    row: LedgerRow
    version: int
    state: State | None = None


class LedgerError(Exception):
    """The ledger cannot be read or written: nothing may be acknowledged until it can."""


class LedgerUnavailable(LedgerError):
    """The ledger does not answer just now (locked, disk full, connection lost): nothing was committed."""


class LedgerBroken(LedgerError):
    """The ledger is damaged, or its tables are not those that this program knows: waiting does not help, a person
    does. Nothing was committed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerRow:
    """An open breaker: nothing of the tenant can work, and nobody asks its Exchange but now and then a probe.

    `code` and `detail` say why (`adapters.errors`). `probes`: requests that found it so, the one that opened it
    included. `tried`: fingerprints of the settings and secrets that they came with. Seconds are by the ledger's clock;
    `next_probe_in_s` is zero or less when a probe may be sent.
    """

    tenant: TenantName
    code: str
    detail: str | None
    open_for_s: float
    next_probe_in_s: float
    probes: int
    tried: frozenset[str]


class Breakers(Protocol):
    """The part of a ledger that keeps the tenants' breakers, one for all workers. A closed breaker has no row."""

    async def breaker(self, tenant: TenantName) -> BreakerRow | None:
        """The tenant's open breaker, or None."""
        ...

    async def open_breakers(self) -> list[BreakerRow]:
        """All that are open, by tenant."""
        ...

    async def open_breaker(
        self, tenant: TenantName, *, code: str, detail: str | None, fingerprint: str, next_probe_in_s: float
    ) -> BreakerRow:
        """Open it; returns the row. Of one that is open only `code` and `detail` change."""
        ...

    async def take_probe(self, tenant: TenantName, *, fingerprint: str, next_in_s: float) -> bool:
        """Whether the caller may send a probe now: the time has come, or the fingerprint was not tried yet. The next
        one is due `next_in_s` later, so of all callers in all workers exactly one gets True. False when closed."""
        ...

    async def close_breaker(self, tenant: TenantName) -> bool:
        """Close it; returns whether it was open."""
        ...

    async def hasten_probe(self, tenant: TenantName) -> bool:
        """Make the next probe due now; returns whether the breaker is open."""
        ...


class Ledger(Breakers, Protocol):
    """Durable when a call returns; changes handed in at the same time share one transaction (group commit).

    Every call may raise `LedgerUnavailable` or `LedgerBroken`. Time is the ledger's own: the host's clock for SQLite,
    the database's for PostgreSQL; a claim is told by the seconds that remain.
    """

    async def rows(self, tenant: TenantName, room: RoomAddress, bookings: Collection[BookingId]) -> list[LedgerRow]:
        """The rows there are for these bookings, in any order."""
        ...

    async def rows_if_scanned(
        self, tenant: TenantName, room: RoomAddress, bookings: Collection[BookingId]
    ) -> list[LedgerRow] | None:
        """The same, or None while the room is not scanned: one read instead of two for a batch that begins."""
        ...

    async def claim(self, wishes: Sequence[ClaimRequest], *, for_s: float) -> list[LedgerRow | None]:
        """Take each claim whose row is still as it was read and has no live claim: the row as it is now, with a fresh
        token, or None. A claim that has expired may be taken over. One transaction."""
        ...

    async def swap(self, swaps: Sequence[CompareAndSwap]) -> list[bool]:
        """Carry out each swap whose row is still as it was read; True where it was. One transaction."""
        ...

    async def bar(self, keys_and_versions: Sequence[tuple[BookingKey, int]]) -> None:
        """Raise `removed_version` to at least the version, making a row (`absent`, version 0) where there is none."""
        ...

    async def is_scanned(self, tenant: TenantName, room: RoomAddress) -> bool:
        """Whether the room's rows were filled from its calendar once (first touch)."""
        ...

    async def commit_scan(self, tenant: TenantName, room: RoomAddress, swaps: Sequence[CompareAndSwap]) -> bool:
        """Carry out all swaps and mark the room scanned, or, if it is scanned already, nothing and return False. A swap
        whose row changed since is left out. One transaction."""
        ...

    async def forget_scans(self, tenant: TenantName | None = None, room: RoomAddress | None = None) -> int:
        """Mark rooms unscanned (all, one tenant's or one); returns how many were scanned."""
        ...

    async def identity(self) -> "LedgerIdentity":
        """The ledger's id and generation, and whether it holds nothing yet."""
        ...

    async def next_generation(self) -> "LedgerIdentity":
        """Raise the generation by one (a worker start), so that an older copy of this ledger can be told."""
        ...

    async def history(self, tenant: TenantName | None, booking: BookingId) -> list[LedgerRow]:
        """Every row of a booking, in all rooms, for `roomsync status --booking`."""
        ...

    async def rooms(self, tenant: TenantName | None) -> list[tuple[TenantName, RoomAddress]]:
        """Every room that has a row or was scanned, in order, for `roomsync reconcile`."""
        ...

    async def room_rows(self, tenant: TenantName, room: RoomAddress) -> list[LedgerRow]:
        """Every row of a room, tombstones included, in any order."""
        ...

    async def counts(self) -> dict[str, int]:
        """Rows by state, and `claimed`, `rooms`."""
        ...

    async def expire(self, *, keep_days: int) -> int:
        """Delete rows without a claim that were recorded more than `keep_days` ago and whose event ended more than 90
        days ago (docs/protocol.md#tombstones); returns how many."""
        ...

    async def check(self) -> None:
        """Take the place of a writer for a moment and change nothing; raises what would keep one from writing."""
        ...

    async def close(self) -> None:
        """Finish what was handed in and let go of the database."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerIdentity:
    """Which ledger this is. `generation` rises with every worker start; the broker knows the highest."""

    ledger_id: str
    generation: int
    is_empty: bool
