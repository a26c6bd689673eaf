"""When a command was published: its age is what its publisher waits, wherever the time went."""

from datetime import UTC, datetime, timedelta

from consumers.broker.headers import RoomsyncHeaders, plausible
from consumers.broker.incoming_message import IncomingMessage
from consumers.broker.queue_names import BROKERS_TIME_HEADER

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
