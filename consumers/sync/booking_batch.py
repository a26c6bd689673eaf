"""The bookings of one batch: each with its commands, the newest in front, and what that one would write."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from adapters.calendar import BookingId, RoomEvent
from adapters.errors import CalendarError
from adapters.ledger import LedgerRow
from consumers.messages.command import BookingCommand
from consumers.messages.disposition import SyncRequest
from consumers.messages.violations import Remark
from consumers.sync.render import digest_of_written, render


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A command's event as it would be written; `digest` is None for a removal."""

    event: RoomEvent | None = None
    remarks: tuple[Remark, ...] = ()
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """What the ledger knew of a booking when its batch began; `row` is None where it knew nothing."""

    row: LedgerRow | None


@dataclass(slots=True, kw_only=True)
class BookingWork:
    """A booking and its commands that nothing is decided about yet, in falling order of version."""

    booking_id: BookingId
    requests: list[SyncRequest]
    subject_template: str
    alone: bool = False
    """Its request holds nothing else: it was in a request that was refused as a whole, or came back too often."""
    error: CalendarError | None = None
    """What it waits for, within this run."""
    read: Read | None = None
    """Serves the first round, and no other."""
    _rendered: tuple[BookingCommand, Rendered] | None = field(default=None)

    @property
    def command(self) -> BookingCommand:
        """The command whose turn it is: the newest that was not refused."""
        return self.requests[0].command

    @property
    def rendered(self) -> Rendered:
        """What the command would write; made once."""
        if self._rendered is None or self._rendered[0] is not self.command:
            self._rendered = (self.command, _render(self.command, self.subject_template))
        return self._rendered[1]

    def same_version(self) -> list[SyncRequest]:
        """The commands that share the fate of the one whose turn it is: equal version, equal content."""
        key = (self.command.version, self.command.digest)
        return [request for request in self.requests if (request.command.version, request.command.digest) == key]

    def take(self, requests: Sequence[SyncRequest]) -> list[SyncRequest]:
        """Take commands out that are decided now."""
        taken = {id(request) for request in requests}
        self.requests = [request for request in self.requests if id(request) not in taken]
        return list(requests)

    def take_all(self) -> list[SyncRequest]:
        """Take all that are left."""
        requests, self.requests = self.requests, []
        return requests


def _render(command: BookingCommand, subject_template: str) -> Rendered:
    if command.event is None:
        return Rendered()
    event, remarks = render(command.event, subject_template)
    return Rendered(event=event, remarks=remarks, digest=digest_of_written(event))


def by_booking(requests: Iterable[SyncRequest], subject_template: str) -> list[BookingWork]:
    """Sort the commands of a room by booking; within one, the highest version first, equal ones as they came."""
    bookings: dict[BookingId, list[SyncRequest]] = {}
    for request in requests:
        bookings.setdefault(request.command.booking_id, []).append(request)
    return [
        BookingWork(
            booking_id=booking,
            requests=sorted(waiting, key=lambda request: -request.command.version),
            subject_template=subject_template,
        )
        for booking, waiting in bookings.items()
    ]
