"""RabbitMQ in memory, as far as a worker sees it: a queue for each room, deferred queues, the failed queue, results.

What a process had in hand when it died comes back in front, once more counted; a publish may fail or go unconfirmed.
"""

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, cast

from aio_pika import Message
from aiormq.abc import AbstractChannel, FieldTable
from pamqp import commands as spec

from adapters.calendar import RoomAddress
from consumers.broker.incoming_message import HandedOut, Receipt
from consumers.broker.session import Cancel, NotPublished, OnMessage, Subscription
from consumers.messages.result import ResultEvent
from tests.properties.steps import Process, Steps

BrokerTrouble = Literal["not published", "published but not confirmed"]
Headers = dict[str, object]


@dataclass(slots=True, eq=False, kw_only=True)
class Stored:
    """A message in a queue."""

    body: bytes
    message_id: str
    routing_key: str
    headers: Headers = field(default_factory=dict)
    returned: int = 0

    @property
    def is_look(self) -> bool:
        return "x-roomsync-look" in self.headers

    @property
    def place(self) -> tuple[object, object]:
        """Room and booking, as roomsync noted them on what it published again."""
        return self.headers.get("x-roomsync-room"), self.headers.get("x-roomsync-booking-id")

    @property
    def is_derived(self) -> bool:
        return "x-roomsync-derived" in self.headers


@dataclass(eq=False)
class Broker:
    """All queues. `say` writes the history."""

    steps: Steps
    clock: Callable[[], float]
    say: Callable[[str], None]
    queues: defaultdict[str, list[Stored]] = field(default_factory=lambda: defaultdict(list))
    deferred: list[tuple[float, Stored]] = field(default_factory=list)
    failed: list[Stored] = field(default_factory=list)
    on_parked: Callable[[Stored], None] = field(default=lambda _: None)
    results: list[ResultEvent] = field(default_factory=list)
    troubles: deque[BrokerTrouble] = field(default_factory=deque)
    """What the next publishes meet."""
    mishaps: int = 0
    """Takeovers, crashes and lost confirms: each may cause one more delivery than there were messages."""

    def pass_by(self, now_s: float) -> None:
        """Hand back what was deferred until now."""
        for due_s, stored in sorted(self.deferred, key=lambda pair: pair[0]):
            if due_s <= now_s:
                self.deferred = [pair for pair in self.deferred if pair[1] is not stored]
                self.queues[stored.routing_key].append(stored)

    def defer(self, stored: Stored, tier_s: int) -> None:
        """Put a message into a deferred queue."""
        self.deferred.append((self.clock() + tier_s, stored))

    def park(self, stored: Stored) -> None:
        """Put a message into the failed queue."""
        self.failed.append(stored)
        self.on_parked(stored)

    def give_back(self, session: "HeldSession") -> None:
        """A consumer is gone: what it had not acknowledged stands in front again."""
        self.mishaps += 1
        for stored in session.unacked:
            stored.returned += 1
        self.queues[session.room][:0] = session.unacked
        session.unacked = []


class HeldSession:
    """A worker's `Session`: every publish and every acknowledgement is a step."""

    def __init__(self, broker: Broker, process: Process, room: RoomAddress) -> None:
        self.room = room
        self.unacked: list[Stored] = []
        self.is_lost = False
        self.handed_out = HandedOut(lambda: self.is_lost, broker.clock)
        self._broker, self._process = broker, process
        self._on_message: OnMessage | None = None

    async def consume(self, consumer: Subscription) -> list[Cancel]:
        self._on_message = consumer.on_message

        async def cancel() -> None:
            self._on_message = None

        return [cancel]

    def deliver(self, count: int) -> int:
        """Hand over messages that wait, all at once."""
        queue = self._broker.queues[self.room]
        taken, queue[:] = queue[:count], queue[count:]
        self.unacked += taken
        assert self._on_message is not None
        for stored in taken:
            message = HeldMessage(stored, self)
            self._broker.steps.start(self._process, self._on_message(message))  # type: ignore[arg-type]
        self._broker.steps.loop.run_ready()
        return len(taken)

    async def to_commands(self, message: Message, room: str) -> None:
        await self._publish(f"publish to {room}", lambda: self._queue(message, room))

    async def to_deferred(self, message: Message, routing_key: str, tier_s: int) -> None:
        await self._publish(f"defer for {tier_s} s", lambda: self._broker.defer(_stored(message, routing_key), tier_s))

    async def to_failed(self, message: Message, routing_key: str) -> None:
        await self._publish("park", lambda: self._broker.park(_stored(message, routing_key)))

    async def result(self, event: ResultEvent) -> None:
        await self._publish(
            f"result {event.outcome} of {event.booking_id} v{event.version}",
            lambda: self._broker.results.append(event),
        )

    async def ack(self, stored: Stored) -> None:
        await self._step("ack")
        if stored in self.unacked:
            self.unacked.remove(stored)

    async def nack(self, stored: Stored) -> None:
        await self._step("nack")
        if stored in self.unacked:
            self.unacked.remove(stored)
            stored.returned += 1
            self._broker.mishaps += 1
            self._broker.queues[self.room].insert(0, stored)

    def _queue(self, message: Message, room: str) -> None:
        self._broker.queues[room].append(_stored(message, room))

    async def _publish(self, what: str, publish: Callable[[], None]) -> None:
        await self._step(what)
        if self.is_lost:
            raise NotPublished("the connection to the broker is lost")
        troubles = self._broker.troubles
        trouble = troubles.popleft() if troubles else None
        if trouble != "not published":
            publish()
        if trouble:
            self._broker.mishaps += 1
            raise NotPublished(trouble)

    async def _step(self, what: str) -> None:
        await self._broker.steps.before(self._process, what)
        self._broker.say(f"{self._process.name}: {what}")


class HeldMessage(Receipt):
    """What a session hands over."""

    timestamp = None

    def __init__(self, stored: Stored, session: HeldSession) -> None:
        self.body, self.message_id, self.routing_key = stored.body, stored.message_id, stored.routing_key
        self.headers = {**stored.headers, **({"x-delivery-count": stored.returned} if stored.returned else {})}
        self.size_bytes = len(stored.body)
        self.has_too_many_headers = False
        self.redelivered = stored.returned > 0
        super().__init__(cast("AbstractChannel", _Answers(stored, session)), 1, session.handed_out)

    @property
    def properties(self) -> spec.Basic.Properties:
        return spec.Basic.Properties(headers=cast(FieldTable, self.headers), message_id=self.message_id)


class _Answers:
    """A channel of one delivery."""

    def __init__(self, stored: Stored, session: HeldSession) -> None:
        self._stored, self._session = stored, session

    async def basic_ack(self, _tag: int, *, wait: bool) -> None:
        assert not wait
        await self._session.ack(self._stored)

    async def basic_nack(self, _tag: int, *, requeue: bool, wait: bool) -> None:
        assert requeue
        assert not wait
        await self._session.nack(self._stored)


def _stored(message: Message, routing_key: str) -> Stored:
    return Stored(
        body=message.body,
        message_id=message.message_id or "",
        routing_key=routing_key,
        headers=dict(message.headers),
    )
