"""Publishes with confirms, on a connection of its own: in need, a broker stops reading from connections that publish.

With a memory or disk alarm RabbitMQ reads nothing more from such a connection (RabbitMQ, "Memory and Disk Alarms"), so
acknowledgements must not travel on it. What waits for a confirm then waits on: given back instead, it would come
again at once, and every return counts towards the delivery limit before RabbitMQ 4.3.
"""

import asyncio
import itertools
import uuid
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol, cast

from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import AMQPError, DeliveryError
from aiormq.channel import Channel
from pamqp import commands as spec

from consumers.broker.connection import UnboundedConnection
from consumers.broker.errors import NotPublished, broker_words, client_errors
from consumers.broker.field_table import AsSent
from consumers.broker.message_copy import Copy, NotCopied
from consumers.broker.properties import Properties
from consumers.broker.waiting import first_completed

REFUSED_PAUSES_S = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
"""Before a message is published again that a full queue refused (reject-publish); then its delivery is given back."""


ENVELOPE_BYTES = 8
CONTENT_BYTES = 12
"""What a header frame holds beside the properties."""
FRAME_MAX_BYTES = 131_072
"""For a broker that agreed to frames of any size."""


class Sendable(Protocol):
    """A message as it goes out: a copy, aio-pika's own, or one that was made with less."""

    @property
    def body(self) -> bytes:
        """What it says."""
        ...

    @property
    def properties(self) -> Properties | spec.Basic.Properties:
        """What it says about itself."""
        ...


class _Outgoing:
    """Properties as aiormq sends them: `message_id` is what it calls the message, and does not leave the house."""

    __slots__ = ("message_id", "raw")

    def __init__(self, token: str, raw: bytes) -> None:
        self.message_id = token
        self.raw = raw

    def marshal(self) -> bytes:
        return self.raw


class _Key(str):
    """A routing key that goes out as it came."""

    __slots__ = ("raw",)
    raw: bytes

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return self.raw


@dataclass(frozen=True, slots=True)
class Prepared:
    """A message that is sent once and never looked at, for those that are sent by the thousand."""

    body: bytes
    properties: spec.Basic.Properties


class Publisher:
    """The publishing half of a session, on aiormq's channel; `lost` and `lose` are the session's."""

    def __init__(
        self,
        connection: AbstractConnection,
        client: Channel,
        *,
        lost: asyncio.Event,
        lose: Callable[[str], None],
    ) -> None:
        self._connection = connection
        self._client = client
        self._lost = lost
        self._lose = lose
        self._begun_s: dict[object, float] = {}
        self._tokens = map(str, itertools.count(1))
        self._unconfirmed: dict[tuple[str, str, bytes], deque[str]] = {}
        cast(UnboundedConnection, client.connection).token_of = self._token_of
        self._is_refused = False

    @property
    def is_blocked(self) -> bool:
        """Whether the broker has said that it takes no messages (Connection.Blocked: a memory or disk alarm)."""
        transport = self._connection.transport
        if transport is None:
            return False
        # The client has no word for it; but its `ready` is over at once unless the connection is blocked.
        ready = transport.connection.ready()
        try:
            ready.send(None)
        except StopIteration:
            return False
        ready.close()
        return True

    @property
    def trouble(self) -> str | None:
        """Why nothing can be published at this moment, in words for the operator, or None."""
        if self.is_blocked:
            return "the broker blocks publishing (memory or disk alarm)"
        return "a queue refuses what is published (is it full?)" if self._is_refused else None

    @property
    def waiting_s(self) -> float:
        """For how long the message that waits longest has waited for its confirm; 0 when none does."""
        begun_s = next(iter(self._begun_s.values()), None)
        return 0.0 if begun_s is None else asyncio.get_running_loop().time() - begun_s

    async def send(self, exchange: str, message: Sendable, routing_key: str) -> bool:
        """Publish and wait for the confirm as long as the session lives. Returns whether a queue took the message.

        Raises:
            NotPublished: the session was lost meanwhile, or a queue refused the message again and again.
        """
        waiter = object()
        self._begun_s[waiter] = asyncio.get_running_loop().time()
        try:
            for pause_s in REFUSED_PAUSES_S:
                try:
                    return await self._once(exchange, message, routing_key)
                except DeliveryError:
                    self._is_refused = True
                    await first_completed(asyncio.sleep(pause_s), self._lost.wait())
        finally:
            del self._begun_s[waiter]
        raise NotPublished(f"a queue of {exchange or 'the default exchange'} refuses messages")

    async def _once(self, exchange: str, message: Sendable, routing_key: str) -> bool:
        await self._until_taken_in()
        if self._lost.is_set():
            raise NotPublished("the connection to the broker is lost")
        try:
            with client_errors():
                answer = await self._confirmed(exchange, message, routing_key)
        except DeliveryError:
            raise
        except (AMQPError, OSError) as trouble:
            self._lose(str(trouble))
            raise NotPublished(f"not confirmed: {broker_words(trouble) or type(trouble).__name__}") from trouble
        self._is_refused = False
        return isinstance(answer, spec.Basic.Ack)

    async def _confirmed(self, exchange: str, message: Sendable, routing_key: str) -> object:
        token, called = next(self._tokens), (exchange, str(routing_key), message.body)
        self._unconfirmed.setdefault(called, deque()).append(token)
        try:
            return await self._client.basic_publish(
                message.body,
                exchange=exchange,
                routing_key=_as_it_came(routing_key),
                properties=cast(spec.Basic.Properties, _Outgoing(token, self._properties(message).raw)),
                mandatory=True,
                # The confirm is waited for, so nobody need wait for the socket, holding up whoever publishes next.
                wait=False,
            )
        finally:
            self._forget(called, token)

    def _properties(self, message: Sendable) -> Properties:
        if isinstance(message, Copy):
            frame_bytes = self._client.connection.connection_tune.frame_max or FRAME_MAX_BYTES
            room_bytes = frame_bytes - ENVELOPE_BYTES - CONTENT_BYTES
            properties = message.within(room_bytes)
            if len(properties.raw) > room_bytes:
                raise NotCopied("its headers alone are larger than a frame may be")
            return properties
        told = message.properties
        if isinstance(told, spec.Basic.Properties) and not told.message_id:
            told.message_id = uuid.uuid4().hex
        return Properties.of(told)

    def _token_of(self, exchange: str, routing_key: str, body: bytes) -> str | None:
        """Of equal messages the one that was published first: the broker answers in order."""
        tokens = self._unconfirmed.get((exchange, str(routing_key), body))
        return tokens.popleft() if tokens else None

    def _forget(self, called: tuple[str, str, bytes], token: str) -> None:
        tokens = self._unconfirmed.get(called, deque())
        with suppress(ValueError):
            tokens.remove(token)
        if not tokens:
            self._unconfirmed.pop(called, None)

    async def _until_taken_in(self) -> None:
        """Written into a blocked connection, messages would fill its socket until heartbeats no longer get through."""
        transport = self._connection.transport
        while transport is not None and self.is_blocked and not self._lost.is_set():
            await first_completed(transport.ready(), self._lost.wait())


def _as_it_came(routing_key: str) -> str:
    if not isinstance(routing_key, AsSent):
        return routing_key
    key = _Key(routing_key)
    key.raw = routing_key.raw
    return key
