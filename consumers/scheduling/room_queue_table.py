"""The lanes of a worker, found by their tenant and room, and by their room alone."""

from collections import defaultdict
from collections.abc import Iterable

from consumers.broker.delivery import RoomKey
from consumers.scheduling.room_queue import RoomQueue


class RoomQueueTable(dict[RoomKey, RoomQueue]):
    """Filled by `table[key] = lane`, emptied by `remove` alone. Asking for one room costs nothing of the others."""

    def __init__(self) -> None:
        super().__init__()
        self._of_room: defaultdict[str, dict[RoomKey, RoomQueue]] = defaultdict(dict)

    def __setitem__(self, key: RoomKey, lane: RoomQueue) -> None:
        super().__setitem__(key, lane)
        self._of_room[key[1]][key] = lane

    def remove(self, key: RoomKey) -> None:
        """Take a lane out, if it is there."""
        if super().pop(key, None) is None:
            return
        same_version = self._of_room[key[1]]
        del same_version[key]
        if not same_version:
            del self._of_room[key[1]]

    def of_room(self, room: str) -> Iterable[tuple[RoomKey, RoomQueue]]:
        """Its lanes: one for each tenant that has a room of that address."""
        return self._of_room.get(room, {}).items()
