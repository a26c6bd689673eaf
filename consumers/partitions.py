"""Consumes the partition queues and hands each command to its lane; one worker holds a partition at a time."""

from consumers.broker.delivery import RETURNED_PARKED
from consumers.broker.incoming_message import IncomingMessage
from consumers.broker.parsing import Reader
from consumers.broker.queue_names import QueueNames
from consumers.broker.session import Cancel, Session, Subscription
from consumers.messages.disposition import DeadLettered, Problem
from consumers.scheduling.dispatcher import Dispatcher
from consumers.scheduling.prefetch_window import PREFETCH
from consumers.settlement.settle import Settler
from consumers.sync.room import Clocks


class Partitions:
    """All partitions, consumed alike; single active consumer lets one worker through for each."""

    def __init__(
        self,
        *,
        names: QueueNames,
        count: int,
        reader: Reader,
        lanes: Dispatcher,
        settler: Settler,
        clocks: Clocks,
    ) -> None:
        self._names = names
        self._count = count
        self._reader = reader
        self._lanes = lanes
        self.settler = settler
        self._clocks = clocks
        self.last_arrival_s = clocks.monotonic()
        """Monotonic; for `--exit-when-idle`."""
        self.delivered_from: set[int] = set()
        """Partitions that this session got a message from: the broker let this worker through for them."""

    async def consume(self, session: Session) -> list[Cancel]:
        """Begin to consume every partition. Returns what ends it."""
        self.delivered_from = set()
        # One after the other: begun all at once, a backlog comes so mixed that the first batches of rooms are small.
        return await session.consume(*(self._consumer(session, number) for number in range(self._count)))

    def _consumer(self, session: Session, number: int) -> Subscription:
        delivered_from = self.delivered_from

        async def on_message(message: IncomingMessage) -> None:
            delivered_from.add(number)
            await self._accept(message, session, number)

        return Subscription(self._names.partition(number), PREFETCH, on_message)

    async def _accept(self, message: IncomingMessage, session: Session, number: int) -> None:
        self.last_arrival_s = self._clocks.monotonic()
        try:
            await self._hand_on(message, session, number)
        except Exception as error:  # noqa: BLE001 - nothing leaves here without a settlement, whatever it met
            await self.settler.unread(message, session, error)

    async def _hand_on(self, message: IncomingMessage, session: Session, number: int) -> None:
        key, envelope = self._reader.glance(message, session)
        _, room = key
        if envelope.returned >= RETURNED_PARKED:
            problem = Problem.coded("crashed_worker")
            await self.settler.settle([self._reader.read(envelope)], DeadLettered(problem=problem))
        elif envelope.routing_key != room:
            await self.settler.forward(self._reader.read(envelope))
        else:
            self._lanes.put(key, envelope, number)
