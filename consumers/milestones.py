"""The points between taking a command and acknowledging it, at each of which a worker may die and nothing may go wrong.

The kill matrix (tests/kill) ends a worker at each of them, tracing draws its spans from them, and the
scheduler takes `CLAIMED` for the moment from which a small batch no longer needs the right of way.
"""

from collections.abc import Callable
from enum import StrEnum, auto

import structlog

from adapters.ledger import BookingKey

log = structlog.get_logger(__name__)


class Milestone(StrEnum):
    """What has just been done, or with `BEFORE_ACK` everything but the acknowledgement."""

    PARSED = auto()
    TAKEN = auto()
    """It is its room's turn."""
    PLANNED = auto()
    LOOKED = auto()
    """Exchange told what is there; nothing was recorded yet."""
    CLAIMED = auto()
    """The claim is in the ledger; nothing was sent to Exchange yet."""
    REPLIED = auto()
    """Exchange answered a write, or the wait for its answer is over; the ledger does not know."""
    COMMITTED = auto()
    """The outcome is in the ledger."""
    REMOVAL_PUBLISHED = auto()
    """Of a move: the removal for the room it left."""
    LOOK_PUBLISHED = auto()
    """A second look, before somebody's expired claim is taken over."""
    RESULT_PUBLISHED = auto()
    DEFERRED = auto()
    PARKED = auto()
    BEFORE_ACK = auto()


OnMilestone = Callable[[Milestone, BookingKey], None]
"""Told of each milestone of each booking the moment it is passed; must not raise and must not wait."""


def ignore(_milestone: Milestone, _key: BookingKey) -> None:
    """Takes no notice."""


def unfailing(reached: OnMilestone) -> OnMilestone:
    """The same, but what it raises goes no further: it must not keep a command from its settlement. Logged once."""
    if reached is ignore:
        return ignore
    is_told = False

    def tell(milestone: Milestone, key: BookingKey) -> None:
        nonlocal is_told
        try:
            reached(milestone, key)
        except Exception as error:  # noqa: BLE001 - see above
            if not is_told:
                log.warning("milestone.untold", milestone=milestone, error=type(error).__name__)
            is_told = True

    return tell
