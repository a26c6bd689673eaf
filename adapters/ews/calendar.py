"""One tenant's room calendars over EWS: what the port promises, in as few requests as EWS allows."""

from collections.abc import Collection, Iterable, Sequence

from adapters.calendar import (
    BookingId,
    FoundEvent,
    ItemRef,
    Operation,
    Outcome,
    RoomAddress,
    RoomEvent,
    RoomReading,
    RoomScan,
    StoredFields,
)
from adapters.errors import CalendarError, Misconfigured, Refused, Throttled, Transient
from adapters.ews.client import Exchange
from adapters.ews.full_read import Reading, as_stored
from adapters.ews.reads import marked
from adapters.ews.settings import EwsSettings
from adapters.ews.writes import Batch
from adapters.exchange.marks import MarkedItem, Marks, booking_mark
from adapters.exchange.zones import Zones

_MARKS_PER_SEARCH = 200
"""A restriction may hold 255 nodes."""


class EwsCalendar:
    """A `RoomCalendar` over EWS. Never retries: each request is posted once, and what is in doubt is `Unknown`."""

    backend = "ews"

    def __init__(self, settings: EwsSettings) -> None:
        self._tenant = settings.tenant
        self._exchange = Exchange(settings)
        self._zones = Zones()
        self._marks = Marks(settings.tenant)

    async def apply(self, room: RoomAddress, operations: Sequence[Operation]) -> list[Outcome]:
        """As `RoomCalendar.apply`. All its requests together end within `request_timeout_s` and a second.

        Once Exchange asks to wait, is misconfigured or out of reach, the kinds that are left share that outcome unsent.
        """
        deadline = self._exchange.deadline()
        outcomes: dict[int, Outcome] = {}
        for kind in dict.fromkeys(type(operation) for operation in operations):
            chosen = {i: operation for i, operation in enumerate(operations) if type(operation) is kind}
            end = next((outcome for outcome in outcomes.values() if _ends(outcome)), None)
            results = [end] * len(chosen) if end else await self._write(room, list(chosen.values()), deadline)
            outcomes.update(zip(chosen, results, strict=True))
        return [outcomes[i] for i in range(len(operations))]

    async def find(self, room: RoomAddress, bookings: Collection[BookingId]) -> list[FoundEvent]:
        """As `RoomCalendar.find`; more than 200 bookings take a request for each 200."""
        wanted = sorted(set(bookings))
        found: dict[str, FoundEvent] = {}
        for first in range(0, len(wanted), _MARKS_PER_SEARCH):
            marks = [booking_mark(self._tenant, each) for each in wanted[first : first + _MARKS_PER_SEARCH]]
            (calendar,) = await marked(self._exchange, room, ["calendar"], marks).all_items()
            found |= {event.ref.item_id: event for event in self._ours(room, calendar)}
        return [event for event in found.values() if event.mark.booking_id in wanted]

    async def scan(self, room: RoomAddress) -> RoomScan:
        """As `RoomCalendar.scan`."""
        calendar, trash = await self._calendar_and_trash(room)
        events = self._ours(room, calendar)
        if isinstance(trash, Refused) and trash.code == "rights_missing":
            trash = []
        return RoomScan(events=tuple(events), trashed=tuple(event.mark for event in self._ours(room, trash)))

    async def read(self, room: RoomAddress, unchanged: Collection[ItemRef]) -> RoomReading:
        """As `RoomCalendar.read`; bodies take a request for each ten."""
        return await Reading(self._exchange, self._marks, room).read(unchanged)

    def as_stored(self, event: RoomEvent) -> StoredFields:
        """As `RoomCalendar.as_stored`."""
        return as_stored(event, self._zones.kept(event))

    async def close(self) -> None:
        """As `RoomCalendar.close`."""
        await self._exchange.close()

    async def _write(self, room: RoomAddress, operations: Sequence[Operation], deadline: float) -> list[Outcome]:
        batch = Batch(self._tenant, operations, self._zones, whole_tenant=self._exchange.is_delegate)
        try:
            return await self._exchange.ask(room, batch.request, batch.outcomes, is_write=True, deadline=deadline)
        except CalendarError as error:
            return batch.outcomes_of_failure(error)

    async def _calendar_and_trash(self, room: RoomAddress) -> list[list[MarkedItem] | CalendarError]:
        try:
            return await marked(self._exchange, room, ["calendar", "deleteditems"]).all_items()
        except Refused as refused:
            if refused.code != "rights_missing" or not self._exchange.is_delegate:
                raise
            # A server may refuse both folders for the sake of the one that the account has no rights on.
            return [*await marked(self._exchange, room, ["calendar"]).all_items(), refused]

    def _ours(self, room: RoomAddress, items: Iterable[MarkedItem] | CalendarError) -> list[FoundEvent]:
        """Those with this tenant's mark. Raises `CalendarError` where the folder could not be read."""
        if isinstance(items, CalendarError):
            raise items
        events = (self._marks.ours(room, item) for item in items)
        return [event for event in events if event is not None]


def _ends(outcome: Outcome) -> bool:
    """Whether nothing more may be asked of this room just now."""
    unreachable = isinstance(outcome, Transient) and outcome.code == "unreachable"
    return unreachable or isinstance(outcome, Throttled | Misconfigured)
