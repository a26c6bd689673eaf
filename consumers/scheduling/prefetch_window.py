"""The prefetch windows of the partitions: what is in hand of each, so that rooms that wait hide none behind them.

The broker hands out no more of a partition than its window holds, in the order of the queue.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from consumers.broker.delivery import RawDelivery
from consumers.broker.properties import Properties

PREFETCH = 12_000
"""Messages in hand for each partition: wide enough that a room with a backlog of ten thousand hides no other one behind
it, and that what waits for one of thousands of rooms is found together; about 2 KiB each."""
CROWDED = 7_000
"""From here on room is made: what stands still goes away before the window is full."""
HEAVY_BYTES = 24 * 1024 * 1024
"""From here on room is made, too, of whatever waits: for each partition, so that a worker's memory has an end."""
STANDING_STILL_S = 10.0
"""A room that has left requests unanswered for so long, or is going to be paused for so long, stands still."""
KEPT = 40
"""What a lane that stands still may keep waiting in a crowded window: two batches, to go on with at once."""
CROWDED_HOLD_S = 5.0
"""How long a batch is held in a crowded window when Exchange asks to wait."""
HEAVY_AWAY_S = 60.0
"""How long messages stay away for whose bytes there is no room."""
RELIEVE_EVERY_S = 1.0


@dataclass(slots=True, eq=False)
class PrefetchWindow:
    """What is in hand of one partition: messages that wait, with their bytes, and those that are being worked on."""

    waiting_count: int = 0
    waiting_bytes: int = 0
    running_count: int = 0
    is_watched: bool = False
    """Somebody looks at it again in a moment."""

    @property
    def is_crowded(self) -> bool:
        """Whether room has to be made."""
        return self.waiting_count + self.running_count >= CROWDED or self.is_heavy

    @property
    def is_heavy(self) -> bool:
        """Whether what waits takes too much memory."""
        return self.waiting_bytes >= HEAVY_BYTES

    def arrived(self, envelope: RawDelivery) -> None:
        """A message waits."""
        self.waiting_count += 1
        self.waiting_bytes += _kept_bytes(envelope)

    def left(self, envelopes: Sequence[RawDelivery]) -> None:
        """These wait no more."""
        self.waiting_count -= len(envelopes)
        self.waiting_bytes -= sum(map(_kept_bytes, envelopes))

    def share(self, lanes: int) -> int:
        """What each of so many lanes that stand still may keep waiting."""
        return max(1, min(KEPT, (CROWDED // 2) // max(1, lanes)))


def _kept_bytes(envelope: RawDelivery) -> int:
    """What a message takes in memory beside what every one takes: a header frame may be as large as a body."""
    message = envelope.message
    return len(message.body) + len(Properties.of(message.properties).raw)
