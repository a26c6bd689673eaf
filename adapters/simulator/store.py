"""Mailboxes, folders and items in memory: the one truth that every face and every person in Outlook changes.

Everything here is synchronous, so one item is written at a time and whole, as Exchange does.
"""

import itertools
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal

from adapters.simulator import ids
from adapters.simulator.content import Content, FolderName, Item, PropertyKey


@dataclass(frozen=True, slots=True)
class Change:
    """A line of a folder's history, for clients that synchronise."""

    number: int
    kind: Literal["created", "updated", "deleted"]
    item_id: str


@dataclass(slots=True)
class Folder:
    """A folder: items by id in the order of their arrival, its history, and an index of its named properties."""

    items: dict[str, Item] = field(default_factory=dict)
    history: list[Change] = field(default_factory=list)
    by_value: dict[tuple[PropertyKey, str], set[str]] = field(default_factory=dict)
    by_key: dict[PropertyKey, set[str]] = field(default_factory=dict)

    def having(self, key: PropertyKey) -> set[str]:
        """Give the ids of the items that have a property."""
        return self.by_key.get(key, set())

    def equal(self, key: PropertyKey, text: str) -> set[str]:
        """Give the ids of the items whose property equals a text, compared without case as Exchange does."""
        return self.by_value.get((key, text.casefold()), set())

    def put(self, item: Item) -> None:
        """Take an item in, or a newer state of it."""
        before = self.items.get(item.item_id)
        if before is not None:
            self._unindex(before)
        self.items[item.item_id] = item
        for key, value in item.content.properties.items():
            self.by_key.setdefault(key, set()).add(item.item_id)
            if isinstance(value, str):
                self.by_value.setdefault((key, value.casefold()), set()).add(item.item_id)
        self.history.append(Change(item.change, "updated" if before else "created", item.item_id))

    def take(self, item_id: str, change: int) -> None:
        """Let an item go."""
        self._unindex(self.items.pop(item_id))
        self.history.append(Change(change, "deleted", item_id))

    def _unindex(self, item: Item) -> None:
        for key, value in item.content.properties.items():
            self.by_key[key].discard(item.item_id)
            if isinstance(value, str):
                holders = self.by_value[key, value.casefold()]
                holders.discard(item.item_id)
                if not holders:
                    del self.by_value[key, value.casefold()]


class Mailbox:
    """A room's mailbox: its folders, empty until somebody writes."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.guid = ids.mailbox_guid(address)
        self.folders: dict[FolderName, Folder] = {
            "calendar": Folder(),
            "deleteditems": Folder(),
            "recoverableitemsdeletions": Folder(),
            "recoverableitemspurges": Folder(),
        }


class Store:
    """All mailboxes. Addresses are compared without case, item ids with."""

    def __init__(self) -> None:
        self._mailboxes: dict[str, Mailbox] = {}
        self._owners: dict[bytes, Mailbox] = {}
        self._where: dict[str, tuple[Mailbox, FolderName]] = {}
        self._numbers = itertools.count(1)
        self._name = secrets.token_bytes(16)

    def mailbox(self, address: str) -> Mailbox:
        """Give a mailbox, made on demand."""
        key = address.casefold()
        found = self._mailboxes.get(key)
        if found is None:
            found = self._mailboxes[key] = Mailbox(key)
            self._owners[found.guid] = found
        return found

    def mailboxes(self) -> Iterator[Mailbox]:
        """Give every mailbox that was ever touched."""
        return iter(self._mailboxes.values())

    def folder(self, address: str, name: FolderName) -> Folder:
        """Give a mailbox's folder."""
        return self.mailbox(address).folders[name]

    def find(self, item_id: str) -> Item | None:
        """Give an item by its id, None when it never was, is gone or lies elsewhere under a new id."""
        where = self._where.get(item_id)
        return None if where is None else where[0].folders[where[1]].items[item_id]

    def owner(self, item_id: str) -> str | None:
        """Give the mailbox that an id was made for, also when the item is gone."""
        guid = ids.owner_guid(item_id)
        found = self._owners.get(guid) if guid else None
        return found.address if found else None

    def add(self, address: str, folder: FolderName, content: Content) -> Item:
        """Put a new item into a folder."""
        now = datetime.now(UTC)
        return self._insert(self.mailbox(address), folder, content, (now, now))

    def rewrite(self, item: Item, content: Content) -> Item:
        """Give an item new content and, even when nothing differs, a new change key."""
        mailbox, folder = self._where[item.item_id]
        newer = replace(item, content=content, change=next(self._numbers), modified_at=datetime.now(UTC))
        mailbox.folders[folder].put(newer)
        return newer

    def move(self, item: Item, folder: FolderName) -> Item:
        """Move an item, which gives it a new id; the old one is unknown from then on."""
        mailbox, _ = self._where[item.item_id]
        self.remove(item)
        return self._insert(mailbox, folder, item.content, (item.created_at, item.modified_at))

    def remove(self, item: Item) -> None:
        """Let an item go for good."""
        mailbox, folder = self._where.pop(item.item_id)
        mailbox.folders[folder].take(item.item_id, next(self._numbers))

    def _insert(self, mailbox: Mailbox, folder: FolderName, content: Content, times: tuple[datetime, datetime]) -> Item:
        number = next(self._numbers)
        item = Item(
            item_id=ids.item_id(mailbox.guid, self._name, number),
            address=mailbox.address,
            folder=folder,
            sequence=number,
            change=number,
            created_at=times[0],
            modified_at=times[1],
            content=content,
        )
        mailbox.folders[folder].put(item)
        self._where[item.item_id] = (mailbox, folder)
        return item


def in_order(folder: Folder, item_ids: Iterable[str]) -> list[Item]:
    """Give items of a folder in the order of their arrival."""
    return sorted((folder.items[item_id] for item_id in item_ids), key=lambda item: item.sequence)
