"""Makes room in the partitions' windows: what stands still there goes away, since other rooms wait behind it."""

import asyncio
from collections.abc import Callable, Iterable, Mapping

from adapters.calendar import RoomAddress, TenantName
from consumers.broker.delivery import RawDelivery, RoomKey
from consumers.messages.disposition import Deferred, Problem
from consumers.policy import BREAKER_FIRST_WAIT_S
from consumers.scheduling.prefetch_window import HEAVY_AWAY_S, RELIEVE_EVERY_S, STANDING_STILL_S, PrefetchWindow
from consumers.scheduling.room_queue import RoomQueue
from consumers.sync.room import Room
from consumers.throttling.tenant_limiter import TenantLimiter

RoomOf = Callable[[TenantName, RoomAddress], Room | None]
SendAway = Callable[[list[RawDelivery], Deferred], None]
Away = Callable[[TenantName], Deferred]


def put_off(_tenant: TenantName, wait_s: float = BREAKER_FIRST_WAIT_S) -> Deferred:
    """What becomes of commands whose tenant's settings cannot be used: as behind an open breaker."""
    return Deferred(wait_s=wait_s, problem=Problem.coded("tenant_misconfigured"), counts_attempt=False)


class LoadShedding:
    """Watches over the windows of all partitions; `lanes` are those that there are at any time."""

    def __init__(self, lanes: Mapping[RoomKey, RoomQueue], room_of: RoomOf, send_away: SendAway) -> None:
        self._lanes = lanes
        self._room_of = room_of
        self._send_away = send_away
        self._is_over = False

    def watch(self, window: PrefetchWindow) -> None:
        """Look after a crowded window until it is not: once it is full nothing arrives that would remind us."""
        if window.is_crowded and not window.is_watched and not self._is_over:
            window.is_watched = True
            asyncio.get_running_loop().call_later(RELIEVE_EVERY_S, self._look_at, window)

    def end(self) -> None:
        """Send nothing away any more."""
        self._is_over = True

    def _look_at(self, window: PrefetchWindow) -> None:
        window.is_watched = False
        if not self._is_over:
            self.relieve(window)
            self.watch(window)

    def relieve(self, window: PrefetchWindow) -> None:
        """Send away the tails of lanes that stand still in a crowded window; of all lanes, where memory is short."""
        if not window.is_crowded:
            return
        waiting = [(key, lane) for key, lane in self._lanes.items() if lane.window is window and lane.waiting]
        gates = self._gates(key for key, _ in waiting)
        pauses_s = {
            (tenant, address): pause_s
            for (tenant, address), _ in waiting
            if tenant in gates and (pause_s := _stands_still_s(gates[tenant], address)) is not None
        }
        away_s = dict.fromkeys((key for key, _ in waiting), HEAVY_AWAY_S) if window.is_heavy else {}
        away_s |= pauses_s
        for key, lane in waiting:
            tail = lane.take_tail(window.share(len(away_s))) if key in away_s else []
            if tail:
                problem = Problem.coded("room_behind")
                self._send_away(tail, Deferred(wait_s=away_s[key], problem=problem, counts_attempt=False))

    def _gates(self, keys: Iterable[RoomKey]) -> dict[TenantName, TenantLimiter]:
        """The gate that all rooms of a tenant share: one of them is assembled to ask it, not thousands."""
        one_of_each = dict(keys)
        rooms = {tenant: self._room_of(tenant, address) for tenant, address in one_of_each.items()}
        return {tenant: room.gate for tenant, room in rooms.items() if room is not None}


def _stands_still_s(gate: TenantLimiter, room: RoomAddress) -> float | None:
    """For how long a room is going to be left alone that stands still; None: it moves.

    One moves that only waits for its turn, however long: when those before it do.
    """
    paused_s = gate.paused_for_s(room)
    stands_still = max(paused_s, gate.silent_for_s(room)) > STANDING_STILL_S
    return paused_s if stands_still else None
