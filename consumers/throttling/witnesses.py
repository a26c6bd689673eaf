"""Whose trouble an odd answer is, a room's or the whole tenant's: told by which rooms work. Counts only, no clock."""

from collections import OrderedDict
from dataclasses import dataclass

from adapters.calendar import RoomAddress

WITNESSES_MAX = 1000
"""Rooms kept in mind for one tenant; beyond that the oldest is met as if for the first time."""


@dataclass(slots=True)
class _Odd:
    works_before: int
    count: int = 0


class Witnesses:
    """The rooms of a tenant that met an odd answer and have not worked since."""

    def __init__(self) -> None:
        self._odd: OrderedDict[RoomAddress, _Odd] = OrderedDict()
        self._works = 0
        self._works_before_last = 0
        """How many there had been when an answer was odd last, those aside that are a room's own."""

    def odd(self, room: RoomAddress) -> int:
        """A room met an odd answer; returns how many in a row."""
        known = self._odd.setdefault(room, _Odd(self._works))
        known.count += 1
        if len(self._odd) > WITNESSES_MAX:
            self._odd.popitem(last=False)
        return known.count

    def worked(self, room: RoomAddress) -> None:
        """A room's request was carried out, or refused for reasons of its own."""
        self._odd.pop(room, None)
        self._works += 1

    def knows(self, room: RoomAddress) -> bool:
        """Whether the room met an odd answer and has not worked since."""
        return room in self._odd

    def worked_since_last(self) -> bool:
        """Whether rooms have worked since an answer was odd before the one that is told of now.

        Of a tenant that is out of order none does; of a room that is odd now and then, others do.
        """
        since, self._works_before_last = self._works_before_last, self._works
        return self._works > since

    def is_alone(self, room: RoomAddress) -> bool:
        """Whether a room keeps meeting odd answers while others work: then it is the room's own trouble."""
        known = self._odd.get(room)
        return known is not None and known.count > 1 and self._works > known.works_before
