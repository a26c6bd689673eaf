"""GetServerTimeZones: the zones Exchange knows, on request with this year's rules.

Source: the GetServerTimeZones operation and TimeZoneDefinition pages of the EWS reference.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from adapters.simulator import zones
from adapters.simulator.ews.operation import Handle, Operation, whole
from adapters.simulator.ews.session import Session
from adapters.simulator.ews.soap import M, T, attribute
from adapters.simulator.ews.xml import Element

_NO_SHIFT = timedelta(0)


def _begin(_: Session, element: Element) -> Handle:
    is_full = element.get("ReturnFullTimeZoneData") in {"true", "1"}

    def get(part: Element) -> str:
        wanted = part.find(f"{M}Ids")
        names = zones.WINDOWS_IDS if wanted is None else [one.text or "" for one in wanted.iterfind(f"{T}Id")]
        found = [(name, rules) for name in names if (rules := zones.zone(name)) is not None]
        inside = "".join(_definition(name, rules, is_full=is_full) for name, rules in found)
        return f"<m:TimeZoneDefinitions>{inside}</m:TimeZoneDefinitions>"

    return get


def _definition(name: str, rules: ZoneInfo, *, is_full: bool) -> str:
    start = f"<t:TimeZoneDefinition Id={attribute(name)} Name={attribute(name)}"
    if not is_full:
        return f"{start}/>"
    changes = _changes(rules, datetime.now(UTC).year)
    summer = next((at for at in changes if at.astimezone(rules).dst()), None)
    winter = next((at for at in changes if not at.astimezone(rules).dst()), None)
    offset = (winter or datetime.now(UTC)).astimezone(rules).utcoffset() or _NO_SHIFT
    periods = _period("Standard", offset)
    transitions = '<t:Transition><t:To Kind="Period">std</t:To></t:Transition>'
    if summer is not None and winter is not None:
        periods += _period("Daylight", summer.astimezone(rules).utcoffset() or _NO_SHIFT)
        transitions = _transition("dlt", summer, offset) + _transition(
            "std", winter, summer.astimezone(rules).utcoffset() or _NO_SHIFT
        )
    return (
        f"{start}><t:Periods>{periods}</t:Periods><t:TransitionsGroups>"
        f'<t:TransitionsGroup Id="0">{transitions}</t:TransitionsGroup></t:TransitionsGroups>'
        '<t:Transitions><t:Transition><t:To Kind="Group">0</t:To></t:Transition></t:Transitions>'
        "</t:TimeZoneDefinition>"
    )


def _changes(rules: ZoneInfo, year: int) -> list[datetime]:
    """Give the hours of a year at which the zone's offset changes."""
    at = datetime(year, 1, 1, tzinfo=UTC)
    found = []
    while at.year == year:
        later = at + timedelta(days=1)
        if at.astimezone(rules).utcoffset() != later.astimezone(rules).utcoffset():
            found.append(_first_hour_after(rules, at))
        at = later
    return found


def _first_hour_after(rules: ZoneInfo, at: datetime) -> datetime:
    before = at.astimezone(rules).utcoffset()
    while at.astimezone(rules).utcoffset() == before:
        at += timedelta(hours=1)
    return at


def _period(kind: str, offset: timedelta) -> str:
    return f'<t:Period Bias="{_duration(-offset)}" Name="{kind}" Id="{"std" if kind == "Standard" else "dlt"}"/>'


def _transition(to: str, at: datetime, offset_before: timedelta) -> str:
    """Write a yearly change at the wall-clock time that it has in the offset before it."""
    local = at.replace(tzinfo=None) + offset_before
    is_last = (local + timedelta(days=7)).month != local.month
    return (
        f'<t:RecurringDayTransition><t:To Kind="Period">{to}</t:To>'
        f"<t:TimeOffset>{_duration(timedelta(hours=local.hour, minutes=local.minute))}</t:TimeOffset>"
        f"<t:Month>{local.month}</t:Month><t:DayOfWeek>{local:%A}</t:DayOfWeek>"
        f"<t:Occurrence>{-1 if is_last else (local.day - 1) // 7 + 1}</t:Occurrence></t:RecurringDayTransition>"
    )


def _duration(length: timedelta) -> str:
    minutes = int(length.total_seconds() // 60)
    sign = "-" if minutes < 0 else ""
    return f"{sign}PT{abs(minutes) // 60}H{abs(minutes) % 60}M"


GET_SERVER_TIME_ZONES = Operation(parts=whole, begin=_begin)
