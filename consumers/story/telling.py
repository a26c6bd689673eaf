"""Notes what becomes of commands in the bookings' stories: an observer of the intake."""

from collections.abc import Callable
from datetime import datetime

from adapters.calendar import BookingId, RoomAddress, TenantName
from adapters.ledger import BookingKey
from adapters.story import Entry, Note, What
from consumers.broker.delivery import ParsedDelivery
from consumers.messages.codes import code_of
from consumers.messages.disposition import Completed, Effect, Finished, Look, Problem
from consumers.messages.result import ResultEvent
from consumers.messages.violations import KnownMembers

_EFFECTS = {Effect.CREATED: What.CREATED, Effect.CHANGED: What.CHANGED, Effect.REMOVED: What.REMOVED}
_WITHOUT_EFFECT = {
    Finished.SYNCED: What.UNCHANGED,
    Finished.REMOVED: What.NOT_THERE,
    Finished.SUPERSEDED: What.SUPERSEDED,
}


class Storyteller:
    """An `Observer` that notes one entry for each verdict. `now`: zone-aware."""

    def __init__(self, note: Note, now: Callable[[], datetime]) -> None:
        self._note = note
        self._now = now

    def finished(self, delivery: ParsedDelivery, settled: Completed, result: ResultEvent) -> None:
        """A command ended well."""
        what = _WITHOUT_EFFECT[settled.outcome] if settled.effect is None else _EFFECTS[settled.effect]
        self._tell(delivery, what, attempt=delivery.notes.attempts + 1)

    def deferred(self, delivery: ParsedDelivery, problem: Problem, *, wait_s: int, attempts: int) -> None:
        """A command was sent away, or a look was postponed."""
        if delivery.look is None:
            self._tell(delivery, What.DEFERRED, problem=problem, wait_s=wait_s, attempt=attempts)
        elif delivery.look == "booking":
            self._tell(delivery, What.LOOK_ORDERED, problem=problem, wait_s=wait_s)

    def failed(self, delivery: ParsedDelivery, problem: Problem, *, attempts: int) -> None:
        """A command was parked."""
        self._tell(delivery, What.PARKED, problem=problem, attempt=attempts)

    def unreadable(self, known: KnownMembers, code: str, message_id: str | None) -> None:
        """A message that is no command was parked; without a booking it belongs to no story."""
        if known.booking_id is None:
            return
        key = BookingKey(
            tenant=known.tenant or TenantName(""),
            room=known.room or RoomAddress(""),
            booking_id=BookingId(known.booking_id),
        )
        entry = Entry(
            key=key,
            at=self._now(),
            what=What.PARKED,
            version=known.version,
            command=known.command,
            code=code,
            message_id=message_id,
        )
        self._note(entry)

    def look_ordered(self, delivery: ParsedDelivery, look: Look, *, wait_s: int) -> None:
        """A second look was published. A look at the whole room is nothing of this booking's."""
        if look == "booking":
            self._tell(delivery, What.LOOK_ORDERED, wait_s=wait_s)

    def looked(self, delivery: ParsedDelivery) -> None:
        """A second look is over."""
        if delivery.look == "booking":
            self._tell(delivery, What.LOOKED)

    def released(self, delivery: ParsedDelivery) -> None:
        """A command was given back to its queue."""
        if delivery.look is None:
            self._tell(delivery, What.RELEASED)

    def _tell(
        self,
        delivery: ParsedDelivery,
        what: What,
        *,
        problem: Problem | None = None,
        wait_s: int | None = None,
        attempt: int | None = None,
    ) -> None:
        command = delivery.command
        entry = Entry(
            key=command.key,
            at=self._now(),
            what=what,
            version=command.version,
            command=command.kind.value,
            code=problem.code if problem else None,
            detail=_beyond_the_code(problem) if problem else None,
            wait_s=wait_s,
            attempt=attempt,
            message_id=delivery.message.message_id,
        )
        self._note(entry)


def _beyond_the_code(problem: Problem) -> str | None:
    """What Exchange itself said, or None where the code's own sentence is all there is."""
    return None if problem.message == code_of(problem.code).sentence else problem.message
