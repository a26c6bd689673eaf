"""A raw SOAP client, so that the simulator is not only tested with a library that forgives."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from ssl import create_default_context
from xml.sax.saxutils import escape, quoteattr

import aiohttp
from lxml import etree

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
TYPES = "http://schemas.microsoft.com/exchange/services/2006/types"
MESSAGES = "http://schemas.microsoft.com/exchange/services/2006/messages"
ERRORS = "http://schemas.microsoft.com/exchange/services/2006/errors"
NS = {"s": SOAP, "t": TYPES, "m": MESSAGES, "e": ERRORS}

ACCOUNT, PASSWORD, ROOM = "svc-rooms@acme.example", "correct horse", "board@acme.example"
SET = "19073e5e-9dac-4173-937f-aea45b36be2c"
BOOKING = f'<t:ExtendedFieldURI PropertySetId="{SET}" PropertyName="roomsync.booking" PropertyType="String"/>'
CALENDAR = '<t:DistinguishedFolderId Id="calendar"/>'


@dataclass(frozen=True)
class Reply:
    """An answer, with the questions that tests ask of it."""

    status: int
    headers: dict[str, str]
    body: bytes

    def all(self, path: str) -> list[etree._Element]:
        return etree.fromstring(self.body).findall(f".//{path}", NS)

    @property
    def codes(self) -> list[str]:
        """The response codes of the items, in order."""
        return [found.text or "" for found in self.all("m:ResponseCode")]

    @property
    def fault(self) -> str:
        """The response code in a SOAP fault's detail."""
        return "".join(found.text or "" for found in self.all("detail/e:ResponseCode"))

    @property
    def ids(self) -> list[str]:
        return [str(found.get("Id")) for found in self.all("t:CalendarItem/t:ItemId")]

    @property
    def change_keys(self) -> list[str]:
        return [str(found.get("ChangeKey")) for found in self.all("t:CalendarItem/t:ItemId")]

    def texts(self, path: str) -> list[str]:
        return [found.text or "" for found in self.all(path)]

    def values(self) -> dict[str, str]:
        """The named values in MessageXml."""
        return {str(found.get("Name")): found.text or "" for found in self.all("t:Value[@Name]")}


class SoapClient:
    """Posts operations to one server, impersonating a room unless told otherwise."""

    def __init__(self, url: str, ca_file: Path) -> None:
        self._url = url
        context = create_default_context(cafile=str(ca_file)) if url.startswith("https") else None
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context or True))

    async def post(
        self,
        operation: str,
        *,
        room: str | None = ROOM,
        zone: str | None = None,
        account: str = ACCOUNT,
        password: str = PASSWORD,
    ) -> Reply:
        headers = {
            "Content-Type": "text/xml; charset=utf-8",
            "Authorization": aiohttp.encode_basic_auth(account, password),
        }
        async with self._session.post(self._url, data=envelope(operation, room, zone), headers=headers) as response:
            return Reply(response.status, dict(response.headers), await response.read())

    async def create(self, *items: str, room: str | None = ROOM, zone: str | None = None) -> Reply:
        return await self.post(create_item(*items), room=room, zone=zone)

    async def close(self) -> None:
        await self._session.close()


def envelope(operation: str, room: str | None, zone: str | None = None) -> bytes:
    who = (
        f"<t:ExchangeImpersonation><t:ConnectingSID><t:PrimarySmtpAddress>{escape(room)}</t:PrimarySmtpAddress>"
        "</t:ConnectingSID></t:ExchangeImpersonation>"
        if room
        else ""
    )
    context = f"<t:TimeZoneContext><t:TimeZoneDefinition Id={quoteattr(zone)}/></t:TimeZoneContext>" if zone else ""
    return (
        f'<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="{SOAP}" xmlns:m="{MESSAGES}" xmlns:t="{TYPES}">'
        f'<s:Header><t:RequestServerVersion Version="Exchange2016"/>{who}{context}</s:Header>'
        f"<s:Body>{operation}</s:Body></s:Envelope>"
    ).encode()


def an_item(
    *,
    booking: str | None = None,
    subject: str = "Design review",
    before_times: str = "",
    start: str = "2026-12-01T09:00:00Z",
    end: str = "2026-12-01T10:00:00Z",
    after_times: str = "",
) -> str:
    """A CalendarItem; `before_times` goes where extended properties may be, `after_times` where all-day may be."""
    mark = f"<t:ExtendedProperty>{BOOKING}<t:Value>{escape(booking)}</t:Value></t:ExtendedProperty>" if booking else ""
    return (
        f"<t:CalendarItem><t:Subject>{escape(subject)}</t:Subject>{before_times}{mark}"
        f"<t:Start>{start}</t:Start><t:End>{end}</t:End>{after_times}</t:CalendarItem>"
    )


def create_item(*items: str, send: str | None = "SendToNone", folder: str = CALENDAR) -> str:
    attribute = f' SendMeetingInvitations="{send}"' if send else ""
    return (
        f"<m:CreateItem{attribute}><m:SavedItemFolderId>{folder}</m:SavedItemFolderId>"
        f"<m:Items>{''.join(items)}</m:Items></m:CreateItem>"
    )


def item_id(item: str, change_key: str | None = None) -> str:
    key = f' ChangeKey="{change_key}"' if change_key else ""
    return f"<t:ItemId Id={quoteattr(item)}{key}/>"


def set_field(uri: str, content: str) -> str:
    return f"<t:SetItemField>{uri}<t:CalendarItem>{content}</t:CalendarItem></t:SetItemField>"


def field(uri: str) -> str:
    return f'<t:FieldURI FieldURI="{uri}"/>'


def set_subject(subject: str) -> str:
    return set_field(field("item:Subject"), f"<t:Subject>{escape(subject)}</t:Subject>")


def update_item(*changes: tuple[str, str], resolution: str = "AlwaysOverwrite", send: str | None = "SendToNone") -> str:
    """`changes`: an ItemId element and its updates, for each item."""
    attribute = f' SendMeetingInvitationsOrCancellations="{send}"' if send else ""
    inside = "".join(f"<t:ItemChange>{one}<t:Updates>{updates}</t:Updates></t:ItemChange>" for one, updates in changes)
    return (
        f'<m:UpdateItem ConflictResolution="{resolution}"{attribute}><m:ItemChanges>{inside}</m:ItemChanges>'
        "</m:UpdateItem>"
    )


def delete_item(*items: str, kind: str = "MoveToDeletedItems", send: str | None = "SendToNone") -> str:
    attribute = f' SendMeetingCancellations="{send}"' if send else ""
    ids = "".join(item_id(one) for one in items)
    return f'<m:DeleteItem DeleteType="{kind}"{attribute}><m:ItemIds>{ids}</m:ItemIds></m:DeleteItem>'


def get_item(*items: str, shape: str = "AllProperties", more: str = "") -> str:
    ids = "".join(item_id(one) for one in items)
    return (
        f"<m:GetItem><m:ItemShape><t:BaseShape>{shape}</t:BaseShape>{more}</m:ItemShape>"
        f"<m:ItemIds>{ids}</m:ItemIds></m:GetItem>"
    )


def find_item(
    restriction: str = "",
    *,
    folders: Iterable[str] = (CALENDAR,),
    properties: str = BOOKING,
    view: str = '<m:IndexedPageItemView MaxEntriesReturned="1000" Offset="0" BasePoint="Beginning"/>',
    sort: str = "",
) -> str:
    more = f"<t:AdditionalProperties>{properties}</t:AdditionalProperties>" if properties else ""
    condition = f"<m:Restriction>{restriction}</m:Restriction>" if restriction else ""
    order = f"<m:SortOrder>{sort}</m:SortOrder>" if sort else ""
    return (
        f'<m:FindItem Traversal="Shallow"><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape>{more}</m:ItemShape>{view}'
        f"{condition}{order}<m:ParentFolderIds>{''.join(folders)}</m:ParentFolderIds></m:FindItem>"
    )


def comparison(kind: str, value: str, path: str = BOOKING) -> str:
    constant = f"<t:FieldURIOrConstant><t:Constant Value={quoteattr(value)}/></t:FieldURIOrConstant>"
    return f"<t:{kind}>{path}{constant}</t:{kind}>"
