"""Consumes the partition queues and hands each command to its lane; one worker holds a partition at a time."""

from dataclasses import dataclass, field

from consumers.broker.delivery import RETURNED_PARKED
from consumers.broker.incoming_message import IncomingMessage
from consumers.broker.parsing import Reader
from consumers.broker.queue_names import QueueNames
from consumers.broker.session import Cancel, Session, Subscription
from consumers.messages.disposition import DeadLettered, Problem
from consumers.scheduling.dispatcher import Dispatcher
from consumers.scheduling.prefetch_window import PREFETCH, PrefetchWindow
from consumers.settlement.settle import Settler
from consumers.sync.room import Clocks


@dataclass(slots=True, eq=False)
class Partition:
    """One partition queue. `cancel` ends its consumer; None: it is not consumed."""

    number: int
    window: PrefetchWindow = field(default_factory=PrefetchWindow)
    """What is in hand of it."""
    has_delivered: bool = False
    """This session got a message from it: the broker let this worker through."""
    cancel: Cancel | None = None


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
        self.all = [Partition(number) for number in range(count)]
        self._reader = reader
        self._lanes = lanes
        self.settler = settler
        self._clocks = clocks
        self.last_arrival_s = clocks.monotonic()
        """Monotonic; for `--exit-when-idle`."""

    @property
    def delivered_from(self) -> set[int]:
        """The numbers of those that this session got a message from."""
        return {each.number for each in self.all if each.has_delivered}

    @property
    def cancels(self) -> list[Cancel]:
        """What ends the consumers that there are."""
        return [each.cancel for each in self.all if each.cancel is not None]

    async def consume(self, session: Session) -> None:
        """Begin to consume every partition."""
        for each in self.all:
            each.has_delivered = False
        # One after the other: begun all at once, a backlog comes so mixed that the first batches of rooms are small.
        cancels = await session.consume(*(self._subscription(session, each) for each in self.all))
        for each, cancel in zip(self.all, cancels, strict=True):
            each.cancel = cancel

    def let_go(self) -> None:
        """The session is over, and its consumers with it."""
        for each in self.all:
            each.cancel = None

    def _subscription(self, session: Session, partition: Partition) -> Subscription:
        async def on_message(message: IncomingMessage) -> None:
            partition.has_delivered = True
            await self._accept(message, session, partition)

        return Subscription(self._names.partition(partition.number), PREFETCH, on_message)

    async def _accept(self, message: IncomingMessage, session: Session, partition: Partition) -> None:
        self.last_arrival_s = self._clocks.monotonic()
        try:
            await self._hand_on(message, session, partition)
        except Exception as error:  # noqa: BLE001 - nothing leaves here without a settlement, whatever it met
            await self.settler.unread(message, session, error)

    async def _hand_on(self, message: IncomingMessage, session: Session, partition: Partition) -> None:
        key, envelope = self._reader.glance(message, session)
        _, room = key
        if envelope.returned >= RETURNED_PARKED:
            problem = Problem.coded("crashed_worker")
            await self.settler.settle([self._reader.read(envelope)], DeadLettered(problem=problem))
        elif envelope.routing_key != room:
            await self.settler.forward(self._reader.read(envelope))
        else:
            self._lanes.put(key, envelope, partition.window)
