"""Searches a room's folders, page after page, and tells when a folder changed in between."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, Protocol, TypeVar

from adapters.calendar import ItemRef, RoomAddress
from adapters.errors import CalendarError, Transient
from adapters.ews import answers
from adapters.ews.answers import Page, Part
from adapters.ews.client import Exchange
from adapters.ews.names import Element
from adapters.ews.queries import FolderName, Mailbox, find_items
from adapters.ews.translate import error_of
from adapters.ews.xml_text import Unreadable
from adapters.exchange.marks import MarkedItem


class _Item(Protocol):
    @property
    def ref(self) -> ItemRef: ...


Item = TypeVar("Item", bound=_Item)

PageRequest = Callable[[Mailbox, Sequence[FolderName], int], Element]
"""The request for a page of these folders from an offset on."""


def marked(
    exchange: Exchange, room: RoomAddress, folders: Sequence[FolderName], marks: Sequence[str] = ()
) -> "Search[MarkedItem]":
    """A search for booking marks (none: for any)."""

    def request(mailbox: Mailbox, folders: Sequence[FolderName], offset: int) -> Element:
        return find_items(mailbox, folders, marks=marks, offset=offset)

    return Search(exchange, room, folders, request, answers.marked_item)


PAGES_MAX = 1000
"""Of one folder: a million events. A server that never comes to its last page must come to an end."""


class Search(Generic[Item]):
    """A search in folders of one room. `read_item`: as for `answers.page`."""

    def __init__(
        self,
        exchange: Exchange,
        room: RoomAddress,
        folders: Sequence[FolderName],
        request: PageRequest,
        read_item: Callable[[Part], Item | None],
    ) -> None:
        self._exchange = exchange
        self._room = room
        self._folders = folders
        self._request = request
        self._read_item = read_item

    async def all_items(self) -> list[list[Item] | CalendarError]:
        """What each folder holds, or why it could not be read.

        One request reads the first page of every folder; a folder with more than a page is then read on by itself.

        Raises:
            CalendarError: the request as a whole failed.
        """
        firsts = await self._pages(self._folders, offset=0)
        return [
            first if isinstance(first, CalendarError) else await self._read_on(folder, first)
            for folder, first in zip(self._folders, firsts, strict=True)
        ]

    async def _read_on(self, folder: FolderName, first: Page[Item]) -> list[Item] | CalendarError:
        items, page = {item.ref.item_id: item for item in first.items}, first
        offset, pages = 0, 1
        while page.next_offset is not None:
            if page.next_offset <= offset or pages >= PAGES_MAX:
                return Transient("answer_unreadable", detail="paging does not come to an end")
            pages += 1
            offset = page.next_offset
            (following,) = await self._pages([folder], offset=offset)
            if isinstance(following, CalendarError):
                return following
            if following.total != first.total:
                # An item that left an earlier page moves one of ours over the edge, and a missed event is made twice.
                return Transient("server_error", detail="the folder changed while it was read")
            items |= {item.ref.item_id: item for item in following.items}
            page = following
        return list(items.values())

    async def _pages(self, folders: Sequence[FolderName], *, offset: int) -> list[Page[Item] | CalendarError]:
        def request(mailbox: Mailbox) -> Element:
            return self._request(mailbox, folders, offset)

        read = partial(self._read, folders=len(folders), offset=offset)
        return await self._exchange.ask(self._room, request, read, is_write=False, deadline=self._exchange.deadline())

    def _read(self, messages: list[Part], *, folders: int, offset: int) -> list[Page[Item] | CalendarError]:
        if len(messages) != folders:
            raise Unreadable(f"{len(messages)} answers for {folders} folders")
        return [self._page(message, offset) for message in messages]

    def _page(self, message: Part, offset: int) -> Page[Item] | CalendarError:
        complaint = answers.complaint(message)
        if complaint:
            return error_of(complaint, is_write=False, whole_tenant=self._exchange.is_delegate)
        return answers.page(message, self._read_item, offset=offset)
