"""How long ago a command was published: what its publisher waits, wherever the time went."""

from datetime import UTC, datetime, timedelta

from consumers.intake.deliveries import Delivery

BROKERS_TIME_HEADER = "timestamp_in_ms"
"""Milliseconds since 1970, set by the broker where an operator switches it on (`message_interceptors.incoming`)."""
CLOCKS_DIFFER_MAX = timedelta(days=7)
"""A time of publication that lies further back is somebody's wrong clock: no command waits that long."""
_WHOLE_SECOND = timedelta(seconds=1)


def published_at(delivery: Delivery) -> datetime:
    """The message's own time, or when a worker first met it: where it bears none, or a wrong clock's.

    AMQP's `timestamp` is in whole seconds and cut, so it counts from the end of its second: too short by at most one
    second instead of too long, since a healthy command takes a small part of one.
    """
    if delivery.notes.replayed_at is not None:
        return delivery.tried_since_at
    first_seen_at = delivery.first_seen_at
    told_at = _told_at(delivery)
    if told_at is None or not first_seen_at - CLOCKS_DIFFER_MAX < told_at < first_seen_at:
        return first_seen_at
    return told_at


def age_s(delivery: Delivery, now: datetime) -> float:
    """Seconds from the publication until `now`."""
    return max(0.0, (now - published_at(delivery)).total_seconds())


def _told_at(delivery: Delivery) -> datetime | None:
    message = delivery.message
    told_ms = message.headers.get(BROKERS_TIME_HEADER)
    if isinstance(told_ms, int) and 0 < told_ms < 2**43:
        return datetime.fromtimestamp(told_ms / 1000, UTC)
    told_at = message.timestamp
    if not isinstance(told_at, datetime):
        return None
    return (told_at if told_at.tzinfo else told_at.replace(tzinfo=UTC)) + _WHOLE_SECOND
