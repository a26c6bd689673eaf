"""Consumes the partition queues and hands each command to its lane; one worker holds a partition at a time."""

from consumers.bookings.room import Clocks
from consumers.bookings.verdict import Parked, Problem
from consumers.intake.deliveries import RETURNED_PARKED
from consumers.intake.lanes import Lanes
from consumers.intake.names import Names
from consumers.intake.reading import Reader
from consumers.intake.received import Handed
from consumers.intake.session import Cancel, Consumer, Session
from consumers.intake.settle import Settler
from consumers.intake.windows import PREFETCH


class Partitions:
    """All partitions, consumed alike; single active consumer lets one worker through for each."""

    def __init__(
        self,
        *,
        names: Names,
        count: int,
        reader: Reader,
        lanes: Lanes,
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

    def _consumer(self, session: Session, number: int) -> Consumer:
        delivered_from = self.delivered_from

        async def on_message(message: Handed) -> None:
            delivered_from.add(number)
            await self._accept(message, session, number)

        return Consumer(self._names.partition(number), PREFETCH, on_message)

    async def _accept(self, message: Handed, session: Session, number: int) -> None:
        self.last_arrival_s = self._clocks.monotonic()
        try:
            await self._hand_on(message, session, number)
        except Exception as error:  # noqa: BLE001 - nothing leaves here without a settlement, whatever it met
            await self.settler.unread(message, session, error)

    async def _hand_on(self, message: Handed, session: Session, number: int) -> None:
        key, envelope = self._reader.glance(message, session)
        _, room = key
        if envelope.returned >= RETURNED_PARKED:
            problem = Problem.coded("crashed_worker")
            await self.settler.settle([self._reader.read(envelope)], Parked(problem=problem))
        elif envelope.routing_key != room:
            await self.settler.forward(self._reader.read(envelope))
        else:
            self._lanes.put(key, envelope, number)
