"""Which mailboxes there are: any address in the given domains, or exactly the given rooms; and room lists of them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

ROOMS_PER_LIST = 100
"""A request for a room list gives at most so many rooms. Source: "Create and manage room mailboxes"."""


@dataclass(frozen=True, slots=True)
class RoomList:
    """A distribution group that holds rooms."""

    name: str
    address: str
    rooms: tuple[str, ...]


class Directory:
    """Knows mailbox addresses, compared without case."""

    def __init__(self, *, domains: Collection[str], rooms: Collection[str] | None, accounts: Collection[str]) -> None:
        self._domains = frozenset(domain.casefold() for domain in domains)
        self.rooms: set[str] | None = None if rooms is None else {room.casefold() for room in rooms}
        self._accounts = frozenset(account.casefold() for account in accounts)
        self.lists: list[RoomList] = []

    def knows(self, address: str) -> bool:
        """Whether a mailbox has this address."""
        key = address.casefold()
        if key in self._accounts:
            return True
        if self.rooms is not None:
            return key in self.rooms
        local, _, domain = key.rpartition("@")
        return bool(local) and domain in self._domains

    def add_room_list(self, name: str, address: str, rooms: Sequence[str]) -> None:
        """Let there be a room list."""
        self.lists.append(RoomList(name, address.casefold(), tuple(room.casefold() for room in rooms)))

    def listed_rooms(self, address: str) -> tuple[str, ...] | None:
        """Give the rooms of a list, as many as Exchange gives; None for an address that is no room list."""
        for room_list in self.lists:
            if room_list.address == address.casefold():
                return room_list.rooms[:ROOMS_PER_LIST]
        return None


def display_name(address: str) -> str:
    """Give the name that the directory shows for a mailbox."""
    return address.partition("@")[0].replace(".", " ").replace("-", " ").title()
