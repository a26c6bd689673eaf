"""What a running worker says of itself: /status for people and tools, /readyz for whoever routes to it."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from adapters.errors import CODES
from consumers.bookings.gate import Gate
from consumers.intake.intake import Intake


def obstacles(intake: Intake, gates: Mapping[str, Gate]) -> list[str]:
    """What keeps the worker from doing its work, in words; empty when it is ready."""
    found = [intake.standing.broker, intake.standing.ledger, intake.lanes.ledger.why]
    stopped = stopped_tenants(gates)
    if gates and len(stopped) == len(gates):
        found += [f"tenant {name}: {why}" for name, why in stopped.items()]
    return [obstacle for obstacle in found if obstacle]


def stopped_tenants(gates: Mapping[str, Gate]) -> dict[str, str]:
    """The tenants whose breaker is open, and why in words; the others are unaffected, and so is the worker."""
    return {name: str(gate.breaker.error) for name, gate in gates.items() if gate.breaker.error is not None}


def snapshot(intake: Intake, gates: Mapping[str, Gate]) -> dict[str, object]:
    """Lanes, throttled rooms and breakers as they are now."""
    now_at = intake.clocks.now()
    return {
        "ready": not obstacles(intake, gates),
        "obstacles": obstacles(intake, gates),
        "partitions": intake.partition_count,
        "unrouted_results": intake.session.unrouted_results if intake.session else 0,
        "lanes": [
            {"tenant": tenant, "room": room, "waiting": waiting, "in_work": in_work}
            for (tenant, room), (waiting, in_work) in sorted(intake.lanes.snapshot().items())
        ],
        "tenants": {name: _tenant(gate, now_at) for name, gate in sorted(gates.items())},
    }


def _tenant(gate: Gate, now_at: datetime) -> dict[str, object]:
    breaker, error = gate.breaker, gate.breaker.error
    told: dict[str, object] = {"breaker": "closed", "why": None, "since": None, "next_probe_in_s": None}
    if error is not None:
        told = {
            "breaker": "open",
            "why": {"code": error.code, "message": str(error), "advice": CODES[error.code].advice},
            "since": (now_at - timedelta(seconds=breaker.open_for_s)).isoformat(timespec="seconds"),
            "next_probe_in_s": round(breaker.next_probe_in_s, 1),
        }
    return told | {
        "throttled_rooms": {room: round(left_s, 1) for room, left_s in sorted(gate.paused_rooms().items())},
    }
