"""What people do in Outlook to events of ours."""

from adapters.calendar import RoomAddress
from tests.fakes import FakeCalendar, KeptEvent


def touch(calendar: FakeCalendar, what: str, room: RoomAddress, which: int) -> KeptEvent | None:
    """Do it to one of a room's events (`restore`: from Deleted Items); the event as it was, if any."""
    folder = calendar.trash[room] if what == "restore" else calendar.events[room]
    if not folder:
        return None
    kept = folder[which % len(folder)]
    item_id = kept.ref.item_id
    match what:
        case "delete":
            calendar.people_delete(room, item_id)
        case "delete and undelete":
            calendar.people_restore(room, calendar.people_delete(room, item_id).ref.item_id)
        case "restore":
            calendar.people_restore(room, item_id)
        case "move away":
            calendar.people_move_away(room, item_id)
        case "copy":
            calendar.people_copy(room, item_id)
        case _:
            calendar.people_edit(room, item_id, subject="edited")
    return kept
