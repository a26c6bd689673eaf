"""Commands in hand: unread while they wait, since there may be thousands, and read once they are worked on."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from aiormq.abc import FieldTable

from adapters.calendar import BookingId, RoomAddress, TenantName
from consumers.broker.headers import RoomsyncHeaders, instant_text, plausible
from consumers.broker.incoming_message import IncomingMessage, State
from consumers.broker.queue_names import BROKERS_TIME_HEADER
from consumers.broker.session import Session
from consumers.messages.command import BookingCommand
from consumers.messages.disposition import Look

RETURNED_RUNS_ALONE = 3
RETURNED_PARKED = 10
"""Half the broker's delivery limit: parked by us, it gets its result and its derived removal."""

UNACKED_MAX_S = 240.0
"""Nothing stays unacknowledged longer than five minutes (RabbitMQ closes channels after thirty)."""

RoomKey = tuple[TenantName, RoomAddress]


@dataclass(slots=True, eq=False, kw_only=True)
class Delivery:
    """A message in hand. `received_s` is monotonic; `returned`: how often it came back without an acknowledgement."""

    message: IncomingMessage
    session: Session
    notes: RoomsyncHeaders
    first_seen_at: datetime
    received_s: float
    returned: int = 0
    is_resting: bool = field(default=False, init=False)
    """An error of ours met it: it goes back after a while, and nobody works on it until it comes again."""
    published_at: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.published_at = published_at(self.message, self.notes, self.first_seen_at)

    @property
    def routing_key(self) -> str:
        """The key it came with."""
        return self.message.routing_key or ""

    @property
    def is_lost(self) -> bool:
        """Whether it will be delivered again, whatever we do."""
        return self.message.state is State.LOST

    @property
    def is_settled(self) -> bool:
        """Whether the broker was told of it."""
        return self.message.state in (State.ACKED, State.RETURNED)

    @property
    def is_open(self) -> bool:
        """Whether it can be worked on and settled."""
        return self.message.state is State.OPEN and not self.is_resting

    def age_s(self, now: datetime) -> float:
        """Seconds from its publication until `now`."""
        return max(0.0, (now - self.published_at).total_seconds())


@dataclass(slots=True, eq=False, kw_only=True)
class RawDelivery(Delivery):
    """A command that nobody has read yet but for whom and what it is about."""

    booking_id: BookingId


@dataclass(slots=True, eq=False, kw_only=True)
class ParsedDelivery(Delivery):
    """A command that waits for its verdict."""

    command: BookingCommand
    backend: str
    look: Look | None = field(init=False)
    """Set on a delayed check."""

    def __post_init__(self) -> None:
        Delivery.__post_init__(self)
        self.look = self.notes.look_at(self.command.booking_id, self.command.version)

    @property
    def labels(self) -> dict[str, str | int]:
        """What logs and headers call it by."""
        command = self.command
        return {
            "tenant": command.tenant,
            "room": command.room,
            "booking_id": command.booking_id,
            "version": command.version,
            "backend": self.backend,
        }

    @property
    def kept_headers(self) -> FieldTable:
        """What stays noted. Written anew: what was not credible would be so beside ours (`credible_headers`)."""
        replayed_at = self.notes.replayed_at
        return {
            "first_seen_at": instant_text(self.first_seen_at),
            "replayed_at": replayed_at and instant_text(replayed_at),
            "derived": self.notes.derived or None,
            **self.labels,
        }

    @property
    def tried_since_at(self) -> datetime:
        """When its time to give up began: when a worker first met it, or an operator replayed it."""
        return max(self.first_seen_at, self.notes.replayed_at or self.first_seen_at)

    @property
    def given_up_from_at(self) -> datetime:
        """The same, later where its tenant could do nothing meanwhile: nobody tried."""
        return max(self.tried_since_at, self.notes.rested_at or self.tried_since_at)


CLOCKS_DIFFER_MAX = timedelta(days=7)
"""A time of publication that lies further back is somebody's wrong clock: no command waits that long."""
_WHOLE_SECOND = timedelta(seconds=1)


def published_at(message: IncomingMessage, notes: RoomsyncHeaders, first_seen_at: datetime) -> datetime:
    """The message's own time, or when a worker first met it: where it bears none, or a wrong clock's.

    AMQP's `timestamp` is in whole seconds and cut, so it counts from the end of its second: too short by at most one
    second instead of too long, since a healthy command takes a small part of one.
    """
    if notes.replayed_at is not None:
        return max(first_seen_at, notes.replayed_at)
    told_at = _told_at(message)
    if told_at is None or not first_seen_at - CLOCKS_DIFFER_MAX < told_at < first_seen_at:
        return first_seen_at
    return told_at


def _told_at(message: IncomingMessage) -> datetime | None:
    told_ms = message.headers.get(BROKERS_TIME_HEADER)
    if isinstance(told_ms, int) and 0 < told_ms < 2**43:
        return plausible(datetime.fromtimestamp(told_ms / 1000, UTC))
    told_at = plausible(message.timestamp)
    return None if told_at is None else told_at + _WHOLE_SECOND
