"""SyncFolderItems: what changed in a folder since a state the client kept.

Source: the SyncFolderItems operation's page of the EWS reference.
"""

import base64
import binascii

from adapters.simulator.ews.operation import Handle, Operation, whole
from adapters.simulator.ews.session import Session
from adapters.simulator.ews.shape import ItemXml, read_shape
from adapters.simulator.ews.soap import ItemError, M, T
from adapters.simulator.ews.xml import Element, child
from adapters.simulator.store import Folder

_HEADER = b"roomsync-sync-state:"


def _begin(session: Session, element: Element) -> Handle:
    def synchronise(part: Element) -> str:
        item_xml = read_shape(child(part, f"{M}ItemShape"), search=True)
        folder = session.contents(child(part, f"{M}SyncFolderId")[0])
        since = _read_state(part.findtext(f"{M}SyncState") or "")
        ignored = {one.get("Id") for one in part.iterfind(f"{M}Ignore/{T}ItemId")}
        most = int(part.findtext(f"{M}MaxChangesReturned") or "512")
        changes = [
            (number, xml) for number, item_id, xml in _changes(folder, since, item_xml) if item_id not in ignored
        ]
        given = changes[:most]
        is_all = len(given) == len(changes)
        last = (
            folder.history[-1].number if is_all and folder.history else max([since, *(number for number, _ in given)])
        )
        return (
            f"<m:SyncState>{base64.b64encode(_HEADER + str(last).encode()).decode()}</m:SyncState>"
            f"<m:IncludesLastItemInRange>{'true' if is_all else 'false'}"
            f"</m:IncludesLastItemInRange><m:Changes>{''.join(xml for _, xml in given)}</m:Changes>"
        )

    return synchronise


def _changes(folder: Folder, since: int, item_xml: ItemXml) -> list[tuple[int, str, str]]:
    """Give number, item and element of each changed item, by its first change since a state: a client that stops in
    the middle then hears of later changes again, and of none for an item that it does not know yet."""
    first: dict[str, tuple[int, bool]] = {}
    for change in reversed(folder.history):
        if change.number <= since:
            break
        first[change.item_id] = (change.number, change.kind == "created")
    found = []
    for item_id, (number, is_new) in first.items():
        item = folder.items.get(item_id)
        if item is not None:
            kind = "Create" if is_new else "Update"
            found.append((number, item_id, f"<t:{kind}>{item_xml(item)}</t:{kind}>"))
        elif not is_new:
            found.append((number, item_id, f'<t:Delete><t:ItemId Id="{item_id}"/></t:Delete>'))
    return sorted(found)


def _read_state(state: str) -> int:
    if not state:
        return 0
    try:
        raw = base64.b64decode(state, validate=True)
        if not raw.startswith(_HEADER):
            raise ValueError("not a state made here")
        return int(raw[len(_HEADER) :])
    except (binascii.Error, ValueError) as wrong:
        raise ItemError("ErrorInvalidSyncStateData", "The sync state is corrupt or otherwise invalid.") from wrong


SYNC_FOLDER_ITEMS = Operation(parts=whole, begin=_begin)
