"""Names of time zones: ours are IANA's, Exchange's are Windows', and a Windows zone has rules of its own.

CLDR tells which Windows zone stands for which of IANA's, and by whose rules a Windows zone goes ("territory 001").
Both lists come with tzlocal, the rules with tzdata (docs/decisions/0020). They part where IANA's zone changed and
Microsoft's has not: so the days of an event are checked by the rules of the zone that is written.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

from tzlocal.windows_tz import tz_win, win_tz

from adapters.calendar import RoomEvent

UTC_ID = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """How an event is kept: in which Windows zone (None: in UTC, for want of one), and whether as whole days."""

    zone_id: str | None
    all_day: bool
    warnings: tuple[str, ...] = ()


class Zones:
    """Which zones a server knows: CLDR's, less those that it refused (one without recent zone updates)."""

    def __init__(self) -> None:
        self._refused: set[str] = set()

    def id_of(self, iana: str) -> str | None:
        """The Windows id of a zone or link (`Asia/Kolkata` as well as `Asia/Calcutta`); None: write the event in UTC.

        Source: CLDR supplemental/windowsZones.xml; Microsoft, "TimeZoneDefinition".
        """
        windows_id = _windows_id(iana)
        return None if windows_id in self._refused else windows_id

    def forget(self, windows_id: str) -> None:
        """Remember, as long as this process lives, that the server refused this zone."""
        self._refused.add(windows_id)

    def kept(self, event: RoomEvent) -> Kept:
        """How an event of this zone is to be written, and therefore kept.

        Exchange stretches an all-day event to the midnights of its zone: where those are others than the event's, it
        goes into another zone with the same midnights, or else its instants hold and the flag does not.
        """
        windows_id = self.id_of(event.time_zone)
        if not event.all_day:
            return Kept(zone_id=windows_id, all_day=False, warnings=() if windows_id else ("time_zone_as_utc",))
        if _windows_id(event.time_zone) is None:
            return Kept(zone_id=None, all_day=False, warnings=("time_zone_as_utc",))
        if windows_id is not None and _has_the_same_days(windows_id, event):
            return Kept(zone_id=windows_id, all_day=True)
        for other in sorted(win_tz.keys() - self._refused):
            if _has_the_same_days(other, event):
                return Kept(zone_id=other, all_day=True, warnings=("time_zone_replaced",))
        warnings = ("all_day_as_times",) if windows_id else ("time_zone_as_utc",)
        return Kept(zone_id=windows_id, all_day=False, warnings=warnings)


@cache
def _windows_id(iana: str) -> str | None:
    name = iana if iana in tz_win else _links().get(iana)
    return tz_win[name] if name and name in tz_win else None  # the map has a nameless zone, too


@cache
def _links() -> dict[str, str]:
    """What a name of the IANA database leads to; CLDR lacks a few of the old ones."""
    lines = (resources.files("tzdata") / "zoneinfo" / "tzdata.zi").read_text("utf-8").splitlines()
    return {link: target for _, target, link in (line.split() for line in lines if line.startswith("L "))}


def _has_the_same_days(windows_id: str, event: RoomEvent) -> bool:
    theirs, ours = _rules(win_tz[windows_id]), _rules(event.time_zone)
    if theirs is None or ours is None:
        return False
    return all(
        _begins_a_day(instant, theirs) and instant.astimezone(theirs).date() == instant.astimezone(ours).date()
        for instant in (event.starts_at, event.ends_at)
    )


def _begins_a_day(instant: datetime, rules: ZoneInfo) -> bool:
    local = instant.astimezone(rules)
    return local.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC) == instant


@cache
def _rules(iana: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(iana)
    except (KeyError, ValueError, OSError):
        return None
