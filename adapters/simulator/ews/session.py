"""One request's view of the store: whose it is, and what of it the caller may touch."""

from dataclasses import dataclass

from adapters.simulator import ids
from adapters.simulator.access import Need
from adapters.simulator.content import FolderName, Item
from adapters.simulator.ews.soap import ItemError, T
from adapters.simulator.ews.xml import Element
from adapters.simulator.store import Folder
from adapters.simulator.world import World

ROOTS = ("root", "msgfolderroot")


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A request's caller. `principal`: the account, or the room it impersonates."""

    world: World
    principal: str
    time_zone: str | None

    def folder(self, element: Element, need: Need) -> tuple[str, FolderName]:
        """Find the mailbox and the folder that an id names. Raises ItemError."""
        address, name = self.locate(element)
        if name not in self.world.store.mailbox(address).folders:
            raise ItemError("ErrorFolderNotFound", "The specified folder could not be found in the store.")
        self.demand(address, name, need)
        return address, name

    def locate(self, element: Element) -> tuple[str, str]:
        """Give mailbox and folder name of a FolderId or DistinguishedFolderId, rights not looked at."""
        if element.tag == f"{T}FolderId":
            known = ids.read_folder_id(element.get("Id") or "")
            if known is None:
                raise ItemError("ErrorInvalidIdMalformed", "Id is malformed.")
            return known
        address = element.findtext(f"{T}Mailbox/{T}EmailAddress") or self.principal
        if not self.world.directory.knows(address):
            raise ItemError(
                "ErrorNonExistentMailbox",
                "The SMTP address has no mailbox associated with it.",
                values={"SmtpAddress": address},
            )
        return address.casefold(), element.get("Id") or ""

    def demand(self, address: str, folder: str, need: Need) -> None:
        """Raise ItemError unless the caller may read, or write, a folder."""
        if not self.world.access.allows(self.principal, address, folder, need):
            raise ItemError("ErrorAccessDenied", "Access is denied. Check credentials and try again.")

    def contents(self, element: Element) -> Folder:
        """Give a folder to read from."""
        return self.world.store.folder(*self.folder(element, "read"))

    def item(self, element: Element, need: Need) -> Item:
        """Find the item that an ItemId names. Raises ItemError."""
        if element.tag != f"{T}ItemId":
            raise ItemError("ErrorCalendarCannotUseIdForOccurrenceId", "The Id is not that of a recurring event.")
        item_id = element.get("Id") or ""
        found = self.world.store.find(item_id)
        if found is None and not item_id:
            raise ItemError("ErrorInvalidIdEmpty", "Id must be non-empty.")
        if found is None and not ids.is_item_id(item_id):
            raise ItemError("ErrorInvalidIdMalformed", "Id is malformed.")
        if found is None:
            raise ItemError("ErrorItemNotFound", "The specified object was not found in the store.")
        self.demand(found.address, found.folder, need)
        return found
