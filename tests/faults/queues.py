"""The broker's queues in memory: what was sent away comes back when its time has come, as RabbitMQ would bring it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from aio_pika import Message

from consumers.messages.result import Outcome, ResultEvent
from tests.fake_broker import FakeMessage, FakeSession

CODE, LOOK = "x-roomsync-error-code", "x-roomsync-look"


@dataclass(frozen=True, kw_only=True)
class Away:
    """A message in a deferred queue, or on its way to the commands (`due_s` is now)."""

    due_s: float
    message: Message
    routing_key: str


@dataclass(kw_only=True)
class Queues(FakeSession):
    """What a worker publishes. `told` says it in words, by message id; `clock` gives seconds."""

    clock: Callable[[], float]
    away: list[Away] = field(default_factory=list)
    told: dict[str, list[str]] = field(default_factory=dict)
    finished_at_s: dict[str, float] = field(default_factory=dict)
    """When a command got its last result."""

    async def to_commands(self, message: Message, room: str) -> None:
        await super().to_commands(message, room)
        self.away.append(Away(due_s=self.clock(), message=message, routing_key=room))

    async def to_deferred(self, message: Message, routing_key: str, tier_s: int) -> None:
        await super().to_deferred(message, routing_key, tier_s)
        self.away.append(Away(due_s=self.clock() + tier_s, message=message, routing_key=routing_key))
        look = message.headers.get(LOOK)
        why = f"second look in {tier_s} s" if look else f"back in {tier_s} s: {message.headers[CODE]!s}"
        self._tell(message.message_id, why)

    async def result(self, event: ResultEvent) -> None:
        await super().result(event)
        if event.outcome is not Outcome.DELAYED:
            self.finished_at_s[event.message_id or ""] = self.clock()
        self._tell(event.message_id, f"{event.outcome}: {event.error.code}" if event.error else event.outcome.value)

    def _tell(self, message_id: str | None, words: str) -> None:
        self.told.setdefault(message_id or "", []).append(words)

    def next_due_s(self) -> float | None:
        """When the next message comes back."""
        return min((each.due_s for each in self.away), default=None)

    def take_due(self) -> list[FakeMessage]:
        """What has come back by now."""
        now_s = self.clock()
        due = [each for each in self.away if each.due_s <= now_s]
        self.away = [each for each in self.away if each.due_s > now_s]
        return [
            FakeMessage(
                each.message.body,
                self,
                headers=dict(each.message.headers),
                routing_key=each.routing_key,
                message_id=each.message.message_id,
            )
            for each in due
        ]
