"""Declares the topology or checks it, and says what differs and how to mend it; nothing that exists is ever changed."""

from collections.abc import Awaitable, Callable

from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import AMQPChannelError, AMQPError, ChannelNotFoundEntity, ChannelPreconditionFailed
from aiormq.exceptions import (
    ChannelAccessRefused,
    ConnectionCommandInvalid,
    ConnectionNotAllowed,
    ConnectionNotImplemented,
)

from consumers.broker.errors import client_errors
from consumers.broker.topology import ExchangeForm, QueueForm, Topology

PLUGIN = "rabbitmq_consistent_hash_exchange"

# Answers to a declaration. Any other error is the connection's, and says nothing about the topology.
_REFUSALS: tuple[type[AMQPError], ...] = (
    AMQPChannelError,
    ConnectionCommandInvalid,
    ConnectionNotAllowed,
    ConnectionNotImplemented,
)

Connect = Callable[[], Awaitable[AbstractConnection]]


class TopologyMismatch(Exception):
    """The broker differs from what roomsync needs. `complaints`: what differs, and how to mend it."""

    def __init__(self, complaints: list[str]) -> None:
        self.complaints = complaints
        super().__init__("\n".join(complaints))


async def apply(connect: Connect, topology: Topology) -> None:
    """Declare what is missing. Raises `TopologyMismatch` with every difference."""
    with client_errors():
        await _each(connect, topology, only_check=False)


async def check(connect: Connect, topology: Topology) -> None:
    """Compare and declare nothing that is missing; bindings cannot be seen over AMQP. Raises `TopologyMismatch`."""
    with client_errors():
        await _each(connect, topology, only_check=True)


async def is_new(connect: Connect, queue: str) -> bool:
    """Whether a queue does not exist yet."""
    with client_errors():
        connection = await connect()
        try:
            channel = await connection.channel()
            await channel.declare_queue(queue, passive=True)
        except ChannelNotFoundEntity:
            return True
        finally:
            await connection.close()
    return False


async def _each(connect: Connect, topology: Topology, *, only_check: bool) -> None:
    complaints: list[str] = []
    connection = await connect()
    try:
        channel = await connection.channel()
        forms: list[ExchangeForm | QueueForm] = [*topology.exchanges, *topology.queues]
        for form in forms:
            complaint = await _one(channel, form, only_check=only_check)
            if complaint is None:
                continue
            complaints.append(complaint)
            # A refused declaration closes its channel, an unknown exchange type the whole connection.
            if connection.is_closed or not connection.connected.is_set():
                connection = await connect()
            channel = await connection.channel()
    finally:
        await connection.close()
    if complaints:
        raise TopologyMismatch(complaints)


async def _one(channel: AbstractChannel, form: ExchangeForm | QueueForm, *, only_check: bool) -> str | None:
    kind = "exchange" if isinstance(form, ExchangeForm) else "queue"
    try:
        if only_check:
            await _declare(channel, form, passive=True)
        await _declare(channel, form, passive=False)
    except ChannelNotFoundEntity:
        return f"The {kind} {form.name} is missing: run `roomsync topology apply`, or start a worker."
    except ChannelPreconditionFailed as differs:
        return (
            f"The {kind} {form.name} exists, but was declared differently: {differs}. Stop publishers, let workers "
            f"empty it, delete it and run `roomsync topology apply`."
        )
    except _REFUSALS as refused:
        is_hash = isinstance(form, ExchangeForm) and form.type == "x-consistent-hash"
        if is_hash and not isinstance(refused, ChannelAccessRefused):
            return (
                f"The exchange {form.name} cannot be declared: the broker does not know the type x-consistent-hash. "
                f"Run `rabbitmq-plugins enable {PLUGIN}` on every node of the broker."
            )
        return f"The {kind} {form.name} cannot be declared: {refused}."
    return None


async def _declare(channel: AbstractChannel, form: ExchangeForm | QueueForm, *, passive: bool) -> None:
    if isinstance(form, ExchangeForm):
        await channel.declare_exchange(form.name, form.type, durable=True, arguments=form.arguments, passive=passive)
        return
    queue = await channel.declare_queue(form.name, durable=True, arguments=form.arguments, passive=passive)
    if form.binding is not None and not passive:
        exchange, key = form.binding
        await queue.bind(exchange, routing_key=key)
