"""What the worker holds at this moment, asked at each scrape: it costs nothing while nobody asks."""

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from consumers.broker.session import Session
from consumers.consumer import Consumer
from consumers.throttling.tenant_limiter import TenantLimiter
from worker.tenants import TenantTrouble

_TENANT = ["tenant"]
_PER_TENANT: tuple[tuple[type[Metric], str, str, Callable[[TenantLimiter], float]], ...] = (
    (
        GaugeMetricFamily,
        "roomsync_breaker_open",
        "1 while nothing of the tenant can work and its Exchange is asked nothing but now and then a probe.",
        lambda gate: gate.breaker.error is not None,
    ),
    (
        GaugeMetricFamily,
        "roomsync_exchange_requests_in_flight",
        "Requests that the tenant's Exchange has not answered yet.",
        lambda gate: gate.in_flight,
    ),
    (
        GaugeMetricFamily,
        "roomsync_exchange_requests_limit",
        "Requests at once that the tenant's Exchange seems to bear: lowered by throttling, raised by success.",
        lambda gate: gate.limit,
    ),
    (
        GaugeMetricFamily,
        "roomsync_exchange_requests_ceiling",
        "Requests at once that the configuration allows the tenant.",
        lambda gate: gate.ceiling,
    ),
    (
        GaugeMetricFamily,
        "roomsync_throttled_rooms",
        "Rooms of the tenant that Exchange has asked to leave alone, each by itself.",
        lambda gate: len(gate.paused_rooms()),
    ),
    (
        GaugeMetricFamily,
        "roomsync_tenant_throttled",
        "1 while Exchange has asked to leave all rooms of the tenant alone.",
        lambda gate: gate.tenant.paused_for_s(gate.clock()) > 0,
    ),
    (
        CounterMetricFamily,
        "roomsync_throttled_seconds_total",
        "Seconds that Exchange has asked rooms of the tenant to be left alone, added up.",
        lambda gate: gate.throttled_s,
    ),
)


class View(Protocol):
    """What a worker says of itself."""

    @property
    def gates(self) -> Callable[[], Mapping[str, TenantLimiter]]:
        """Of the tenants that had a command so far."""
        ...

    @property
    def misconfigured(self) -> Callable[[], Mapping[str, TenantTrouble]]:
        """The tenants whose settings cannot be used."""
        ...

    @property
    def failing_chores(self) -> Callable[[], Mapping[str, str]]:
        """What fails for long beside the bookings."""
        ...

    def parts(self) -> Mapping[str, str | None]:
        """What the worker needs, each with why it cannot be used, or None."""
        ...


class WorkerState(Collector):
    """Gauges of intake, lanes and tenants."""

    def __init__(self, intake: Consumer, view: View) -> None:
        self._intake = intake
        self._view = view

    def collect(self) -> Iterator[Metric]:
        """For the registry."""
        yield from _standing(self._view.parts())
        yield from _session(self._intake.session)
        yield from _work(self._intake)
        yield from _tenants(self._view.gates())
        yield _misconfigured(self._view.misconfigured())
        yield _chores(self._view.failing_chores())

    def describe(self) -> Iterator[Metric]:
        """The names that `collect` gives; see the registry."""
        return self.collect()


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _standing(parts: Mapping[str, str | None]) -> Iterator[Metric]:
    yield _gauge("roomsync_ready", "1 while commands can be done, as /readyz tells.", not any(parts.values()))
    usable = GaugeMetricFamily(
        "roomsync_usable",
        "1 for what the worker can use: broker, ledger, and tenants while at least one works.",
        labels=["part"],
    )
    for part, why in parts.items():
        usable.add_metric([part], why is None)
    yield usable


def _session(session: Session | None) -> Iterator[Metric]:
    yield _gauge(
        "roomsync_publishing_blocked",
        "1 while the broker takes no messages: an alarm, or a full queue.",
        session is not None and not session.is_lost and session.trouble is not None,
    )
    yield CounterMetricFamily(
        "roomsync_results_unrouted_total",
        "Results that no queue was bound for, since the last connection to the broker.",
        value=session.unrouted_results if session else 0,
    )


def _work(intake: Consumer) -> Iterator[Metric]:
    counts = intake.lanes.snapshot().values()
    now_at = intake.clocks.now()
    yield _gauge("roomsync_partitions", "Partitions that are configured.", intake.partition_count)
    yield _gauge(
        "roomsync_partitions_consuming",
        "Partitions that this worker consumes; of several workers the broker lets one through for each.",
        intake.partition_count if intake.standing.is_consuming else 0,
    )
    yield _gauge("roomsync_lanes", "Rooms that have commands in this worker.", len(counts))
    in_hand = GaugeMetricFamily(
        "roomsync_commands_in_hand", "Commands in this worker that are not settled yet.", labels=["state"]
    )
    in_hand.add_metric(["waiting"], sum(waiting for waiting, _ in counts))
    in_hand.add_metric(["in_work"], sum(in_work for _, in_work in counts))
    yield in_hand
    yield _gauge(
        "roomsync_oldest_command_age_seconds",
        "Age, since its publication, of the oldest command in this worker's hands; 0 where there is none.",
        max((command.age_s(now_at) for command in intake.lanes.in_hand()), default=0.0),
    )


def _tenants(gates: Mapping[str, TenantLimiter]) -> Iterator[Metric]:
    for kind, name, text, value in _PER_TENANT:
        family = kind(name, text, labels=_TENANT)  # type: ignore[call-arg]
        for tenant, gate in gates.items():
            family.add_metric([tenant], float(value(gate)))  # type: ignore[attr-defined]
        yield family


def _misconfigured(troubles: Mapping[str, TenantTrouble]) -> Metric:
    family = GaugeMetricFamily(
        "roomsync_tenant_misconfigured",
        "1 for a tenant whose settings cannot be used: its commands wait, or its last good settings are in force.",
        labels=[*_TENANT, "state"],
    )
    for tenant, trouble in troubles.items():
        family.add_metric([tenant, "waiting" if trouble.waits else "last_good"], 1)
    return family


def _chores(failing: Mapping[str, str]) -> Metric:
    family = GaugeMetricFamily(
        "roomsync_chore_failing",
        "1 for what the worker does beside bookings and has failed at for long.",
        labels=["chore"],
    )
    for chore in failing:
        family.add_metric([chore], 1)
    return family
