"""What people do in Outlook, behind the back of every client: edit, repeat, delete, restore, copy, add."""

from datetime import datetime
from typing import Any

from adapters.simulator.content import Content, Item
from adapters.simulator.events import SimEvent, sim_event
from adapters.simulator.store import Store

_NAMES = {"start": "start_at", "end": "end_at"}


class NoSuchItem(LookupError):
    """The room holds no item with this id."""


class Outlook:
    """People at work in the rooms' mailboxes. Every method gives the event as it lies afterwards."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, room: str, *, subject: str, start: datetime, end: datetime, **fields: Any) -> SimEvent:  # noqa: ANN401  # the members of Content
        """Add an event that no client wrote."""
        content = Content(subject=subject, start_at=start, end_at=end)
        _set(content, fields)
        return sim_event(self._store.add(room, "calendar", content))

    def edit(self, room: str, item_id: str, **fields: Any) -> SimEvent:  # noqa: ANN401  # the members of Content
        """Change an event: `start`, `end`, or any member of `Content`; the marks stay."""
        item = self._item(room, item_id)
        content = item.content.copy()
        _set(content, fields)
        return sim_event(self._store.rewrite(item, content))

    def repeat(self, room: str, item_id: str, *, times: int = 10) -> SimEvent:
        """Let an event recur every week, on the day it begins: it becomes a series' master under the same id."""
        item = self._item(room, item_id)
        content = item.content.copy()
        content.recurrence = (
            f"<t:WeeklyRecurrence><t:Interval>1</t:Interval><t:DaysOfWeek>{content.start_at:%A}</t:DaysOfWeek>"
            f"</t:WeeklyRecurrence><t:NumberedRecurrence><t:StartDate>{content.start_at:%Y-%m-%d}</t:StartDate>"
            f"<t:NumberOfOccurrences>{int(times)}</t:NumberOfOccurrences></t:NumberedRecurrence>"
        )
        return sim_event(self._store.rewrite(item, content))

    def delete(self, room: str, item_id: str) -> SimEvent:
        """Move an event to Deleted Items, where it lies under a new id."""
        return sim_event(self._store.move(self._item(room, item_id), "deleteditems"))

    def restore(self, room: str, item_id: str) -> SimEvent:
        """Drag an event back to the calendar, where it lies under a new id; the marks are still on it."""
        return sim_event(self._store.move(self._item(room, item_id), "calendar"))

    def copy(self, room: str, item_id: str) -> SimEvent:
        """Copy and paste an event; the copy carries the marks too."""
        return sim_event(self._store.add(room, "calendar", self._item(room, item_id).content.copy()))

    def _item(self, room: str, item_id: str) -> Item:
        item = self._store.find(item_id)
        if item is None or item.address != room.casefold():
            raise NoSuchItem(item_id)
        return item


def _set(content: Content, fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        member = _NAMES.get(name, name)
        if member not in Content.__slots__:
            raise TypeError(f"an event has no {name!r}")
        setattr(content, member, value)
