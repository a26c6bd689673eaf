"""What the intake tells whoever counts or keeps the story: metrics and story in the worker, nothing in most tests."""

from typing import Protocol

from consumers.bookings.complaints import KnownMembers
from consumers.bookings.result import ResultEvent
from consumers.bookings.verdict import Look, Problem, Settled
from consumers.intake.deliveries import Delivery


class Observer(Protocol):
    """Told after the fact, when the broker has it; must not raise, must not wait, and changes nothing of a delivery.

    A delivery tells what is common to all: `command` (kind, tenant, room, booking, version), `message.message_id`,
    `first_seen_at`, `look`, `notes.derived`.
    """

    def finished(self, delivery: Delivery, settled: Settled, result: ResultEvent) -> None:
        """A command ended well."""
        ...

    def deferred(self, delivery: Delivery, problem: Problem, *, wait_s: int, attempts: int) -> None:
        """A command, or a second look, was sent away for `wait_s` seconds (a tier) after so many counted attempts."""
        ...

    def failed(self, delivery: Delivery, problem: Problem, *, attempts: int) -> None:
        """A command was parked, by a worker or (`parked_by_broker`) by the broker."""
        ...

    def unreadable(self, known: KnownMembers, code: str, message_id: str | None) -> None:
        """A message that is no command was parked."""
        ...

    def look_ordered(self, delivery: Delivery, look: Look, *, wait_s: int) -> None:
        """A second look was published; the command itself is still in hand."""
        ...

    def looked(self, delivery: Delivery) -> None:
        """A second look is over."""
        ...

    def released(self, delivery: Delivery) -> None:
        """A command was given back to its queue."""
        ...


class Observers:
    """Several observers as one, told in their order."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def finished(self, delivery: Delivery, settled: Settled, result: ResultEvent) -> None:
        """A command ended well."""
        for each in self._observers:
            each.finished(delivery, settled, result)

    def deferred(self, delivery: Delivery, problem: Problem, *, wait_s: int, attempts: int) -> None:
        """A command, or a second look, was sent away."""
        for each in self._observers:
            each.deferred(delivery, problem, wait_s=wait_s, attempts=attempts)

    def failed(self, delivery: Delivery, problem: Problem, *, attempts: int) -> None:
        """A command was parked."""
        for each in self._observers:
            each.failed(delivery, problem, attempts=attempts)

    def unreadable(self, known: KnownMembers, code: str, message_id: str | None) -> None:
        """A message that is no command was parked."""
        for each in self._observers:
            each.unreadable(known, code, message_id)

    def look_ordered(self, delivery: Delivery, look: Look, *, wait_s: int) -> None:
        """A second look was published."""
        for each in self._observers:
            each.look_ordered(delivery, look, wait_s=wait_s)

    def looked(self, delivery: Delivery) -> None:
        """A second look is over."""
        for each in self._observers:
            each.looked(delivery)

    def released(self, delivery: Delivery) -> None:
        """A command was given back to its queue."""
        for each in self._observers:
            each.released(delivery)
