"""The operator's seat: one tool at a time takes messages of the failed queue into its hands.

Two that do so at once would each see a part of the queue only. The seat is an exclusive queue, which the broker itself
gives up when its owner is gone, however that happened.
"""

import asyncio

from aio_pika.abc import AbstractConnection
from aiormq.exceptions import ChannelLockedResource

from consumers.broker.errors import client_errors
from consumers.broker.queue_names import QueueNames

ASK_EVERY_S = 0.25


class SeatTaken(Exception):
    """Somebody else has the failed queue in hand; the text says what to do."""


class OperatorLock:
    """The seat of one connection; taken again and again."""

    def __init__(self, connection: AbstractConnection, names: QueueNames) -> None:
        self._connection = connection
        self._queue = f"{names.failed}.operator"

    async def take(self, *, within_s: float) -> None:
        """Take the seat.

        Raises:
            SeatTaken: somebody else kept it all the time.
        """
        loop = asyncio.get_running_loop()
        until_s = loop.time() + within_s
        while not await self._try():
            if loop.time() >= until_s:
                raise SeatTaken(
                    "Another operator has the failed queue in hand at this moment; try again in a minute, or wait "
                    "longer (--wait-seat)."
                )
            await asyncio.sleep(ASK_EVERY_S)

    async def leave(self) -> None:
        """Leave it to others."""
        with client_errors():
            channel = await self._connection.channel(publisher_confirms=False)
            await channel.queue_delete(self._queue)
            await channel.close()

    async def _try(self) -> bool:
        with client_errors():
            channel = await self._connection.channel(publisher_confirms=False)
            try:
                await channel.declare_queue(self._queue, exclusive=True)
            except ChannelLockedResource:
                return False  # and the broker closed the channel
            await channel.close()
        return True
