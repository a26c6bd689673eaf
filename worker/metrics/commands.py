"""Counts what becomes of commands, and how long they took from being published."""

from collections import Counter as Tally
from collections.abc import Callable
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Histogram

from consumers.broker.delivery import ParsedDelivery
from consumers.messages.disposition import Completed, Look, Problem
from consumers.messages.result import Outcome, ResultEvent
from consumers.messages.violations import KnownMembers

_LATENCY_BUCKETS_S = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200)
_WRITTEN = (Outcome.SYNCED, Outcome.REMOVED)


class CommandMetrics:
    """An `Observer` of the intake. `totals` are the same counts by outcome alone, and `deferred`."""

    def __init__(self, registry: CollectorRegistry, *, is_tenant: Callable[[str], bool]) -> None:
        self.totals: Tally[str] = Tally()
        self._is_tenant = is_tenant
        commands = Counter(
            "roomsync_commands_total",
            "Commands that ended, by what was asked, how it ended (synced, removed, superseded, failed) and tenant.",
            ["command", "outcome", "tenant"],
            registry=registry,
        )
        latency = Histogram(
            "roomsync_publish_to_written_seconds",
            "From a command's publication (or its first arrival, where its message bears no time) until it was "
            "written and its result confirmed.",
            ["tenant"],
            buckets=_LATENCY_BUCKETS_S,
            registry=registry,
        )
        deferred = Counter(
            "roomsync_deferred_total",
            "Commands that were sent away until later, by reason.",
            ["code", "tenant"],
            registry=registry,
        )
        failed = Counter(
            "roomsync_failed_total", "Messages that were parked, by reason.", ["code", "tenant"], registry=registry
        )
        # labels() costs more than the counting itself; its arguments are few, see `_tenant`.
        self._commands, self._latency = cache(commands.labels), cache(latency.labels)
        self._deferred, self._failed = cache(deferred.labels), cache(failed.labels)

    def finished(self, delivery: ParsedDelivery, _settled: Completed, result: ResultEvent) -> None:
        """A command ended well."""
        command, outcome = delivery.command, result.outcome
        self.totals[outcome] += 1
        self._commands(command.kind, outcome, command.tenant).inc()
        if outcome in _WRITTEN:
            self._latency(command.tenant).observe(delivery.age_s(result.at))

    def deferred(self, delivery: ParsedDelivery, problem: Problem, *, wait_s: int, attempts: int) -> None:
        """A command was sent away."""
        self.totals["deferred"] += 1
        self._deferred(problem.code, self._tenant(delivery.command.tenant)).inc()

    def failed(self, delivery: ParsedDelivery, problem: Problem, *, attempts: int) -> None:
        """A command, or a second look, which is none, was parked."""
        command, tenant = delivery.command, self._tenant(delivery.command.tenant)
        self._failed(problem.code, tenant).inc()
        if delivery.look is None:
            self.totals[Outcome.FAILED] += 1
            self._commands(command.kind, Outcome.FAILED, tenant).inc()

    def unreadable(self, known: KnownMembers, code: str, message_id: str | None) -> None:
        """A message that is no command was parked."""
        tenant = self._tenant(known.tenant)
        self.totals[Outcome.FAILED] += 1
        self._failed(code, tenant).inc()
        self._commands(known.command or "", Outcome.FAILED, tenant).inc()

    def look_ordered(self, delivery: ParsedDelivery, look: Look, *, wait_s: int) -> None:
        """A second look was published: the command is still to end."""

    def looked(self, delivery: ParsedDelivery) -> None:
        """A second look is over: it is no command."""

    def released(self, delivery: ParsedDelivery) -> None:
        """A command was given back: somebody else will count it."""

    def _tenant(self, name: str | None) -> str:
        # Whoever may publish could fill the memory of everything that scrapes us with made-up names.
        return name if name is not None and self._is_tenant(name) else ""
