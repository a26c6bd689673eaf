"""Follows the result events of what was published again: a replay is done when its effect is proven."""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass

from aio_pika.abc import AbstractConnection
from aiormq.abc import DeliveredMessage

from consumers.broker.errors import BrokerLost, client_errors
from consumers.broker.queue_names import QueueNames
from consumers.messages.result import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultKey:
    """By what a result is told apart (docs/contract.md#results)."""

    message_id: str | None
    tenant: str | None
    room: str | None
    booking_id: str | None
    version: int | None


@dataclass(slots=True, kw_only=True)
class _Expected:
    outcome: Outcome | None
    count: int


class Following:
    """Results since it was opened. A queue of its own, which goes with the connection."""

    def __init__(self) -> None:
        self.outcomes: Counter[Outcome] = Counter()
        """How what was expected ended."""
        self.failed_codes: Counter[str] = Counter()
        """Why some failed again."""
        self.unforeseen_count = 0
        """How many ended otherwise than it was foretold."""
        self._expected: dict[ResultKey, _Expected] = {}
        self._news = asyncio.Event()
        self._lost = False

    @classmethod
    async def open(cls, connection: AbstractConnection, names: QueueNames) -> "Following":
        """Bind before anything is published, so that no result is missed."""
        following = cls()
        with client_errors():
            channel = await connection.channel(publisher_confirms=False)
            channel.close_callbacks.add(following._on_close)
            queue = await channel.declare_queue(exclusive=True, auto_delete=True)
            await queue.bind(names.results, routing_key="#")
            client = await channel.get_underlay_channel()
            await client.basic_consume(queue.name, following._on_result, no_ack=True)
        return following

    @property
    def waiting_count(self) -> int:
        """How many have no result yet."""
        return sum(each.count for each in self._expected.values())

    def expect(self, key: ResultKey, outcome: Outcome | None) -> None:
        """A message is about to be published; `outcome` as foretold, None where nobody can tell."""
        known = self._expected.setdefault(key, _Expected(outcome=outcome, count=0))
        known.count += 1

    async def until_all_told(self, *, within_s: float, stop: asyncio.Event) -> None:
        """Return when every message has its result, none came for so long, or somebody says stop.

        Raises:
            BrokerLost: no more results come by this way.
        """
        while self._expected and not stop.is_set():
            self._news.clear()
            stopped = asyncio.ensure_future(stop.wait())
            news = asyncio.ensure_future(self._news.wait())
            done, pending = await asyncio.wait({stopped, news}, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
            for task in pending:
                task.cancel()
            if self._lost:
                raise BrokerLost("the connection to the broker is lost")
            if not done:
                return

    async def _on_result(self, message: DeliveredMessage) -> None:
        try:
            told = json.loads(message.body)
            outcome = Outcome(told["outcome"])
            key = ResultKey(
                message_id=message.header.properties.correlation_id,
                tenant=told["tenant"],
                room=told["room"],
                booking_id=told["booking_id"],
                version=told["version"],
            )
            known, code = key in self._expected, (told["error"] or {}).get("code")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return  # a newer roomsync's, or none of ours
        if outcome is not Outcome.DELAYED and known:
            self._take(key, outcome, code if isinstance(code, str) else None)

    def _take(self, key: ResultKey, outcome: Outcome, code: str | None) -> None:
        expected = self._expected[key]
        expected.count -= 1
        if expected.count == 0:
            del self._expected[key]
        self.outcomes[outcome] += 1
        self.unforeseen_count += expected.outcome not in (None, outcome)
        if outcome is Outcome.FAILED and code is not None:
            self.failed_codes[code] += 1
        self._news.set()

    def _on_close(self, *_: object) -> None:
        self._lost = True
        self._news.set()
