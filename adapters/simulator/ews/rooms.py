"""ResolveNames, GetRoomLists and GetRooms: what the directory knows. Source: these operations' pages."""

from adapters.simulator.directory import display_name
from adapters.simulator.ews.operation import Handle, Operation, whole
from adapters.simulator.ews.people import address_xml, mailbox_xml
from adapters.simulator.ews.session import Session
from adapters.simulator.ews.soap import ItemError, M, T
from adapters.simulator.ews.xml import Element

_MOST_RESOLUTIONS = 100


def _begin_resolve(session: Session, _: Element) -> Handle:
    def resolve(part: Element) -> str:
        entry = (part.findtext(f"{M}UnresolvedEntry") or "").casefold().removeprefix("smtp:")
        found = _candidates(session, entry)[:_MOST_RESOLUTIONS]
        if not found:
            raise ItemError("ErrorNameResolutionNoResults", "No results were found.")
        inside = "".join(
            f"<t:Resolution>{mailbox_xml(display_name(address), address)}</t:Resolution>" for address in found
        )
        result = (
            f'<m:ResolutionSet TotalItemsInView="{len(found)}" IncludesLastItemInRange="true">{inside}'
            "</m:ResolutionSet>"
        )
        if len(found) > 1:
            raise Ambiguous(result)
        return result

    return resolve


class Ambiguous(ItemError):
    """Several mailboxes match: a warning that holds them all."""

    def __init__(self, result: str) -> None:
        super().__init__("ErrorNameResolutionMultipleResults", "Multiple results were found.", warning=True)
        self.result = result


def _candidates(session: Session, entry: str) -> list[str]:
    if "@" in entry:
        return [entry] if session.world.directory.knows(entry) else []
    known = {mailbox.address for mailbox in session.world.store.mailboxes()} | (session.world.directory.rooms or set())
    return sorted(
        address
        for address in known
        if address.startswith(entry) or any(word.startswith(entry) for word in display_name(address).casefold().split())
    )


def _begin_lists(session: Session, _: Element) -> Handle:
    def lists(_: Element) -> str:
        inside = "".join(
            f"<t:Address>{address_xml(one.name, one.address, 'PublicDL')}</t:Address>"
            for one in session.world.directory.lists
        )
        return f"<m:RoomLists>{inside}</m:RoomLists>"

    return lists


def _begin_rooms(session: Session, _: Element) -> Handle:
    def rooms(part: Element) -> str:
        found = session.world.directory.listed_rooms(part.findtext(f"{M}RoomList/{T}EmailAddress") or "")
        if found is None:
            raise ItemError("ErrorNameResolutionNoResults", "No results were found.")
        inside = "".join(f"<t:Room>{mailbox_xml(display_name(address), address, 't:Id')}</t:Room>" for address in found)
        return f"<m:Rooms>{inside}</m:Rooms>"

    return rooms


RESOLVE_NAMES = Operation(parts=whole, begin=_begin_resolve)
GET_ROOM_LISTS = Operation(parts=whole, begin=_begin_lists, is_own_message=True)
GET_ROOMS = Operation(parts=whole, begin=_begin_rooms, is_own_message=True)
