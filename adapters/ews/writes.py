"""One kind of operation as one EWS request, and one outcome for each item of its answer."""

from collections.abc import Sequence
from dataclasses import replace

from adapters.calendar import Create, Done, Gone, Operation, Outcome, Remove, TenantName, Update
from adapters.errors import CalendarError, Refused, Transient, Unknown
from adapters.ews import answers
from adapters.ews.answers import Part
from adapters.ews.items import calendar_item, item_change
from adapters.ews.names import Element
from adapters.ews.queries import Mailbox, create_items, delete_items, update_items
from adapters.ews.response_codes import GONE, ZONE_UNKNOWN
from adapters.ews.translate import error_of
from adapters.ews.xml_text import Unreadable
from adapters.exchange.zones import UTC_ID, Kept, Zones


class Batch:
    """Operations of one kind, to be sent and read once."""

    def __init__(
        self, tenant: TenantName, operations: Sequence[Operation], zones: Zones, *, whole_tenant: bool
    ) -> None:
        self._tenant = tenant
        self._operations = operations
        self._zones = zones
        self._kept = [None if isinstance(each, Remove) else zones.kept(each.event) for each in operations]
        self._whole_tenant = whole_tenant

    def request(self, mailbox: Mailbox) -> Element:
        """The request for all of them."""
        written = [
            self._element(each, kept)
            for each, kept in zip(self._operations, self._kept, strict=True)
            if not isinstance(each, Remove) and kept is not None
        ]
        if isinstance(self._operations[0], Create):
            return create_items(mailbox, written)
        if written:
            return update_items(written)
        return delete_items(each.ref.item_id for each in self._operations if isinstance(each, Remove))

    def outcomes(self, messages: list[Part]) -> list[Outcome]:
        """One outcome for each operation, from the response messages in the same order.

        Raises:
            Unreadable: messages are missing, so none can be told from another.
        """
        if len(messages) != len(self._operations):
            raise Unreadable(f"{len(messages)} answers for {len(self._operations)} items")
        return [self._outcome(index, message) for index, message in enumerate(messages)]

    def outcomes_of_failure(self, error: CalendarError) -> list[Outcome]:
        """The outcomes when an error covers the whole request; if it held several items it is a verdict on none."""
        outcome: Outcome = error
        if isinstance(error, Refused) and len(self._operations) > 1:
            outcome = Refused(error.code, detail=error.detail, whole_request=True)
        elif isinstance(error, Refused) and error.detail in GONE and not isinstance(self._operations[0], Create):
            outcome = Gone()
        return [outcome] * len(self._operations)

    def _element(self, write: Create | Update, kept: Kept) -> Element:
        event = write.event
        if event.all_day != kept.all_day:
            # In that zone Exchange would stretch it to other midnights: the instants hold, the flag does not.
            event = replace(event, all_day=kept.all_day)
        zone_id = kept.zone_id or UTC_ID
        if isinstance(write, Create):
            return calendar_item(self._tenant, write.mark, event, zone_id)
        return item_change(write.ref.item_id, self._tenant, write.mark, event, zone_id)

    def _outcome(self, index: int, message: Part) -> Outcome:
        operation, kept = self._operations[index], self._kept[index]
        complaint = answers.complaint(message)
        if complaint is None:
            return _done(message, kept)
        if complaint.code in GONE and not isinstance(operation, Create):
            return Gone()
        if complaint.code in ZONE_UNKNOWN and kept and kept.zone_id not in (None, UTC_ID):
            # Not applied; the next time it is written in UTC or another zone, with a warning.
            self._zones.forget(kept.zone_id)
            return Transient("server_error", detail=complaint.code)
        return error_of(complaint, is_write=True, whole_tenant=self._whole_tenant)


def _done(message: Part, kept: Kept | None) -> Outcome:
    if kept is None:
        return Done()
    ref = answers.written_ref(message)
    return Unknown(detail="ItemId is missing") if ref is None else Done(ref=ref, warnings=kept.warnings)
