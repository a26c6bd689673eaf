"""What the intake tells whoever counts or keeps the story: metrics and story in the worker, nothing in most tests."""

import time
from collections.abc import Callable
from typing import Protocol

from consumers.broker.delivery import ParsedDelivery
from consumers.messages.disposition import Completed, Look, Problem
from consumers.messages.result import ResultEvent
from consumers.messages.violations import KnownMembers
from consumers.settlement.own_errors import Complaints


class Observer(Protocol):
    """Told after the fact, when the broker has it; must not raise, must not wait, and changes nothing of a delivery.

    A delivery tells what is common to all: `command` (kind, tenant, room, booking, version), `message.message_id`,
    `first_seen_at`, `look`, `notes.derived`.
    """

    def finished(self, delivery: ParsedDelivery, settled: Completed, result: ResultEvent) -> None:
        """A command ended well."""
        ...

    def deferred(self, delivery: ParsedDelivery, problem: Problem, *, wait_s: int, attempts: int) -> None:
        """A command, or a second look, was sent away for `wait_s` seconds (a tier) after so many counted attempts."""
        ...

    def failed(self, delivery: ParsedDelivery, problem: Problem, *, attempts: int) -> None:
        """A command was parked, by a worker or (`parked_by_broker`) by the broker."""
        ...

    def unreadable(self, known: KnownMembers, code: str, message_id: str | None) -> None:
        """A message that is no command was parked."""
        ...

    def look_ordered(self, delivery: ParsedDelivery, look: Look, *, wait_s: int) -> None:
        """A second look was published; the command itself is still in hand."""
        ...

    def looked(self, delivery: ParsedDelivery) -> None:
        """A second look is over."""
        ...

    def released(self, delivery: ParsedDelivery) -> None:
        """A command was given back to its queue."""
        ...


class Observers:
    """Several observers as one, told in their order. What one raises is logged, and keeps nobody from anything."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers
        self._complaints = Complaints(time.monotonic)

    def finished(self, delivery: ParsedDelivery, settled: Completed, result: ResultEvent) -> None:
        """A command ended well."""
        self._tell(lambda each: each.finished(delivery, settled, result))

    def deferred(self, delivery: ParsedDelivery, problem: Problem, *, wait_s: int, attempts: int) -> None:
        """A command, or a second look, was sent away."""
        self._tell(lambda each: each.deferred(delivery, problem, wait_s=wait_s, attempts=attempts))

    def failed(self, delivery: ParsedDelivery, problem: Problem, *, attempts: int) -> None:
        """A command was parked."""
        self._tell(lambda each: each.failed(delivery, problem, attempts=attempts))

    def unreadable(self, known: KnownMembers, code: str, message_id: str | None) -> None:
        """A message that is no command was parked."""
        self._tell(lambda each: each.unreadable(known, code, message_id))

    def look_ordered(self, delivery: ParsedDelivery, look: Look, *, wait_s: int) -> None:
        """A second look was published."""
        self._tell(lambda each: each.look_ordered(delivery, look, wait_s=wait_s))

    def looked(self, delivery: ParsedDelivery) -> None:
        """A second look is over."""
        self._tell(lambda each: each.looked(delivery))

    def released(self, delivery: ParsedDelivery) -> None:
        """A command was given back to its queue."""
        self._tell(lambda each: each.released(delivery))

    def _tell(self, tell: Callable[[Observer], None]) -> None:
        for each in self._observers:
            try:
                tell(each)
            except Exception as error:  # noqa: BLE001 - a command must not pay for what only counts or tells it
                self._complaints.tell("observer.failed", error, observer=type(each).__name__)
