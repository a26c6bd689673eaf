"""Settles without raising, and holds what an error of ours met for a while before it gives it back.

Given back at once it would be here again at once, and be parked by the broker after twenty returns within a second:
a healthy command would pay for our defect.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import structlog

from consumers.broker.delivery import RETURNED_PARKED, UNACKED_MAX_S, Delivery
from consumers.broker.errors import NotPublished, was_cancelled
from consumers.broker.incoming_message import AlreadySettled, IncomingMessage, State, shown_id
from consumers.broker.message_copy import NotCopied
from consumers.broker.redeliveries import Mishaps, came_back
from consumers.broker.waiting import first_completed
from consumers.settlement.own_errors import Complaints
from consumers.sync.room import Clocks

log = structlog.get_logger(__name__)

FIRST_S = 5.0
"""Doubled with each return."""
END_WITHIN_S = 2.0
"""How long the end of a worker waits for what is being settled."""

LastResort = Callable[[], Awaitable[None]]
"""What is done for a message that errors of ours met again and again; it settles it, or raises."""


def rest_s(tries: int, held_s: float) -> float:
    """How long a delivery rests that met an error of ours for the `tries`-th time and was held for `held_s`. Pure."""
    left_s = max(FIRST_S, UNACKED_MAX_S - held_s)
    return min(FIRST_S * 2.0 ** min(tries - 1, 10), left_s)


class Guard:
    """Awaits settlements. What goes wrong in one leaves its delivery unacknowledged: it comes again."""

    def __init__(self, clocks: Clocks) -> None:
        self._clocks = clocks
        self._mishaps = Mishaps()
        self._complaints = Complaints(clocks.monotonic)
        self._settling: set[IncomingMessage] = set()
        self._is_settled = asyncio.Event()
        self._resting: dict[IncomingMessage, asyncio.Task[None]] = {}

    async def over(
        self,
        message: IncomingMessage,
        settling: Awaitable[None],
        *,
        held: Delivery | None = None,
        last: LastResort | None = None,
    ) -> None:
        """Await a settlement. What the broker did not take is given back at once: it was waited for already."""
        self._settling.add(message)
        try:
            await settling
        except NotPublished as error:
            if message.state is State.OPEN:
                self._complaints.tell("delivery.not_published", error, why=str(error))
            await self.give_back(message)
        except NotCopied as error:
            log.warning("message.rejected", why=str(error), message_id=shown_id(message.message_id))
            await self._reject(message)
        except asyncio.CancelledError as error:
            # Not ours when nobody cancelled: the client ends so what waits for a dead connection.
            if was_cancelled():
                raise
            self.met(message, error, held=held, last=last)
        except Exception as error:  # noqa: BLE001 - see the class
            self.met(message, error, held=held, last=last)
        finally:
            self._settling.discard(message)
            if not self._settling:
                self._is_settled.set()

    def met(
        self,
        message: IncomingMessage,
        error: BaseException,
        *,
        held: Delivery | None = None,
        last: LastResort | None = None,
    ) -> None:
        """An error of ours met a delivery: let it rest, then give it back; after ten times try the last resort first.

        Nobody waits for it meanwhile: it rests in a task of its own.
        """
        if message.state is not State.OPEN or message in self._resting:
            if message.state is State.ACKED:
                self._complaints.tell("delivery.complained_when_done", error)
            return
        if held is not None:
            held.is_resting = True
        returned = held.returned if held else came_back(message)
        tries = max(self._mishaps.again(message), returned + 1)
        wait_s = rest_s(tries, self._clocks.monotonic() - held.received_s if held else 0.0)
        message_id = shown_id(message.message_id)
        self._complaints.tell("delivery.unsettled", error, message_id=message_id, tries=tries, back_in_s=wait_s)
        resort = last if tries >= RETURNED_PARKED else None
        self._resting[message] = asyncio.create_task(self._rest(message, wait_s, resort))

    async def _rest(self, message: IncomingMessage, wait_s: float, last: LastResort | None) -> None:
        try:
            await self._clocks.sleep(wait_s)
            if last is not None and message.state is State.OPEN:
                await self._try(last)
            await self.give_back(message)
        finally:
            self._resting.pop(message, None)

    async def _try(self, last: LastResort) -> None:
        try:
            await last()
        except Exception as error:  # noqa: BLE001 - it is given back instead
            self._complaints.tell("delivery.not_parked", error)

    async def give_back(self, message: IncomingMessage) -> None:
        """Back to its queue, unless the broker was told of it."""
        await self._return(message, requeue=True)

    async def _reject(self, message: IncomingMessage) -> None:
        """What cannot be published again the broker parks as it is; whoever watches what it parks reports it."""
        await self._return(message, requeue=False)

    async def _return(self, message: IncomingMessage, *, requeue: bool) -> None:
        if message.state is not State.OPEN:
            return
        try:
            await message.nack(requeue=requeue)
        except AlreadySettled:
            return
        except Exception as error:  # noqa: BLE001 - `unowned_deliveries` ends the session if it lives: then it comes again
            self._complaints.tell("delivery.not_returned", error)

    async def stop(self) -> None:
        """Let end what is being settled, a moment at most, and give back all that rests.

        What is parked or reported without a lane would else be cut off between its result and its acknowledgement.
        """
        self._is_settled.clear()
        if self._settling:
            await first_completed(self._is_settled.wait(), self._clocks.sleep(END_WITHIN_S))
        resting = list(self._resting.items())
        for _, task in resting:
            task.cancel()
        await asyncio.gather(*(task for _, task in resting), return_exceptions=True)
        for message, _ in resting:
            await self.give_back(message)

    def in_hand(self) -> Iterator[IncomingMessage]:
        """What is being settled, and what rests."""
        yield from self._settling
        yield from self._resting
