"""Listens to the result events, as any consumer of roomsync.results would: with a queue of its own."""

from collections import Counter, defaultdict
from collections.abc import Callable

from aio_pika.abc import AbstractConnection, AbstractIncomingMessage

from consumers.broker.queue_names import QueueNames
from consumers.messages.result import Outcome, ResultEvent
from worker.demo.check import ResultKey


class Results:
    """The results so far. `on_result` is called with each as it arrives."""

    def __init__(self, on_result: Callable[[ResultEvent], None]) -> None:
        self._on_result = on_result
        self._final: defaultdict[ResultKey, list[Outcome]] = defaultdict(list)

    async def listen(self, connection: AbstractConnection, names: QueueNames) -> None:
        """Bind a queue that goes when the connection does; the exchange must be there already."""
        channel = await connection.channel()
        queue = await channel.declare_queue(exclusive=True, auto_delete=True)
        await queue.bind(names.results, routing_key="#")
        await queue.consume(self._on_message)

    async def _on_message(self, message: AbstractIncomingMessage) -> None:
        async with message.process():
            result = ResultEvent.model_validate_json(message.body)
            self.take(result)
            self._on_result(result)

    def take(self, result: ResultEvent) -> None:
        """Remember a result; one that is delayed is followed by another and counts for nothing."""
        if result.outcome is not Outcome.DELAYED:
            self._final[result.booking_id or "", result.room or "", result.version or 0].append(result.outcome)

    def count(self, key: ResultKey) -> int:
        """How many final results there are for a version of a booking in a room."""
        return len(self._final.get(key, ()))

    def final(self) -> dict[ResultKey, list[Outcome]]:
        """Every final outcome."""
        return dict(self._final)

    def by_outcome(self) -> Counter[str]:
        """How often each outcome was reported."""
        return Counter(str(outcome) for outcomes in self._final.values() for outcome in outcomes)
