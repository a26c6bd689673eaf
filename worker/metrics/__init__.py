"""What the worker counts, for Prometheus; no room, no booking and no person is ever a label."""

from worker.metrics.metrics import Metrics
from worker.metrics.requests import TimedCalendar
from worker.metrics.state import WorkerState

__all__ = ["Metrics", "TimedCalendar", "WorkerState"]
