"""Shows rooms and calendars to people: plain HTML pages without script."""

from collections.abc import Sequence
from html import escape

from adapters.simulator.events import SimEvent

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #ddd}"
    "td.mark{font-family:ui-monospace,monospace;font-size:.85em}"
    "caption{text-align:left;font-weight:600;padding:.5rem 0}"
)


def rooms_page(rooms: Sequence[tuple[str, int]]) -> str:
    """List the rooms with the number of events in each calendar."""
    rows = "".join(
        f'<tr><td><a href="/simulator/rooms/{escape(room)}">{escape(room)}</a></td><td>{count}</td></tr>'
        for room, count in rooms
    )
    return _page("Rooms", f"<table><tr><th>Room</th><th>Events</th></tr>{rows}</table>")


def room_page(room: str, calendar: Sequence[SimEvent], deleted: Sequence[SimEvent]) -> str:
    """Show a room's calendar and its Deleted Items."""
    return _page(room, _table("Calendar", calendar) + _table("Deleted Items", deleted))


def _table(caption: str, events: Sequence[SimEvent]) -> str:
    rows = "".join(
        "<tr>"
        f"<td>{event.start:%Y-%m-%d %H:%M}</td><td>{event.end:%Y-%m-%d %H:%M}</td>"
        f"<td>{escape(event.subject)}</td><td>{escape(event.location)}</td><td>{escape(event.show_as)}</td>"
        f'<td class="mark">{escape(event.booking or "")}</td><td class="mark">{escape(event.version or "")}</td>'
        "</tr>"
        for event in events
    )
    head = "<tr><th>Start (UTC)</th><th>End (UTC)</th><th>Subject</th><th>Location</th><th>Shown as</th>"
    return (
        f"<table><caption>{caption} ({len(events)})</caption>{head}<th>Booking</th><th>Version</th></tr>{rows}</table>"
    )


def _page(title: str, content: str) -> str:
    safe = escape(title)
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{safe}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{safe}</h1>{content}"
        '<p><a href="/simulator/rooms">All rooms</a></p></body></html>'
    )
