"""Instants on the wire: with an offset they are instants; without one they are wall-clock times of a zone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from adapters.simulator import zones
from adapters.simulator.ews.soap import ItemError


def zone_or_error(windows_id: str) -> ZoneInfo:
    """Give a zone by its Windows id. Raises ItemError with ErrorTimeZone for one that Windows does not have."""
    found = zones.zone(windows_id)
    if found is None:
        raise ItemError("ErrorTimeZone", "The specified time zone isn't valid.")
    return found


def instant(text: str, windows_id: str | None) -> datetime:
    """Read a time; without an offset it is a wall-clock time of the zone, or of UTC when there is none.

    Source: "Time zones and EWS in Exchange".
    """
    try:
        read = datetime.fromisoformat(text.strip())
    except ValueError as wrong:
        raise ItemError("ErrorCalendarInvalidPropertyValue", "A date is not in the calendar.") from wrong
    if read.tzinfo is None:
        read = read.replace(tzinfo=zone_or_error(windows_id) if windows_id else UTC)
    return read.astimezone(UTC)


def wire(at: datetime) -> str:
    """Write an instant in UTC, to the second, as Exchange does."""
    return f"{at.year:04}-{at.month:02}-{at.day:02}T{at.hour:02}:{at.minute:02}:{at.second:02}Z"


def midnight_before(at: datetime, zone: ZoneInfo) -> datetime:
    """Give the latest midnight in the zone that is not after the instant."""
    local = at.astimezone(zone)
    return local.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)


def midnight_after(at: datetime, zone: ZoneInfo) -> datetime:
    """Give the first midnight in the zone that is not before the instant."""
    before = midnight_before(at, zone)
    if before == at:
        return at
    day = before.astimezone(zone).date() + timedelta(days=1)
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
