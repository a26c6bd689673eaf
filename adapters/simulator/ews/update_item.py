"""UpdateItem: changes field by field, then keeps the whole or nothing of it; every update makes a new change key.

Source: the "UpdateItem operation (calendar item)" page of the EWS reference.
"""

from collections.abc import Sequence

from lxml import etree

from adapters.simulator import ids
from adapters.simulator.content import Item
from adapters.simulator.ews import properties
from adapters.simulator.ews.draft import Draft
from adapters.simulator.ews.fields import FIELDS, field_name
from adapters.simulator.ews.operation import Handle, Operation
from adapters.simulator.ews.reading import read_field
from adapters.simulator.ews.session import Session
from adapters.simulator.ews.shape import id_only
from adapters.simulator.ews.soap import ItemError, M, T
from adapters.simulator.ews.xml import Element, child

_APPENDABLE = {"Body", "RequiredAttendees", "OptionalAttendees", "Resources"}
_CONFLICTS = "<m:ConflictResults><t:Count>0</t:Count></m:ConflictResults>"


def _parts(element: Element) -> Sequence[Element]:
    return list(child(element, f"{M}ItemChanges"))


def _begin(session: Session, element: Element) -> Handle:
    tells_invitations = element.get("SendMeetingInvitationsOrCancellations") is not None
    overwrites = element.get("ConflictResolution") == "AlwaysOverwrite"

    def update(part: Element) -> str:
        item = session.item(part[0], "write")
        if not tells_invitations:
            raise ItemError(
                "ErrorSendMeetingInvitationsOrCancellationsRequired",
                "SendMeetingInvitationsOrCancellations is required.",
            )
        if item.folder != "calendar":
            raise ItemError("ErrorCalendarCannotUpdateDeletedItem", "A deleted calendar item cannot be updated.")
        _check_change_key(part[0].get("ChangeKey"), item, overwrites=overwrites)
        draft = Draft(item.content, session.time_zone)
        for change in part[1]:
            _apply(change, draft)
        return f"<m:Items>{id_only(session.world.store.rewrite(item, draft.finish()))}</m:Items>{_CONFLICTS}"

    return update


def _check_change_key(key: str | None, item: Item, *, overwrites: bool) -> None:
    """With AutoResolve Exchange lets changes of different fields pass; this stand-in takes any as a conflict."""
    number = None if key is None else ids.read_change_key(key)
    if key is not None and number is None:
        raise ItemError("ErrorInvalidChangeKey", "The change key is invalid.")
    if overwrites:
        return
    if number is None:
        raise ItemError("ErrorChangeKeyRequiredForWriteOperations", "A change key is required.")
    if number != item.change:
        raise ItemError(
            "ErrorIrresolvableConflict",
            "The send or update operation could not be performed because the change key passed in the request does "
            "not match the current change key for the item.",
        )


def _apply(change: Element, draft: Draft) -> None:
    if change.tag == f"{T}DeleteItemField":
        _delete(change[0], draft)
        return
    given = change[1]
    if len(given) != 1:
        raise ItemError(
            "ErrorIncorrectUpdatePropertyCount", "An object within a change description must hold one property."
        )
    if not _names(change[0], given[0]):
        raise ItemError("ErrorUpdatePropertyMismatch", "The property does not match the path of the change.")
    if change.tag == f"{T}AppendToItemField":
        _append(given[0], draft)
    else:
        read_field(given[0], draft)


def _names(path: Element, child: Element) -> bool:
    if child.tag == f"{T}ExtendedProperty":
        return path.tag == f"{T}ExtendedFieldURI" and properties.key_of(path) == properties.key_of(child[0])
    return field_name(path.get("FieldURI") or "") == etree.QName(child).localname


def _delete(path: Element, draft: Draft) -> None:
    if path.tag == f"{T}ExtendedFieldURI":
        draft.content.properties.pop(properties.key_of(path), None)
        return
    field = FIELDS.get(field_name(path.get("FieldURI") or ""))
    if field is None or field.clear is None:
        raise ItemError("ErrorInvalidPropertyDelete", "Delete action is invalid for property.")
    field.clear(draft)


def _append(child: Element, draft: Draft) -> None:
    name = etree.QName(child).localname
    if name not in _APPENDABLE:
        raise ItemError("ErrorInvalidPropertyAppend", "Append action is invalid for property.")
    body, attendees = draft.content.body, draft.content.attendees
    read_field(child, draft)
    if name == "Body":
        draft.content.body = body + draft.content.body
    else:
        draft.content.attendees = attendees + tuple(one for one in draft.content.attendees if one not in attendees)


UPDATE_ITEM = Operation(parts=_parts, begin=_begin, empty="<m:Items/>", writes=True)
