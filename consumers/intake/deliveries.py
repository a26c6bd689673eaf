"""Commands in hand: unread while they wait, since there may be thousands, and read once they are worked on."""

from dataclasses import dataclass, field
from datetime import datetime

from adapters.calendar import BookingId, RoomAddress, TenantName
from consumers.bookings.command import BookingCommand
from consumers.bookings.verdict import Look
from consumers.intake.age import published_at
from consumers.intake.headers import Notes, returned_count
from consumers.intake.received import Handed
from consumers.intake.session import Session

RETURNED_RUNS_ALONE = 3
RETURNED_PARKED = 10
"""Half the broker's delivery limit: parked by us, it gets its result and its derived removal."""

LaneKey = tuple[TenantName, RoomAddress]


@dataclass(slots=True, eq=False, kw_only=True)
class Held:
    """A message in hand, and whether it can still be acknowledged. `received_s` is monotonic."""

    message: Handed
    session: Session
    notes: Notes
    first_seen_at: datetime
    received_s: float
    is_settled: bool = field(default=False)
    published_at: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.published_at = published_at(self.message, self.notes, self.first_seen_at)

    @property
    def routing_key(self) -> str:
        """The key it came with."""
        return self.message.routing_key or ""

    @property
    def returned(self) -> int:
        """How often it came back without an acknowledgement: a worker may have died of it."""
        return returned_count(self.message.headers)

    @property
    def is_lost(self) -> bool:
        """Whether it will be delivered again, whatever we do."""
        return self.session.is_lost

    def age_s(self, now: datetime) -> float:
        """Seconds from its publication until `now`."""
        return max(0.0, (now - self.published_at).total_seconds())

    async def release(self) -> None:
        """Give it back to its queue unharmed."""
        self.is_settled = True
        if not self.is_lost:
            await self.message.nack(requeue=True)


@dataclass(slots=True, eq=False, kw_only=True)
class Envelope(Held):
    """A command that nobody has read yet but for whom and what it is about."""

    booking_id: BookingId


@dataclass(slots=True, eq=False, kw_only=True)
class Delivery(Held):
    """A command that waits for its verdict."""

    command: BookingCommand
    backend: str

    @property
    def look(self) -> Look | None:
        """Set on a second look."""
        return self.notes.look

    @property
    def tried_since_at(self) -> datetime:
        """When its time to give up began: when a worker first met it, or an operator replayed it."""
        return max(self.first_seen_at, self.notes.replayed_at or self.first_seen_at)

    async def ack(self) -> None:
        """Tell the broker that it is done with."""
        self.is_settled = True
        await self.message.ack()
