"""Hands out a tenant's slots: each room in its turn, however many of its requests wait, and within its own limit."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

from consumers.throttling.limits import RateState, RoomPace


@dataclass(slots=True, eq=False)
class Slots:
    """The slots of one tenant. While one is free, nobody who could take it waits."""

    tenant: RateState
    _lined_up: dict[RoomPace, None] = field(default_factory=dict)
    """Rooms in the order of their turns: those with somebody waiting and room for one more request."""

    async def take(self, room: RoomPace, *, within_s: float) -> None:
        """Take a slot, or wait for one; `give_back` must follow. Raises `TimeoutError`."""
        if self.tenant.is_free and room.is_free:
            self._enter(room)
            return
        # The time-out comes to the one who waits as a cancellation, so his place is left inside it.
        async with asyncio.timeout(within_s):
            await self._wait(room)

    async def _wait(self, room: RoomPace) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        room.waiting.append(turn)
        self._line_up(room)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                # Handed out in the same moment: somebody else gets it.
                self.give_back(room)
            else:
                self._leave_line(room, turn)
            raise

    def give_back(self, room: RoomPace) -> None:
        """End a request, and let the next in line go."""
        room.in_flight -= 1
        self.tenant.in_flight -= 1
        self.look_again(room)

    def look_again(self, *rooms: RoomPace) -> None:
        """Let go whoever may go now: limits of these rooms, or of the tenant, may have risen."""
        for room in rooms:
            self._line_up(room)
        while self._lined_up and self.tenant.is_free:
            room = next(iter(self._lined_up))
            del self._lined_up[room]
            if room.is_free:
                self._let_one_go(room)
            # Behind all others.
            self._line_up(room)

    def _line_up(self, room: RoomPace) -> None:
        if room.waiting and room.is_free:
            self._lined_up.setdefault(room)

    def _let_one_go(self, room: RoomPace) -> None:
        while room.waiting:
            turn = room.waiting.popleft()
            if not turn.done():
                self._enter(room)
                turn.set_result(None)
                return

    def _enter(self, room: RoomPace) -> None:
        room.in_flight += 1
        self.tenant.in_flight += 1

    def _leave_line(self, room: RoomPace, turn: asyncio.Future[None]) -> None:
        with suppress(ValueError):
            room.waiting.remove(turn)
        if not room.waiting:
            self._lined_up.pop(room, None)
