"""What is no command, or could never be read as one: parked with its bytes unchanged, and told by a result."""

from functools import partial

import structlog
from aiormq.abc import FieldTable

from consumers.broker.delivery import Delivery
from consumers.broker.headers import copy_of, derived_removal, instant_text
from consumers.broker.incoming_message import IncomingMessage, shown_id
from consumers.broker.session import Session
from consumers.messages.command import removal_of
from consumers.messages.violations import BadMessage, Violation
from consumers.settlement.guard import Guard
from consumers.settlement.observer import Observers
from consumers.settlement.results import result_of_unreadable
from consumers.sync.room import Clocks

log = structlog.get_logger(__name__)

INTERNAL_ERROR = BadMessage((Violation.of("internal_error"),))
"""What is said of a message that errors of ours met so often that it is put aside, when nothing of it was read."""


class UnreadableMessages:
    """The part of a settler that needs no command."""

    def __init__(self, clocks: Clocks, observer: Observers, guard: Guard) -> None:
        self._clocks = clocks
        self._observer = observer
        self._guard = guard

    async def park_unreadable(self, message: IncomingMessage, session: Session, bad: BadMessage) -> None:
        """Park what is no command, its bytes unchanged, with the reason."""
        last = partial(self._park_unreadable, message, session, INTERNAL_ERROR)
        await self._guard.over(message, self._park_unreadable(message, session, bad), last=last)

    async def unread(
        self, message: IncomingMessage, session: Session, error: Exception, held: Delivery | None = None
    ) -> None:
        """Park what is no command; what met an error of ours before anybody could settle it rests and comes again."""
        if isinstance(error, BadMessage):
            await self.park_unreadable(message, session, error)
            return
        last = partial(self._park_unreadable, message, session, INTERNAL_ERROR)
        self._guard.met(message, error, held=held, last=last)

    async def unreported(self, message: IncomingMessage, session: Session, error: Exception) -> None:
        """The same for a copy of what the broker parked: it is reported, never parked again."""
        if isinstance(error, BadMessage):
            await self.report_unreadable(message, session, error)
            return
        self._guard.met(message, error, last=partial(self._report_defect, message, session))

    async def report_unreadable(self, message: IncomingMessage, session: Session, bad: BadMessage) -> None:
        """The same for what is no command."""
        last = partial(self._report_defect, message, session)
        await self._guard.over(message, self._report_unreadable(message, session, bad), last=last)

    async def drop_copy(self, message: IncomingMessage, session: Session) -> None:
        """Acknowledge the copy of a message that was parked and reported by a worker."""
        await self._guard.over(message, message.ack())

    async def _park_unreadable(self, message: IncomingMessage, session: Session, bad: BadMessage) -> None:
        known = bad.known
        notes: FieldTable = {
            "error_code": bad.first.code,
            "error_message": str(bad),
            "failed_at": instant_text(self._clocks.now()),
            "tenant": known.tenant,
            "room": known.room,
            "booking_id": known.booking_id,
            "version": known.version,
        }
        await session.to_failed(copy_of(message, **notes), message.routing_key or "")
        await self._report_unreadable(message, session, bad)

    async def _report_defect(self, message: IncomingMessage, session: Session) -> None:
        await self._report_unreadable(message, session, INTERNAL_ERROR)

    async def _report_unreadable(self, message: IncomingMessage, session: Session, bad: BadMessage) -> None:
        known = bad.known
        removal = removal_of(known)
        if removal is not None and known.previous_room is not None:
            await session.to_commands(derived_removal(removal, message.message_id), known.previous_room)
        await session.result(result_of_unreadable(message, bad, at=self._clocks.now()))
        await message.ack()
        self._observer.unreadable(known, bad.first.code, message.message_id)
        message_id = shown_id(message.message_id)
        log.warning("message.parked", code=bad.first.code, why=bad.first.message, message_id=message_id)
