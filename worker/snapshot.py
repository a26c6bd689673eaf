"""What a running worker says of itself: /status for people and tools, /readyz for whoever routes to it.

However many rooms and tenants there are, an answer shows the busiest of them and counts the others.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import nlargest, nsmallest
from importlib.metadata import version
from itertools import islice

from adapters.calendar import RoomAddress
from adapters.errors import CODES
from consumers.consumer import Consumer
from consumers.throttling.tenant_limiter import TenantLimiter
from worker.metrics.queues import QueueMetrics
from worker.metrics.rates import Rates
from worker.tenants import TenantTrouble

LANES_SHOWN = 100
TENANTS_SHOWN = 100
ROOMS_SHOWN = 20
"""Of each tenant."""
WORDS_SHOWN = 5
"""Tenants that an obstacle names one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerView:
    """The parts to look at. `tenants`: those that can be used; `gates`: of those that had a command so far;
    `misconfigured`: those whose settings cannot be used; `failing_chores`: those whose trouble lasts, and why."""

    intake: Consumer
    tenants: Callable[[], Iterable[str]]
    gates: Callable[[], Mapping[str, TenantLimiter]]
    queues: QueueMetrics
    rates: Rates
    misconfigured: Callable[[], Mapping[str, TenantTrouble]] = dict
    failing_chores: Callable[[], Mapping[str, str]] = dict

    def parts(self) -> dict[str, str | None]:
        """Broker, ledger and tenants, each with what keeps the worker from using it, in words, or None."""
        intake = self.intake
        return {
            "broker": intake.standing.broker,
            "ledger": intake.standing.ledger or intake.lanes.ledger.why,
            "tenants": self._why_no_tenant(),
        }

    def obstacles(self) -> list[str]:
        """What keeps the worker from doing its work, in words; empty when it is ready."""
        return [why for why in self.parts().values() if why]

    def stopped_tenants(self) -> dict[str, str]:
        """The tenants whose breaker is open, and why in words; the others are unaffected, and so is the worker."""
        return {name: str(error) for name, gate in self.gates().items() if (error := gate.breaker.error) is not None}

    def misconfigured_tenants(self) -> dict[str, str]:
        """The tenants whose settings cannot be used, and why; most of them wait (`worker.tenants`)."""
        return {name: trouble.why for name, trouble in self.misconfigured().items()}

    def _misconfigured_shown(self) -> dict[str, str]:
        return dict(islice(sorted(self.misconfigured_tenants().items()), TENANTS_SHOWN))

    def _why_no_tenant(self) -> str | None:
        stopped = self.stopped_tenants()
        if any(name not in stopped for name in self.tenants()):
            return None
        why = {name: stopped[name] for name in self.tenants()} | self.misconfigured_tenants()
        told = [f"tenant {name}: {words}" for name, words in sorted(why.items())]
        more = [f"and {len(told) - WORDS_SHOWN} more"] if len(told) > WORDS_SHOWN else []
        return "; ".join([*told[:WORDS_SHOWN], *more]) or "no tenant is configured"

    def readiness(self) -> dict[str, object]:
        """Whether the worker can do its work, and what is in the way."""
        stopped, obstacles = self.stopped_tenants(), self.obstacles()
        return {
            "ready": not obstacles,
            "obstacles": obstacles,
            "parts": self.parts(),
            "stopped_tenants": dict(islice(sorted(stopped.items()), TENANTS_SHOWN)),
            "stopped_tenants_left_out": max(0, len(stopped) - TENANTS_SHOWN),
            "misconfigured_tenants": self._misconfigured_shown(),
            "failing_chores": dict(self.failing_chores()),
        }

    def status(self, room: RoomAddress | None = None) -> dict[str, object]:
        """Queues, lanes, rates, throttled rooms and breakers as they are now; with `room` of rooms that one alone."""
        intake, now_at = self.intake, self.intake.clocks.now()
        lanes = intake.lanes.snapshot(room)
        obstacles = self.obstacles()
        busiest = nlargest(LANES_SHOWN, lanes.items(), key=lambda lane: sum(lane[1]))
        gates = self.gates()
        told = nlargest(TENANTS_SHOWN, gates.items(), key=_urgency)
        return {
            "version": version("roomsync"),
            "ready": not obstacles,
            "obstacles": obstacles,
            "partitions": self._partitions(),
            "queues": self.queues.last.messages if self.queues.last else None,
            "unrouted_results": intake.session.unrouted_results if intake.session else 0,
            "per_minute": self.rates.per_minute(),
            "waiting": sum(waiting for waiting, _ in lanes.values()),
            "in_work": sum(in_work for _, in_work in lanes.values()),
            "lanes": [
                {"tenant": tenant, "room": room, "waiting": waiting, "in_work": in_work}
                for (tenant, room), (waiting, in_work) in sorted(busiest)
            ],
            "misconfigured_tenants": self._misconfigured_shown(),
            "failing_chores": dict(self.failing_chores()),
            "lanes_left_out": len(lanes) - len(busiest),
            "tenants": {name: _tenant(gate, now_at, room) for name, gate in sorted(told, key=_name)},
            "tenants_left_out": len(gates) - len(told),
        }

    def _partitions(self) -> dict[str, object]:
        intake, queues = self.intake, self.queues.last
        consuming = intake.standing.is_consuming
        owned = intake.partitions.delivered_from | (queues.sole if queues else set())
        return {
            "count": intake.partition_count,
            "consuming": intake.partition_count if consuming else 0,
            # The broker does not tell whom it lets through: whoever got a message, and whoever is alone.
            "owned": sorted(owned) if consuming else [],
        }


def _name(tenant: tuple[str, TenantLimiter]) -> str:
    return tenant[0]


def _urgency(tenant: tuple[str, TenantLimiter]) -> tuple[bool, int]:
    gate = tenant[1]
    return gate.breaker.error is not None, gate.in_flight


def _tenant(gate: TenantLimiter, now_at: datetime, room: RoomAddress | None) -> dict[str, object]:
    breaker, error = gate.breaker, gate.breaker.error
    told: dict[str, object] = {"breaker": "closed", "why": None, "since": None, "next_probe_in_s": None}
    if error is not None:
        told = {
            "breaker": "open",
            "why": {"code": error.code, "message": str(error), "advice": CODES[error.code].advice},
            "since": (now_at - timedelta(seconds=breaker.open_for_s)).isoformat(timespec="seconds"),
            "next_probe_in_s": round(breaker.next_probe_in_s, 1),
        }
    all_paused, limits = gate.paused_rooms(room), gate.room_limits(room)
    paused = sorted(nlargest(ROOMS_SHOWN, all_paused.items(), key=lambda room: room[1]))
    lowest = sorted(nsmallest(ROOMS_SHOWN, limits.items(), key=lambda room: room[1]))
    return told | {
        "requests": {"in_flight": gate.in_flight, "limit": gate.limit, "ceiling": gate.ceiling},
        "room_ceiling": gate.mailbox_concurrency,
        "room_limits": dict(lowest),
        "room_limits_left_out": len(limits) - len(lowest),
        "throttled_rooms": {room: round(left_s, 1) for room, left_s in paused},
        "throttled_until": {
            room: (now_at + timedelta(seconds=left_s)).isoformat(timespec="seconds") for room, left_s in paused
        },
        "throttled_rooms_left_out": len(all_paused) - len(paused),
    }
