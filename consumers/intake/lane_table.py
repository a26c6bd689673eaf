"""The lanes of a worker, found by their tenant and room, and by their room alone."""

from collections import defaultdict
from collections.abc import Iterable

from consumers.intake.deliveries import LaneKey
from consumers.intake.lane import Lane


class LaneTable(dict[LaneKey, Lane]):
    """Filled by `table[key] = lane`, emptied by `remove` alone. Asking for one room costs nothing of the others."""

    def __init__(self) -> None:
        super().__init__()
        self._of_room: defaultdict[str, dict[LaneKey, Lane]] = defaultdict(dict)

    def __setitem__(self, key: LaneKey, lane: Lane) -> None:
        super().__setitem__(key, lane)
        self._of_room[key[1]][key] = lane

    def remove(self, key: LaneKey) -> None:
        """Take a lane out, if it is there."""
        if super().pop(key, None) is None:
            return
        mates = self._of_room[key[1]]
        del mates[key]
        if not mates:
            del self._of_room[key[1]]

    def of_room(self, room: str) -> Iterable[tuple[LaneKey, Lane]]:
        """Its lanes: one for each tenant that has a room of that address."""
        return self._of_room.get(room, {}).items()
