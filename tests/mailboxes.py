"""Collects what arrives in queues, so that a test waits for messages and never for time to pass."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractIncomingMessage, AbstractQueue

from consumers.broker.message_copy import Copy
from consumers.broker.properties import Properties


class Collector:
    """Everything that a queue was given, in order; nothing is acknowledged, so it stays there.

    Args:
        explain: what to show when a wait ends in vain.
    """

    def __init__(self, explain: Callable[[], str]) -> None:
        self.messages: list[AbstractIncomingMessage] = []
        self._explain = explain
        self._arrived = asyncio.Condition()

    async def listen(self, queue: AbstractQueue) -> None:
        await queue.consume(self._take)

    async def _take(self, message: AbstractIncomingMessage) -> None:
        async with self._arrived:
            self.messages.append(message)
            self._arrived.notify_all()

    async def until(self, condition: Callable[[], bool], what: str, within_s: float) -> None:
        """Wait until the condition, looked at after every arrival, holds."""
        try:
            async with asyncio.timeout(within_s), self._arrived:
                await self._arrived.wait_for(condition)
        except TimeoutError:
            told = f"waited {within_s} s for {what}; arrived: {len(self.messages)}"
            raise AssertionError(f"{told}\n{self._explain()}") from None

    async def of(self, message_id: str, within_s: float = 30) -> AbstractIncomingMessage:
        """The first message with this id."""
        await self.until(lambda: message_id in self._by_id(), f"message {message_id}", within_s)
        return self._by_id()[message_id]

    def _by_id(self) -> dict[str | None, AbstractIncomingMessage]:
        return {message.message_id: message for message in reversed(self.messages)}


class Results(Collector):
    """Result events."""

    @property
    def told(self) -> list[dict[str, Any]]:
        """The bodies, in order."""
        return [json.loads(message.body) for message in self.messages]

    async def wait_for(self, count: int, within_s: float = 30) -> list[dict[str, Any]]:
        """All results once there are so many."""
        await self.until(lambda: len(self.messages) >= count, f"{count} results", within_s)
        return self.told

    async def about(self, message_id: str, within_s: float = 30, *, count: int = 1) -> list[dict[str, Any]]:
        """The results of one message, once there are so many."""
        await self.until(lambda: len(self._of(message_id)) >= count, f"results of {message_id}", within_s)
        return [json.loads(message.body) for message in self._of(message_id)]

    async def only(self, message_id: str, within_s: float = 30) -> dict[str, Any]:
        """The one result of a message."""
        (result,) = await self.about(message_id, within_s)
        return result

    def routing_key(self, message_id: str) -> str | None:
        """The routing key of a message's first result."""
        return self._of(message_id)[0].routing_key

    def _of(self, message_id: str) -> list[AbstractIncomingMessage]:
        return [message for message in self.messages if message.correlation_id == message_id]


def again(message: AbstractIncomingMessage) -> Message:
    """What another client was given, as an operator publishes it again."""
    copy = Copy(message.body, Properties.of(message.properties), {})
    return Message(
        copy.body,
        headers=dict(copy.headers),
        content_type=message.content_type,
        message_id=message.message_id,
        timestamp=message.timestamp,
        delivery_mode=DeliveryMode.PERSISTENT,
    )
