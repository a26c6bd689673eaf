"""How a comparison is shown: a table for each room on a terminal, plain lines elsewhere, JSON for machines.

Bookings, versions and names of members only: what stands in an event may be people's.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from consumers.reconcile.report import Finding, RoomReport
from worker.reconcile.rooms import Mending
from worker.terminal import is_terminal, say, table


def as_json(reports: Sequence[RoomReport], mending: Mending | None) -> dict[str, Any]:
    """Everything, for machines; `repair` is null where nothing was asked for."""
    return {
        "rooms": [_room_json(report) for report in reports],
        "repair": None
        if mending is None
        else {
            "looks": sum(asked.looks_count for asked in mending.asked),
            "changed": [booking for asked in mending.asked for booking in asked.changed],
            "postponed": [booking for asked in mending.asked for booking in asked.postponed],
            "worker_is_there": mending.is_worked_on,
        },
    }


def _room_json(report: RoomReport) -> dict[str, Any]:
    return {
        "tenant": report.tenant,
        "room": report.room,
        "known": report.known_count,
        "findings": [
            {
                "finding": finding.kind.value,
                "booking_id": finding.booking_id,
                "version": finding.version,
                "members": list(finding.members),
                "surplus": finding.surplus_count,
                "mendable": finding.is_mendable,
            }
            for finding in report.findings
        ],
        "foreign": list(report.foreign),
        "being_written": list(report.resting),
        "error": report.error and {"code": report.error.code, "message": str(report.error)},
    }


def show(reports: Sequence[RoomReport]) -> None:
    """Show every room with something to say, and a summary."""
    for report in reports:
        if report.error is not None:
            say(f"{report.tenant} {report.room} unread {report.error.code}: {report.error}")
        elif not is_terminal():
            _lines(report)
        elif report.findings:
            _table(report)
    say(_summary(reports))


def _table(report: RoomReport) -> None:
    others = _counted(len(report.foreign), "foreign event")
    table(
        ("finding", "booking", "version", "what"),
        [(each.kind.value, each.booking_id, each.version, _what(each)) for each in report.findings],
        title=f"{report.room} ({report.tenant})",
        caption=f"{_counted(report.known_count, 'booking')}, {others} left alone, {len(report.resting)} being written",
    )


def _lines(report: RoomReport) -> None:
    where = f"{report.tenant} {report.room}"
    for finding in report.findings:
        say(f"{where} {finding.kind.value} {finding.booking_id} v{finding.version} {_what(finding)}".rstrip())
    for item_id in report.foreign:
        say(f"{where} foreign {item_id}")
    for booking in report.resting:
        say(f"{where} being-written {booking}")


def _what(finding: Finding) -> str:
    words = [", ".join(finding.members)]
    if finding.surplus_count:
        words.append(f"{finding.surplus_count} too many")
    if not finding.is_mendable:
        words.append("(mended by the booking's next version only)")
    return " ".join(word for word in words if word)


def _summary(reports: Sequence[RoomReport]) -> str:
    kinds = Counter(finding.kind.value for report in reports for finding in report.findings)
    found = ", ".join(f"{count} {kind}" for kind, count in kinds.items()) or "nothing differs"
    foreign = sum(len(report.foreign) for report in reports)
    unread = sum(report.error is not None for report in reports)
    told = f"{_counted(len(reports), 'room')}: {found}; {_counted(foreign, 'foreign event')} left alone"
    return f"{told}; {_counted(unread, 'room')} could not be read" if unread else told


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def refusal(beyond: Sequence[RoomReport], percent: float) -> str:
    """Why nothing is asked for."""
    rooms = "\n".join(
        f"{report.room} ({report.tenant}): {report.mended_count} of {report.known_count} bookings "
        f"({report.mended_percent:.0f} %)"
        for report in beyond
    )
    return f"A repair would touch more than {percent:g} % of the bookings of:\n{rooms}"


def mended(mending: Mending) -> str:
    """What was asked for."""
    looks = sum(asked.looks_count for asked in mending.asked)
    told = [f"{_counted(looks, 'look')} asked for."]
    if not mending.is_worked_on:
        told.append("No worker is consuming: they wait in the queue.")
    if changed := sum(len(asked.changed) for asked in mending.asked):
        told.append(f"Written meanwhile, and left to the worker: {_counted(changed, 'booking')}.")
    if postponed := sum(len(asked.postponed) for asked in mending.asked):
        told.append(f"Left until what is missing is back, repair again then: {_counted(postponed, 'unknown event')}.")
    return " ".join(told)
