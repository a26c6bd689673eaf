"""When events came in and when they were written, told apart by their subject: for measurements, off otherwise."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Timing:
    """Seconds of the machine's monotonic clock, which all of its processes share."""

    clock: Callable[[], float] = time.monotonic
    arrived_at: dict[str, float] = field(default_factory=dict)
    """When the first request with an event of this subject was there as a whole, whatever became of it."""
    written_at: dict[str, list[float]] = field(default_factory=dict)
    """When an event of this subject was written: once, unless it was doubled."""

    def arrived(self, subject: str, at: float) -> None:
        """Note that a request with such an event was there."""
        self.arrived_at.setdefault(subject, at)

    def written(self, subject: str) -> None:
        """Note that such an event was written."""
        self.written_at.setdefault(subject, []).append(self.clock())

    def as_json(self) -> dict[str, object]:
        """Give everything for machines."""
        return {"arrived_at": self.arrived_at, "written_at": self.written_at}
