"""A broker's session and messages in memory; one journal remembers, in order, what was published and acknowledged."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

from aio_pika import Message
from aiormq.exceptions import ChannelInvalidStateError
from pamqp import commands as spec

from consumers.broker.delivery import ParsedDelivery
from consumers.broker.incoming_message import HandedOut, Receipt
from consumers.broker.session import Cancel, NotPublished, Subscription
from consumers.messages.disposition import Completed, Look, Problem
from consumers.messages.result import ResultEvent
from consumers.messages.violations import KnownMembers


@dataclass
class FakeSession:
    """`Session` as settling uses it. `refuse` names a kind of publishing that fails from now on."""

    journal: list[tuple[str, Any]] = field(default_factory=list)
    refuse: set[str] = field(default_factory=set)
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    why_lost: str = ""
    next_tag: int = 0
    consumers: list[Subscription] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.handed_out = HandedOut(lambda: self.is_lost)
        self.channel = FakeChannel(self)

    def lose(self, why: str) -> None:
        self.why_lost = self.why_lost or why
        self.lost.set()

    @property
    def is_lost(self) -> bool:
        return self.lost.is_set()

    async def consume(self, *consumers: Subscription) -> list[Cancel]:
        self.consumers += consumers

        async def cancel(one: Subscription) -> None:
            self.consumers.remove(one)

        return [partial(cancel, one) for one in consumers]

    async def to_commands(self, message: Message, room: str) -> None:
        self._note("command", (message, room))

    async def to_deferred(self, message: Message, routing_key: str, tier_s: int) -> None:
        self._note("deferred", (message, routing_key, tier_s))

    async def to_failed(self, message: Message, routing_key: str) -> None:
        self._note("failed", (message, routing_key))

    async def result(self, event: ResultEvent) -> None:
        self._note("result", event)

    def _note(self, kind: str, what: object) -> None:
        if kind in self.refuse or self.is_lost:
            raise NotPublished(kind)
        self.journal.append((kind, what))

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.journal]

    def all_of(self, kind: str) -> list[Any]:
        return [what for each, what in self.journal if each == kind]


class FakeChannel:
    """A channel that takes an answer to what it handed out, once: as RabbitMQ, it is closed by a second one."""

    def __init__(self, session: FakeSession) -> None:
        self._session = session
        self._unacked: dict[int, FakeMessage] = {}
        self.is_closed = False
        self.break_next: list[Exception] = []
        """What the next answers raise instead of being sent."""

    def hand_out(self, message: "FakeMessage") -> int:
        """The delivery's tag."""
        tag = self._session.next_tag = self._session.next_tag + 1
        self._unacked[tag] = message
        return tag

    async def basic_ack(self, delivery_tag: int, multiple: bool = False, wait: bool = True) -> None:
        self._answer("ack", delivery_tag)

    async def basic_nack(
        self, delivery_tag: int, multiple: bool = False, requeue: bool = True, wait: bool = True
    ) -> None:
        self._answer("requeue" if requeue else "drop", delivery_tag)

    def _answer(self, kind: str, tag: int) -> None:
        if self.break_next:
            raise self.break_next.pop(0)
        if self.is_closed or self._session.is_lost:
            raise ChannelInvalidStateError("closed")
        message = self._unacked.pop(tag, None)
        if message is None:
            # The client is told of it later: it does not wait for what an answer does.
            self.is_closed = True
            self._session.lose(f"PRECONDITION_FAILED - unknown delivery tag {tag}")
            return
        self._session.journal.append((kind, message.message_id))


@dataclass(eq=False)
class FakeMessage(Receipt):
    """An incoming message, as far as anybody looks at one; what is said of it goes through its session's channel."""

    body: bytes
    session: FakeSession
    headers: Mapping[str, Any] = field(default_factory=dict)
    routing_key: str = "board@acme.example"
    message_id: str | None = "m-1"
    content_type: str | None = "application/json"
    content_encoding: str | None = None
    priority: int | None = None
    correlation_id: str | None = None
    reply_to: str | None = None
    timestamp: Any = None
    type: str | None = None
    app_id: str | None = "spaceiq"
    user_id: str | None = None
    expiration: Any = None
    redelivered: bool = False
    has_too_many_headers: bool = False
    not_kept_bytes: int = 0
    """Of a body that was too large to be kept."""

    def __post_init__(self) -> None:
        channel = self.session.channel
        super().__init__(cast(Any, channel), channel.hand_out(self), self.session.handed_out)

    @property
    def size_bytes(self) -> int:
        return len(self.body) + self.not_kept_bytes

    @property
    def properties(self) -> spec.Basic.Properties:
        return spec.Basic.Properties(
            content_type=self.content_type,
            content_encoding=self.content_encoding,
            headers=dict(self.headers),
            priority=self.priority,
            correlation_id=self.correlation_id,
            reply_to=self.reply_to,
            expiration=self.expiration,
            message_id=self.message_id,
            timestamp=self.timestamp,
            message_type=self.type,
            user_id=self.user_id,
            app_id=self.app_id,
        )


@dataclass
class FakeObserver:
    """Counts what it is told."""

    told: list[tuple[str, str]] = field(default_factory=list)

    def finished(self, delivery: ParsedDelivery, settled: Completed, result: ResultEvent) -> None:
        self.told.append(("finished", result.outcome))

    def deferred(self, delivery: ParsedDelivery, problem: Problem, *, wait_s: int, attempts: int) -> None:
        self.told.append(("deferred", f"{problem.code} {wait_s}"))

    def failed(self, delivery: ParsedDelivery, problem: Problem, *, attempts: int) -> None:
        self.told.append(("failed", problem.code))

    def unreadable(self, known: KnownMembers, code: str, message_id: str | None) -> None:
        self.told.append(("unreadable", code))

    def look_ordered(self, delivery: ParsedDelivery, look: Look, *, wait_s: int) -> None:
        self.told.append(("look_ordered", f"{look} {wait_s}"))

    def looked(self, delivery: ParsedDelivery) -> None:
        self.told.append(("looked", delivery.look or ""))

    def released(self, delivery: ParsedDelivery) -> None:
        self.told.append(("released", delivery.message.message_id or ""))
