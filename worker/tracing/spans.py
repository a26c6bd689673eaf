"""One trace for each command: a span from its arrival until it is settled, and in it what it waited for, in turn.

Each milestone ends what went before it; so the spans follow one another without a gap, and nothing but the milestones
and the observer had to know of tracing.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version

from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from adapters.ledger import BookingKey
from consumers.broker.delivery import ParsedDelivery, RawDelivery, RoomKey
from consumers.broker.incoming_message import IncomingMessage
from consumers.broker.parsing import Reader
from consumers.broker.queue_names import TRACE_HEADERS
from consumers.broker.session import Session
from consumers.messages.disposition import Completed, Look, Problem
from consumers.messages.result import ResultEvent
from consumers.messages.violations import BadMessage, KnownMembers
from consumers.milestones import Milestone, OnMilestone, ignore
from consumers.settlement.own_errors import Complaints
from consumers.sync.room import Clocks
from consumers.tenants import TenantDirectory

CLOSE_WITHIN_S = 3.0
"""Of the 25 s that a shutdown may take; spans that nobody takes by then are lost."""
SWEEP_AT = 1000

_ENDED_BY = {
    Milestone.TAKEN: "wait for the room",
    Milestone.PLANNED: "plan",
    Milestone.CLAIMED: "claim",
    Milestone.REPLIED: "Exchange request",
    Milestone.LOOKED: "Exchange search",
    Milestone.COMMITTED: "commit",
    Milestone.REMOVAL_PUBLISHED: "derived removal",
    Milestone.LOOK_PUBLISHED: "second look ordered",
    Milestone.RESULT_PUBLISHED: "result",
    Milestone.DEFERRED: "defer",
    Milestone.PARKED: "park",
}
"""What had been going on until a milestone. `claim` holds the wait for a slot as well."""


@dataclass(slots=True, eq=False)
class _Command:
    span: Span
    delivery: ParsedDelivery
    since_ns: int
    is_taken: bool = field(default=False)

    def passed(self, milestone: Milestone, tracer: Tracer, now_ns: int) -> None:
        """Close what went before a milestone; one that still waits has no part in what others of its booking do."""
        name = _ENDED_BY.get(milestone)
        if name is None or self.is_taken is (milestone is Milestone.TAKEN):
            return
        self.is_taken = True
        tracer.start_span(name, set_span_in_context(self.span), start_time=self.since_ns).end(now_ns)
        self.since_ns = now_ns


class Tracing:
    """Told by reader, milestones and observer; it never waits, and knows no subject and no person."""

    def __init__(self, provider: TracerProvider, *, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("roomsync", version("roomsync"))
        self._now_ns = now_ns
        self._commands: dict[ParsedDelivery, _Command] = {}
        self._of_booking: dict[BookingKey, list[_Command]] = {}
        self._sweep_at = SWEEP_AT

    def reader(self, tenants: TenantDirectory, clocks: Clocks, reached: OnMilestone) -> Reader:
        """A reader whose commands are traced from here on."""
        return _TracedReader(tenants, clocks, reached, self)

    def along(self, others: OnMilestone) -> OnMilestone:
        """Who is told of milestones: this, and the others."""
        if others is ignore:
            return self.reached

        def both(milestone: Milestone, key: BookingKey) -> None:
            self.reached(milestone, key)
            others(milestone, key)

        return both

    def begin(self, delivery: ParsedDelivery, *, waited_s: float) -> None:
        """A command was read that arrived so long ago."""
        arrived_ns = self._now_ns() - int(waited_s * 1e9)
        span = self._tracer.start_span(
            f"command {delivery.command.kind}",
            _parent(delivery.message),
            kind=SpanKind.CONSUMER,
            attributes=_attributes(delivery),
            start_time=arrived_ns,
        )
        if not span.is_recording():
            return
        if len(self._commands) >= self._sweep_at:
            self._sweep()
        command = self._commands[delivery] = _Command(span, delivery, arrived_ns)
        self._of_booking.setdefault(delivery.command.key, []).append(command)

    def unread(self, message: IncomingMessage, bad: BadMessage) -> None:
        """A message that is no command has arrived."""
        span = self._tracer.start_span("message", _parent(message), kind=SpanKind.CONSUMER)
        _end(span, "failed", self._now_ns(), code=bad.first.code)

    def reached(self, milestone: Milestone, key: BookingKey) -> None:
        """A booking has passed a milestone."""
        for command in self._of_booking.get(key, ()):
            command.passed(milestone, self._tracer, self._now_ns())

    def finished(self, delivery: ParsedDelivery, _settled: Completed, result: ResultEvent) -> None:
        """A command ended well."""
        self._end(delivery, result.outcome)

    def deferred(self, delivery: ParsedDelivery, problem: Problem, *, wait_s: int, attempts: int) -> None:
        """A command was sent away: its next span has the same parent."""
        self._end(delivery, "deferred", code=problem.code, wait_s=wait_s)

    def failed(self, delivery: ParsedDelivery, problem: Problem, *, attempts: int) -> None:
        """A command was parked."""
        self._end(delivery, "failed", code=problem.code)

    def unreadable(self, known: KnownMembers, code: str, message_id: str | None) -> None:
        """A message that is no command was parked: `unread` was told."""

    def look_ordered(self, delivery: ParsedDelivery, look: Look, *, wait_s: int) -> None:
        """A second look was published: a milestone tells."""

    def looked(self, delivery: ParsedDelivery) -> None:
        """A second look is over."""
        self._end(delivery, "looked")

    def released(self, delivery: ParsedDelivery) -> None:
        """A command was given back."""
        self._end(delivery, "released")

    async def close(self) -> None:
        """Give out what is left, as far as it is taken in time."""
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def shut_down() -> None:
            self._provider.shutdown()
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(done.set)

        # A collector that does not answer holds the SDK for longer than a worker may take to stop.
        threading.Thread(target=shut_down, name="tracing", daemon=True).start()
        with suppress(TimeoutError):
            await asyncio.wait_for(done.wait(), CLOSE_WITHIN_S)

    def _end(self, delivery: ParsedDelivery, outcome: str, **attributes: AttributeValue) -> None:
        command = self._commands.pop(delivery, None)
        if command is None:
            return
        key = delivery.command.key
        left = [each for each in self._of_booking.pop(key, ()) if each is not command]
        if left:
            self._of_booking[key] = left
        _end(command.span, outcome, self._now_ns(), **attributes)

    def _sweep(self) -> None:
        """End those of which nobody told: forwarded, or delivered again to somebody else."""
        for delivery in [each for each in self._commands if each.is_settled or each.is_lost]:
            self._end(delivery, "left")
        self._sweep_at = max(SWEEP_AT, 2 * len(self._commands))


class _TracedReader(Reader):
    def __init__(self, tenants: TenantDirectory, clocks: Clocks, reached: OnMilestone, tracing: Tracing) -> None:
        super().__init__(tenants, clocks, reached)
        self._clocks = clocks
        self._tracing = tracing
        self._complaints = Complaints(clocks.monotonic)

    def glance(self, message: IncomingMessage, session: Session) -> tuple[RoomKey, RawDelivery]:
        """As `Reader.glance`."""
        try:
            return super().glance(message, session)
        except BadMessage as bad:
            self._quietly(partial(self._tracing.unread, message, bad))
            raise

    def read(self, held: RawDelivery) -> ParsedDelivery:
        """As `Reader.read`."""
        try:
            delivery = super().read(held)
        except BadMessage as bad:
            self._quietly(partial(self._tracing.unread, held.message, bad))
            raise
        self._quietly(partial(self._tracing.begin, delivery, waited_s=self._clocks.monotonic() - held.received_s))
        return delivery

    def _quietly(self, tell: Callable[[], None]) -> None:
        try:
            tell()
        except Exception as error:  # noqa: BLE001 - a command must not pay for its trace
            self._complaints.tell("tracing.failed", error)


def _parent(message: IncomingMessage) -> Context:
    """The publisher's context (W3C, "Trace Context"); what is malformed counts as absent."""
    return TraceContextTextMapPropagator().extract(_texts(message.headers))


def _texts(headers: Mapping[str, object]) -> dict[str, str]:
    told = ((name, headers.get(name)) for name in TRACE_HEADERS)
    return {
        name: value.decode("latin-1") if isinstance(value, bytes) else value
        for name, value in told
        if isinstance(value, str | bytes)
    }


def _attributes(delivery: ParsedDelivery) -> dict[str, AttributeValue]:
    command = delivery.command
    return {
        "messaging.system": "rabbitmq",
        "messaging.operation.type": "process",
        "messaging.message.id": delivery.message.message_id or "",
        "roomsync.command": command.kind.value,
        "roomsync.tenant": command.tenant,
        "roomsync.room": command.room,
        "roomsync.booking_id": command.booking_id,
        "roomsync.version": command.version,
        "roomsync.attempts": delivery.notes.attempts,
        "roomsync.look": delivery.look or "",
    }


def _end(span: Span, outcome: str, now_ns: int, **attributes: AttributeValue) -> None:
    span.set_attribute("roomsync.outcome", outcome)
    for name, value in attributes.items():
        span.set_attribute(f"roomsync.{name}", value)
    if outcome == "failed":
        span.set_status(Status(StatusCode.ERROR, str(attributes.get("code", ""))))
    span.end(now_ns)
