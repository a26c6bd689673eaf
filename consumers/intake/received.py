"""A message as it is kept while it waits: its bytes, what it says about itself, and how to acknowledge it.

aio-pika's own is three times as large, and ten thousand of a partition may wait at once.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from aiormq.abc import AbstractChannel, DeliveredMessage, FieldValue
from pamqp import commands as spec

from consumers.intake.content import Content
from consumers.intake.wire import Properties


class Readable(Protocol):
    """A message that can be looked at and published again; aio-pika's can, too."""

    @property
    def body(self) -> bytes:
        """What it says; empty for more than a command may have."""
        ...

    @property
    def size_bytes(self) -> int:
        """How many bytes that are, kept or not."""
        ...

    @property
    def properties(self) -> Properties | spec.Basic.Properties:
        """What it says about itself."""
        ...


class Described(Protocol):
    """What a message says, and all that it is told apart by; read only."""

    @property
    def body(self) -> bytes:
        """The bytes as they were published; empty for more than a command may have."""
        ...

    @property
    def size_bytes(self) -> int:
        """How many bytes that are, kept or not."""
        ...

    @property
    def headers(self) -> Mapping[str, FieldValue]:
        """Those of the publisher, of workers and of the broker."""
        ...

    @property
    def message_id(self) -> str | None:
        """The publisher's name for it; missing or doubled where the publisher was careless."""
        ...

    @property
    def timestamp(self) -> datetime | None:
        """When it was published, if the publisher said so."""
        ...

    @property
    def routing_key(self) -> str | None:
        """The key it came with."""
        ...


class Handed(Readable, Described, Protocol):
    """A message that the broker handed out and that waits for its acknowledgement."""

    @property
    def processed(self) -> bool:
        """Whether it was acknowledged or given back."""
        ...

    async def ack(self) -> None:
        """Tell the broker that it is done with."""
        ...

    async def nack(self, *, requeue: bool) -> None:
        """Tell the broker that it is not."""
        ...


class Received(Content):
    """One message of a consumer. Its channel raises an `AMQPError` once it is closed."""

    __slots__ = ("_channel", "processed")

    def __init__(self, delivered: DeliveredMessage) -> None:
        super().__init__(delivered)
        self.processed = False
        self._channel: AbstractChannel = delivered.channel

    async def ack(self) -> None:
        """Tell the broker that it is done with. What is lost on the way comes again, waited for or not."""
        await self._channel.basic_ack(self.delivery_tag, wait=False)
        self.processed = True

    async def nack(self, *, requeue: bool) -> None:
        """Give it back to its queue, or drop it."""
        await self._channel.basic_nack(self.delivery_tag, requeue=requeue, wait=False)
        self.processed = True
