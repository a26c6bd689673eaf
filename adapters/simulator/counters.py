"""What clients did: the figures that tests, demo and operators hold against the promises."""

from collections import Counter
from dataclasses import dataclass, field

from adapters.simulator.timing import Timing


@dataclass(slots=True)
class Counters:
    """Counts since the start. A request is counted once it is authenticated and readable, also when it is refused."""

    requests: Counter[str] = field(default_factory=Counter)
    """By operation."""
    by_room: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By room and operation."""
    items: Counter[str] = field(default_factory=Counter)
    """Items in requests, by operation."""
    applied: Counter[str] = field(default_factory=Counter)
    """Items written, by operation."""
    faults: Counter[str] = field(default_factory=Counter)
    """Faults played, by name."""
    throttled: Counter[str] = field(default_factory=Counter)
    """Requests refused by the limits, by room."""
    rejected: int = 0
    """Requests whose credentials were wrong or missing (a handshake's first steps left out)."""
    early: int = 0
    """Requests to a mailbox before the time that an answer had named."""
    peak_by_room: Counter[str] = field(default_factory=Counter)
    peak_total: int = 0
    in_flight: Counter[str] = field(default_factory=Counter)
    timing: Timing | None = None
    """Kept for measurements only: it grows with every event."""

    def arrived(self, room: str, operation: str, items: int) -> None:
        """Count a request that came in."""
        self.requests[operation] += 1
        self.by_room[room, operation] += 1
        self.items[operation] += items
        self.in_flight[room] += 1
        self.peak_by_room[room] = max(self.peak_by_room[room], self.in_flight[room])
        self.peak_total = max(self.peak_total, self.in_flight.total())

    def left(self, room: str) -> None:
        """Count a request out again, answered or not."""
        self.in_flight[room] -= 1
        if not self.in_flight[room]:
            del self.in_flight[room]

    def totals(self) -> dict[str, int]:
        """Give the sums alone, which cost next to nothing however many rooms there are."""
        return {
            "requests": self.requests.total(),
            "applied": self.applied.total(),
            "early": self.early,
            "throttled": self.throttled.total(),
            "rejected": self.rejected,
            "peak_total": self.peak_total,
        }

    def as_json(self) -> dict[str, object]:
        """Give the figures for machines; `by_room` as `room operation`."""
        return {
            "requests": dict(self.requests),
            "by_room": {f"{room} {operation}": n for (room, operation), n in sorted(self.by_room.items())},
            "items": dict(self.items),
            "applied": dict(self.applied),
            "faults": dict(self.faults),
            "throttled": dict(self.throttled),
            "rejected": self.rejected,
            "early": self.early,
            "peak_by_room": dict(self.peak_by_room),
            "peak_total": self.peak_total,
        }
