"""What a comparison found in a room. Bookings and members are named, contents never: they may be people's."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from adapters.calendar import BookingId, RoomAddress, TenantName
from adapters.errors import CalendarError
from adapters.ledger import LedgerRow


class Kind(StrEnum):
    """How a calendar differs from the ledger."""

    MISSING = "missing"
    """The event of a booking is not there."""
    EDITED = "edited"
    """It is there, and people changed members of it."""
    OUTDATED = "outdated"
    """An older version stands there, or one rendered by another `subject` of the tenant."""
    SURPLUS = "surplus"
    """Copies of an event, or an event of a booking that was removed."""
    UNKNOWN = "unknown"
    """An event with our mark of which the ledger does not know, or not in this version."""
    UNMARKED = "unmarked"
    """The booking's event lost our mark, so that a search does not find it; the next version puts it back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One difference. `version` is the ledger's, or the mark's where the ledger has none; `members` those that differ;
    `surplus_count` the copies to be removed; `row` as it was compared."""

    kind: Kind
    booking_id: BookingId
    version: int
    row: LedgerRow | None = None
    members: tuple[str, ...] = ()
    surplus_count: int = 0

    @property
    def is_mendable(self) -> bool:
        """Whether the lanes can mend it with what the ledger knows."""
        match self.kind:
            case Kind.SURPLUS | Kind.UNKNOWN:
                return True
            case Kind.UNMARKED:
                return False
            case _:
                return self.row is not None and self.row.snapshot is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomReport:
    """A room, compared; or, with `error`, why its calendar could not be read.

    `known_count` counts the bookings that have an event by the ledger or in the calendar, `foreign` names the events
    without our mark, `resting` the bookings that are being written at this moment and were not judged.
    """

    tenant: TenantName
    room: RoomAddress
    known_count: int = 0
    findings: tuple[Finding, ...] = ()
    foreign: tuple[str, ...] = ()
    resting: tuple[BookingId, ...] = ()
    error: CalendarError | None = None

    @property
    def mendable(self) -> tuple[Finding, ...]:
        """The findings that `--repair` mends."""
        return tuple(finding for finding in self.findings if finding.is_mendable)

    @property
    def mended_count(self) -> int:
        """How many bookings a repair touches."""
        return len({finding.booking_id for finding in self.mendable})

    @property
    def mended_percent(self) -> float:
        """The share of the room's bookings that a repair touches."""
        return 100.0 * self.mended_count / self.known_count if self.known_count else 0.0


def beyond_share(reports: Iterable[RoomReport], percent: float) -> list[RoomReport]:
    """The rooms of which a repair would touch more than this share: there something larger is wrong."""
    return [report for report in reports if report.mended_percent > percent]
