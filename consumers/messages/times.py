"""Instants (RFC 3339) and time zones (IANA) as messages carry them.

Written out instead of `datetime.fromisoformat`, which takes far more than RFC 3339 (week dates, times without offset).
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from importlib import resources
from typing import LiteralString
from zoneinfo import ZoneInfo

from pydantic_core import PydanticCustomError

# What every calendar and every database behind one keeps.
_FIRST_YEAR, _LAST_YEAR = 1753, 4000

_RFC_3339 = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]++))?([Zz]|[+-][0-9]{2}:[0-9]{2})?"
)


def parse_instant(text: object) -> datetime:
    """Read an RFC 3339 date-time into UTC; digits after the microseconds are dropped.

    Raises:
        PydanticCustomError: `wrong_type`, `naive_time` or `time_invalid`.

    Source: RFC 3339, section 5.6.
    """
    if not isinstance(text, str):
        raise PydanticCustomError("wrong_type", "Expected a string (RFC 3339).")
    match = _RFC_3339.fullmatch(text)
    if match is None:
        raise _invalid("Expected an RFC 3339 date-time such as 2026-12-01T09:00:00+01:00.")
    *parts, fraction, offset = match.groups()
    if offset is None:
        raise PydanticCustomError("naive_time", "The offset from UTC is missing (Z or +hh:mm at the end).")
    year, month, day, hour, minute, second = map(int, parts)
    if second == 60:
        raise _invalid("Leap seconds cannot be kept in a calendar: seconds run from 00 to 59.")
    if hour == 24:
        raise _invalid("Hours run from 00 to 23: midnight is 00:00:00 of the next day.")
    microsecond = int((fraction or "")[:6].ljust(6, "0"))
    try:
        instant = datetime(year, month, day, hour, minute, second, microsecond, _offset(offset)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _invalid("There is no such date or time of day.") from None
    if min(year, instant.year) < _FIRST_YEAR or max(year, instant.year) > _LAST_YEAR:
        raise _invalid("Expected a year from 1753 to 4000, in UTC, too.")
    return instant


def whole_seconds(instant: datetime) -> datetime:
    """The instant as a calendar keeps it: fractions of a second are cut."""
    return instant.replace(microsecond=0)


def _offset(text: str) -> timezone:
    if text in "Zz":
        return UTC
    hours, minutes = int(text[1:3]), int(text[4:])
    if hours > 23 or minutes > 59:
        raise ValueError("offset out of range")
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)


def _invalid(message: LiteralString) -> PydanticCustomError:
    return PydanticCustomError("time_invalid", message)


@cache
def time_zone_names() -> frozenset[str]:
    """Every zone and link of the IANA database, as the package `tzdata` lists them.

    Asked before a name becomes a `ZoneInfo`, which would otherwise look for a file of that name.
    """
    return frozenset((resources.files("tzdata") / "zones").read_text("utf-8").split())


def check_time_zone(name: str) -> str:
    """Return the name if it is a zone or a link of the IANA database.

    Raises:
        PydanticCustomError: `time_zone_unknown`.
    """
    if name not in time_zone_names():
        raise PydanticCustomError(
            "time_zone_unknown", "Expected the IANA name of a time zone, such as Europe/Brussels."
        )
    return name


def is_midnight(instant: datetime, time_zone: str) -> bool:
    """Whether a day begins there at this instant.

    Where clocks skip midnight the day begins at the skip, and where midnight comes twice both are one.
    """
    local = instant.astimezone(ZoneInfo(time_zone))
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight.astimezone(UTC) == instant
