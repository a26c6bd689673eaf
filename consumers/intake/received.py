"""A message as it is kept while it waits: its bytes, what it says about itself, and how to acknowledge it.

aio-pika's own is three times as large, and ten thousand of a partition may wait at once.
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Protocol, cast

from aiormq.abc import AbstractChannel, DeliveredMessage, FieldValue
from pamqp import commands as spec

from consumers.intake.fields import decoded_table, instant_of, text_of
from consumers.intake.frames import Header
from consumers.intake.wire import Properties

_NO_HEADERS: Mapping[str, FieldValue] = MappingProxyType({})


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


class Received:
    """One message of a consumer. Its channel raises an `AMQPError` once it is closed."""

    __slots__ = (
        "_channel",
        "_tag",
        "body",
        "head",
        "headers",
        "message_id",
        "processed",
        "properties",
        "redelivered",
        "routing_key",
        "size_bytes",
        "timestamp",
    )

    def __init__(self, delivered: DeliveredMessage) -> None:
        assert delivered.delivery_tag is not None  # noqa: S101 - consumed, and not without acknowledgement
        header = cast(Header, delivered.header)
        self.body = delivered.body
        self.size_bytes = header.size_bytes
        self.head = header.head
        """The beginning of a body that was too large to be kept."""
        self.properties = cast(Properties, header.properties)
        parts = self.properties.parts()
        self.headers: Mapping[str, FieldValue] = decoded_table(parts["headers"]) if "headers" in parts else _NO_HEADERS
        self.message_id = text_of(parts["message_id"][1:]) if "message_id" in parts else None
        self.timestamp = instant_of(parts["timestamp"]) if "timestamp" in parts else None
        self.routing_key = delivered.routing_key
        self.redelivered = bool(delivered.redelivered)
        self.processed = False
        self._tag: int = delivered.delivery_tag
        self._channel: AbstractChannel = delivered.channel

    @property
    def delivery_tag(self) -> int:
        """What the broker calls it on its channel."""
        return self._tag

    async def ack(self) -> None:
        """Tell the broker that it is done with. What is lost on the way comes again, waited for or not."""
        await self._channel.basic_ack(self._tag, wait=False)
        self.processed = True

    async def nack(self, *, requeue: bool) -> None:
        """Give it back to its queue, or drop it."""
        await self._channel.basic_nack(self._tag, requeue=requeue, wait=False)
        self.processed = True
