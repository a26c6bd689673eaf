"""DeleteItem. Source: "Deleting items by using EWS in Exchange", "How to delete appointments"."""

from collections.abc import Sequence

from adapters.simulator.content import FolderName
from adapters.simulator.ews.operation import Handle, Operation
from adapters.simulator.ews.session import Session
from adapters.simulator.ews.soap import ItemError, M
from adapters.simulator.ews.xml import Element, child

_WHERE_TO: dict[str, FolderName] = {
    "MoveToDeletedItems": "deleteditems",
    "SoftDelete": "recoverableitemsdeletions",
    "HardDelete": "recoverableitemspurges",
}


def _parts(element: Element) -> Sequence[Element]:
    return list(child(element, f"{M}ItemIds"))


def _begin(session: Session, element: Element) -> Handle:
    target = _WHERE_TO[element.get("DeleteType") or ""]
    tells_cancellations = element.get("SendMeetingCancellations") is not None

    def delete(part: Element) -> str:
        # A delegate's right on the calendar is enough: the item lands in the owner's Deleted Items.
        item = session.item(part, "write")
        if not tells_cancellations:
            raise ItemError("ErrorSendMeetingCancellationsRequired", "SendMeetingCancellations is required.")
        session.world.store.move(item, target)
        return ""

    return delete


DELETE_ITEM = Operation(parts=_parts, begin=_begin, writes=True)
