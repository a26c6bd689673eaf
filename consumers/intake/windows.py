"""The prefetch windows of the partitions: what is in hand of each, so that rooms that wait hide none behind them.

The broker hands out no more of a partition than its window holds, in the order of the queue.
"""

from dataclasses import dataclass

PREFETCH = 2000
"""Deliveries in hand for each partition: wide enough that a room with a backlog seldom hides another one behind it, and
that what waits for one of thousands of rooms is found together; about 5 KiB each."""
CROWDED = 1200
"""From here on room is made: what stands still goes away before the window is full."""
STANDING_STILL_S = 10.0
"""A room that has left requests unanswered for so long, or is going to be paused for so long, stands still."""
KEPT = 40
"""What a lane that stands still may keep waiting in a crowded window: two batches, to go on with at once."""
CROWDED_HOLD_S = 5.0
"""How long a batch is held in a crowded window when Exchange asks to wait."""
RELIEVE_EVERY_S = 1.0


@dataclass(slots=True, eq=False)
class Window:
    """What is in hand of one partition: deliveries that wait, bookings that are being worked on."""

    waiting_count: int = 0
    running_count: int = 0
    is_watched: bool = False
    """Somebody looks at it again in a moment."""

    @property
    def is_crowded(self) -> bool:
        """Whether room has to be made."""
        return self.waiting_count + self.running_count >= CROWDED

    def share(self, lanes: int) -> int:
        """What each of so many lanes that stand still may keep waiting."""
        return max(1, min(KEPT, (CROWDED // 2) // max(1, lanes)))
