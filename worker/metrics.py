"""What the worker counts, for Prometheus; no room and no booking is ever a label."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from adapters.calendar import TenantName
from consumers.bookings.result import ResultEvent


class Metrics:
    """Counters of what became of commands; an `Observer` of the intake."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._commands = Counter(
            "roomsync_commands",
            "Commands that ended, by what was asked, how it ended and tenant.",
            ["command", "outcome", "tenant"],
            registry=registry,
        )
        self._took = Histogram(
            "roomsync_command_seconds",
            "From a command's arrival to its result, of those that ended well.",
            ["tenant"],
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
            registry=registry,
        )
        self._deferred = Counter(
            "roomsync_deferred",
            "Commands that were sent away until later, by reason.",
            ["code", "tenant"],
            registry=registry,
        )
        self._failed = Counter(
            "roomsync_failed", "Messages that were parked, by reason.", ["code", "tenant"], registry=registry
        )

    def finished(self, result: ResultEvent) -> None:
        """A command ended well."""
        tenant = result.tenant or ""
        self._commands.labels(result.command or "", result.outcome.value, tenant).inc()
        self._took.labels(tenant).observe(result.took_ms / 1000)

    def deferred(self, tenant: TenantName, code: str, tier_s: int) -> None:
        """A command was sent away."""
        self._deferred.labels(code, tenant).inc()

    def failed(self, tenant: TenantName | None, code: str) -> None:
        """A message was parked."""
        self._failed.labels(code, tenant or "").inc()
