"""GetFolder. Source: the GetFolder operation and CalendarFolder pages of the EWS reference."""

from collections.abc import Sequence
from typing import cast

from adapters.simulator import ids
from adapters.simulator.content import FolderName
from adapters.simulator.ews.operation import Handle, Operation
from adapters.simulator.ews.session import ROOTS, Session
from adapters.simulator.ews.soap import ItemError, M, T
from adapters.simulator.ews.xml import Element, child

_NAMES = {
    "root": "",
    "msgfolderroot": "Top of Information Store",
    "calendar": "Calendar",
    "deleteditems": "Deleted Items",
    "recoverableitemsdeletions": "Deletions",
    "recoverableitemspurges": "Purges",
}
_IN_SHAPE = {
    "IdOnly": {"FolderId"},
    "Default": {"FolderId", "DisplayName", "TotalCount", "ChildFolderCount", "UnreadCount"},
    "AllProperties": {
        "FolderId",
        "ParentFolderId",
        "FolderClass",
        "DisplayName",
        "TotalCount",
        "ChildFolderCount",
        "EffectiveRights",
        "DistinguishedFolderId",
        "UnreadCount",
    },
}


def _parts(element: Element) -> Sequence[Element]:
    return list(child(element, f"{M}FolderIds"))


def _begin(session: Session, element: Element) -> Handle:
    shape = child(element, f"{M}FolderShape")
    wanted = set(_IN_SHAPE.get(shape.findtext(f"{T}BaseShape") or "", _IN_SHAPE["Default"]))
    for path in shape.iterfind(f"{T}AdditionalProperties/*"):
        wanted.add((path.get("FieldURI") or "").removeprefix("folder:"))

    def get(part: Element) -> str:
        address, name = session.locate(part)
        if name not in _NAMES:
            raise ItemError("ErrorFolderNotFound", "The specified folder could not be found in the store.")
        session.demand(address, name, "read")
        kind = "CalendarFolder" if name == "calendar" else "Folder"
        inside = "".join(xml for field, xml in _fields(session, address, name).items() if field in wanted)
        return f"<m:Folders><t:{kind}>{inside}</t:{kind}></m:Folders>"

    return get


def _fields(session: Session, address: str, name: str) -> dict[str, str]:
    """Give every field of a folder, in the order of the schema."""
    is_root = name in ROOTS
    count = 0 if is_root else len(session.world.store.folder(address, cast(FolderName, name)).items)
    parent = "root" if is_root else "msgfolderroot"
    fields = {
        "FolderId": f'<t:FolderId Id="{ids.folder_id(address, name)}" ChangeKey="AQAAAA=="/>',
        "ParentFolderId": f'<t:ParentFolderId Id="{ids.folder_id(address, parent)}" ChangeKey="AQAAAA=="/>',
        "FolderClass": f"<t:FolderClass>{'IPF.Appointment' if name == 'calendar' else 'IPF.Note'}</t:FolderClass>",
        "DisplayName": f"<t:DisplayName>{_NAMES[name]}</t:DisplayName>",
        "TotalCount": f"<t:TotalCount>{count}</t:TotalCount>",
        "ChildFolderCount": f"<t:ChildFolderCount>{4 if is_root else 0}</t:ChildFolderCount>",
        "EffectiveRights": _rights(session, address, name),
        "DistinguishedFolderId": f"<t:DistinguishedFolderId>{name}</t:DistinguishedFolderId>",
        "UnreadCount": "<t:UnreadCount>0</t:UnreadCount>",
    }
    if name == "calendar":
        del fields["UnreadCount"]
    return fields


def _rights(session: Session, address: str, name: str) -> str:
    write = "true" if session.world.access.allows(session.principal, address, name, "write") else "false"
    return (
        f"<t:EffectiveRights><t:CreateAssociated>{write}</t:CreateAssociated>"
        f"<t:CreateContents>{write}</t:CreateContents><t:CreateHierarchy>{write}</t:CreateHierarchy>"
        f"<t:Delete>{write}</t:Delete><t:Modify>{write}</t:Modify><t:Read>true</t:Read></t:EffectiveRights>"
    )


GET_FOLDER = Operation(parts=_parts, begin=_begin)
