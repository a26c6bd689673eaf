"""A message as it is kept while it waits: its bytes, what it says about itself, and how to acknowledge it.

aio-pika's own is three times as large, and ten thousand of a partition may wait at once.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from aiormq.abc import DeliveredMessage, FieldValue
from pamqp import commands as spec

from consumers.broker.content import Content
from consumers.broker.oversized import Sized
from consumers.broker.properties import Properties
from consumers.broker.receipt import HandedOut, Receipt, State

_ID = re.compile(r"[!-~]{1,100}")


def shown_id(message_id: object) -> str | None:
    """A message's id for the log: anybody may write one, so what is no id (a sentence, a page of text) is left out."""
    return message_id if isinstance(message_id, str) and _ID.fullmatch(message_id) else None


class Readable(Sized, Protocol):
    """A message that can be looked at and published again; aio-pika's can, too."""

    @property
    def body(self) -> bytes:
        """What it says; empty for more than a command may have."""
        ...

    @property
    def properties(self) -> Properties | spec.Basic.Properties:
        """What it says about itself."""
        ...


class Described(Sized, Protocol):
    """What a message says, and all that it is told apart by; read only."""

    @property
    def body(self) -> bytes:
        """The bytes as they were published; empty for more than a command may have."""
        ...

    @property
    def headers(self) -> Mapping[str, FieldValue]:
        """Those that roomsync reads: of the publisher, of workers and of the broker."""
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


class IncomingMessage(Readable, Described, Protocol):
    """A message that the broker handed out and that waits for its acknowledgement."""

    @property
    def state(self) -> State:
        """Whether the broker was told of it, or will hand it out again by itself."""
        ...

    @property
    def redelivered(self) -> bool:
        """Whether the broker handed it out before: only then does its count of deliveries mean anything."""
        ...

    async def ack(self) -> None:
        """Tell the broker that it is done with."""
        ...

    async def nack(self, *, requeue: bool) -> None:
        """Tell the broker that it is not."""
        ...


class Received(Content, Receipt):
    """One message of a consumer."""

    __slots__ = ("_channel", "_handed_out", "_state", "_tag")

    def __init__(self, delivered: DeliveredMessage, handed_out: HandedOut) -> None:
        Content.__init__(self, delivered)
        Receipt.__init__(self, delivered.channel, self.delivery_tag, handed_out)
