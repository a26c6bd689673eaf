"""CreateItem. Source: the "CreateItem operation (calendar item)" page of the EWS reference."""

import secrets
from collections.abc import Sequence

from adapters.simulator.ews.draft import Draft
from adapters.simulator.ews.operation import Handle, Operation
from adapters.simulator.ews.reading import read_item
from adapters.simulator.ews.session import Session
from adapters.simulator.ews.shape import id_only
from adapters.simulator.ews.soap import ItemError, M
from adapters.simulator.ews.xml import Element, child


def _parts(element: Element) -> Sequence[Element]:
    return list(child(element, f"{M}Items"))


def _begin(session: Session, element: Element) -> Handle:
    target = element.find(f"{M}SavedItemFolderId")
    tells_invitations = element.get("SendMeetingInvitations") is not None

    def create(part: Element) -> str:
        address, folder = (session.principal, "calendar") if target is None else session.folder(target[0], "write")
        if not tells_invitations:
            raise ItemError("ErrorSendMeetingInvitationsRequired", "SendMeetingInvitations is required.")
        if folder != "calendar":
            raise ItemError(
                "ErrorCannotCreateCalendarItemInNonCalendarFolder", "Cannot create a calendar item in that folder."
            )
        draft = Draft(None, session.time_zone)
        read_item(part, draft)
        content = draft.finish()
        content.uid = content.uid or f"040000008200E00074C5B7101A82E008{secrets.token_hex(40).upper()}"
        return f"<m:Items>{id_only(session.world.store.add(address, 'calendar', content))}</m:Items>"

    return create


CREATE_ITEM = Operation(parts=_parts, begin=_begin, empty="<m:Items/>", writes=True)
