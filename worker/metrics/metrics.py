"""The registry behind /metrics, and the parts that write into it."""

import platform
from collections.abc import Callable
from importlib.metadata import version

from prometheus_client import (
    CollectorRegistry,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from consumers.broker.queue_names import QueueNames
from worker.metrics.commands import CommandMetrics
from worker.metrics.queues import QueueMetrics
from worker.metrics.requests import RequestMetrics

_COMMIT_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class Metrics:
    """Everything that is counted as it happens. What can be asked for at any time is told by `WorkerState`.

    Args:
        is_tenant: whether a name is a configured tenant's; any other name never becomes a label.
    """

    def __init__(self, names: QueueNames, *, partition_count: int, is_tenant: Callable[[str], bool]) -> None:
        # They would double the series, and tell nothing that a restart does not.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self.commands = CommandMetrics(self.registry, is_tenant=is_tenant)
        self.requests = RequestMetrics(self.registry)
        self.queues = QueueMetrics(self.registry, names, partition_count)
        self.ledger_commits = Histogram(
            "roomsync_ledger_commit_duration_seconds",
            "Duration of one ledger transaction that writes; commands that arrive together share it.",
            buckets=_COMMIT_BUCKETS_S,
            registry=self.registry,
        )
        build = Gauge(
            "roomsync_build_info",
            "Always 1; the version of roomsync and of Python.",
            ["version", "python"],
            registry=self.registry,
        )
        build.labels(version("roomsync"), platform.python_version()).set(1)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
