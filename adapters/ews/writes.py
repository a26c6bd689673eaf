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
from adapters.ews.zones import UTC_ID, Zones


class Batch:
    """Operations of one kind, to be sent and read once."""

    def __init__(
        self, tenant: TenantName, operations: Sequence[Operation], zones: Zones, *, whole_tenant: bool
    ) -> None:
        self._tenant = tenant
        self._operations = operations
        self._zones = zones
        self._zone_ids = [
            None if isinstance(each, Remove) else zones.id_of(each.event.time_zone) for each in operations
        ]
        self._whole_tenant = whole_tenant

    def request(self, mailbox: Mailbox) -> Element:
        """The request for all of them."""
        written = [
            self._element(each, zone_id)
            for each, zone_id in zip(self._operations, self._zone_ids, strict=True)
            if not isinstance(each, Remove)
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

    def _element(self, write: Create | Update, zone_id: str | None) -> Element:
        event = write.event
        if zone_id is None:
            # In UTC Exchange would stretch an all-day event to other midnights: the instants hold, the flag does not.
            event, zone_id = replace(event, all_day=False), UTC_ID
        if isinstance(write, Create):
            return calendar_item(self._tenant, write.mark, event, zone_id)
        return item_change(write.ref.item_id, self._tenant, write.mark, event, zone_id)

    def _outcome(self, index: int, message: Part) -> Outcome:
        operation, zone_id = self._operations[index], self._zone_ids[index]
        complaint = answers.complaint(message)
        if complaint is None:
            return self._done(operation, zone_id, message)
        if complaint.code in GONE and not isinstance(operation, Create):
            return Gone()
        if complaint.code in ZONE_UNKNOWN and zone_id not in (None, UTC_ID):
            # Not applied; the next time it is written in UTC, with a warning.
            self._zones.forget(zone_id)
            return Transient("server_error", detail=complaint.code)
        return error_of(complaint, is_write=True, whole_tenant=self._whole_tenant)

    def _done(self, operation: Operation, zone_id: str | None, message: Part) -> Outcome:
        if isinstance(operation, Remove):
            return Done()
        ref = answers.written_ref(message)
        if ref is None:
            return Unknown(detail="no item id in the answer")
        return Done(ref=ref, warnings=() if zone_id else ("time_zone_as_utc",))
