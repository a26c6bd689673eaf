"""Mailboxes and attendees on the wire."""

from typing import Literal

from adapters.simulator.content import Attendee, Item
from adapters.simulator.directory import display_name
from adapters.simulator.ews.draft import Draft
from adapters.simulator.ews.field_kinds import Field, Options
from adapters.simulator.ews.soap import ItemError, T, text
from adapters.simulator.ews.xml import Element

Kind = Literal["required", "optional", "resource"]


def mailbox_xml(name: str, email: str, element: str = "t:Mailbox", kind: str = "Mailbox") -> str:
    """Write a mailbox with its name and address."""
    return f"<{element}>{address_xml(name, email, kind)}</{element}>"


def address_xml(name: str, email: str, kind: str = "Mailbox") -> str:
    """Write what stands inside a mailbox or an address."""
    return (
        f"<t:Name>{text(name)}</t:Name><t:EmailAddress>{text(email)}</t:EmailAddress>"
        f"<t:RoutingType>SMTP</t:RoutingType><t:MailboxType>{kind}</t:MailboxType>"
    )


def attendees(name: str, kind: Kind) -> Field:
    """One of the three lists of attendees; a search does not give it."""

    def write(item: Item, options: Options) -> str:
        those = [one for one in item.content.attendees if one.kind == kind]
        if not those or options.limit is not None:
            return ""
        inside = "".join(
            f"<t:Attendee>{mailbox_xml(one.name, one.email)}<t:ResponseType>Unknown</t:ResponseType></t:Attendee>"
            for one in those
        )
        return f"<t:{name}>{inside}</t:{name}>"

    def read(draft: Draft, element: Element) -> None:
        clear(draft)
        draft.content.attendees += tuple(_attendee(one, kind) for one in element)

    def clear(draft: Draft) -> None:
        draft.content.attendees = tuple(one for one in draft.content.attendees if one.kind != kind)

    return Field(write=write, read=read, clear=clear)


def _attendee(element: Element, kind: Kind) -> Attendee:
    email = element.findtext(f"{T}Mailbox/{T}EmailAddress")
    if not email:
        raise ItemError("ErrorInvalidRecipients", "At least one recipient isn't valid.")
    return Attendee(element.findtext(f"{T}Mailbox/{T}Name") or display_name(email), email, kind)
