"""A message as it is kept while it waits: its bytes, what it says about itself, and what the broker was told of it.

aio-pika's own is three times as large, and ten thousand of a partition may wait at once. Told twice of one delivery,
RabbitMQ closes the channel (406, "unknown delivery tag"): each has one state, and only `Receipt` settles it.
"""

import re
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from enum import StrEnum, auto
from types import MappingProxyType
from typing import Protocol, cast

from aiormq.abc import AbstractChannel, DeliveredMessage, FieldValue
from pamqp import commands as spec

from consumers.broker.field_table import Table, instant_of, plain_values, text_of
from consumers.broker.frames import HEAD_BYTES, Header
from consumers.broker.properties import Properties
from consumers.broker.queue_names import is_read
from consumers.messages.json_object import MAX_BYTES


class State(StrEnum):
    """What becomes of a delivery; from `OPEN` to one of the others, and never back."""

    OPEN = auto()
    ACKED = auto()
    RETURNED = auto()
    LOST = auto()
    """Its session is lost, or an answer to it may not have left: it comes again, whatever is said of it now."""


class AlreadySettled(Exception):
    """The broker was told of this delivery before, or will hand it out again: nothing more may be said of it."""


class HandedOut:
    """What the broker waits for in a session. `is_lost`: it hands all of it out again."""

    def __init__(self, is_lost: Callable[[], bool], clock: Callable[[], float] = time.monotonic) -> None:
        self._is_lost = is_lost
        self._clock = clock
        self._since_s: dict[Receipt, float] = {}

    @property
    def is_lost(self) -> bool:
        """Whether nothing of it can be settled any more."""
        return self._is_lost()

    def __len__(self) -> int:
        return len(self._since_s)

    def begin(self, receipt: "Receipt") -> None:
        """The broker waits for it from now on."""
        self._since_s[receipt] = self._clock()

    def end(self, receipt: "Receipt") -> None:
        """The broker was told."""
        self._since_s.pop(receipt, None)

    def older_than(self, age_s: float) -> "list[Receipt]":
        """Those that were handed out longer ago, the oldest first."""
        limit_s, old = self._clock() - age_s, []
        for receipt, since_s in self._since_s.items():
            if since_s > limit_s:
                break
            old.append(receipt)
        return old


class Receipt:
    """A delivery's state. Its channel raises an `AMQPError` or a `RuntimeError` once it is closed."""

    # No `__slots__`: `Received`, of which there are thousands, has them, beside those of its content.
    def __init__(self, channel: AbstractChannel, tag: int, handed_out: HandedOut) -> None:
        self._channel = channel
        self._tag = tag
        self._handed_out = handed_out
        self._state = State.OPEN
        handed_out.begin(self)

    @property
    def state(self) -> State:
        """Where it stands."""
        if self._state is State.OPEN and self._handed_out.is_lost:
            return State.LOST
        return self._state

    async def ack(self) -> None:
        """Tell the broker that it is done with; what is lost on the way comes again. Raises `AlreadySettled`."""
        await self._tell(State.ACKED, lambda: self._channel.basic_ack(self._tag, wait=False))

    async def nack(self, *, requeue: bool) -> None:
        """Give it back to its queue, or drop it. Raises `AlreadySettled`."""
        await self._tell(State.RETURNED, lambda: self._channel.basic_nack(self._tag, requeue=requeue, wait=False))

    async def _tell(self, state: State, tell: Callable[[], Awaitable[None]]) -> None:
        if self.state is not State.OPEN:
            raise AlreadySettled(f"it is {self.state} already")
        # Before the first await: somebody else might settle it meanwhile.
        self._state = state
        try:
            await tell()
        except BaseException:
            # The answer may have left or not, and a second one would close the channel.
            self._state = State.LOST
            raise
        self._handed_out.end(self)


_NO_TABLE = Table([], b"")
_NO_HEADERS: Mapping[str, FieldValue] = MappingProxyType({})


class Content:
    """One message. Nothing that a publisher wrote raises here, or when it is looked at.

    `head` is the beginning of a body that is larger than a command may be; `body` is empty where it was not kept.
    `headers` are those that roomsync reads; all of them stand in `properties`.
    """

    __slots__ = (
        "body",
        "delivery_tag",
        "has_too_many_headers",
        "head",
        "headers",
        "message_id",
        "properties",
        "redelivered",
        "routing_key",
        "size_bytes",
        "timestamp",
    )

    def __init__(self, delivered: DeliveredMessage) -> None:
        header = cast(Header, delivered.header)
        self.body = delivered.body
        self.size_bytes = max(header.size_bytes, len(delivered.body))
        self.head = header.head or (delivered.body[:HEAD_BYTES] if self.size_bytes > MAX_BYTES else b"")
        self.properties = cast(Properties, header.properties)
        parts = self.properties.parts()
        table = Table.of(parts["headers"]) if "headers" in parts else _NO_TABLE
        self.has_too_many_headers = table.is_cut
        # Thousands of messages wait, and each may bear a header frame full of what nobody here reads.
        self.headers: Mapping[str, FieldValue] = plain_values(table, is_read) if table.entries else _NO_HEADERS
        self.message_id = text_of(parts["message_id"][1:]) if "message_id" in parts else None
        self.timestamp = instant_of(parts["timestamp"]) if "timestamp" in parts else None
        self.routing_key = delivered.routing_key
        self.redelivered = bool(delivered.redelivered)
        assert delivered.delivery_tag is not None  # noqa: S101 - a message, and no answer that there is none
        self.delivery_tag: int = delivered.delivery_tag


_ID = re.compile(r"[!-~]{1,100}")


def shown_id(message_id: object) -> str | None:
    """A message's id for the log: anybody may write one, so what is no id (a sentence, a page of text) is left out."""
    return message_id if isinstance(message_id, str) and _ID.fullmatch(message_id) else None


class Sized(Protocol):
    """A message, as far as its size goes."""

    @property
    def size_bytes(self) -> int:
        """How many bytes its body has, kept or not."""
        ...

    @property
    def has_too_many_headers(self) -> bool:
        """Whether it bears more than `HEADERS_MAX`: those after them are not read."""
        ...


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
