"""Spans of a command: whose trace they belong to, what they tell, and what they never tell."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode

from adapters.calendar import RoomAddress, TenantName
from adapters.errors import Refused, Throttled, Unknown
from consumers.broker.delivery import ParsedDelivery, RawDelivery, RoomKey
from consumers.messages.violations import BadMessage
from consumers.milestones import ignore
from consumers.policy import SyncPolicy
from consumers.settlement.settle import Settler
from consumers.sync.room import Room
from tests.builders import Tenants, a_body, a_tenant, an_event
from tests.dispatcher_harness import DispatcherHarness
from tests.fake_broker import FakeMessage
from worker.tracing import is_wanted, open_tracing
from worker.tracing.spans import SWEEP_AT, Tracing

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
PERSONAL = ("Zzyzx", "quinquagesima")
Arrived = tuple[RoomKey, RawDelivery]


class TracedHall(DispatcherHarness):
    """A harness whose spans are kept in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.spans = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self.spans))
        self.trace_with(Tracing(self.provider))

    def trace_with(self, tracing: Tracing) -> None:
        clocks = self.time.clocks()
        self.tracing = tracing
        self.reader = tracing.reader(Tenants(a_tenant()), clocks, ignore)
        self.settler = Settler(policy=SyncPolicy(), clocks=clocks, observer=tracing, reached=tracing.along(ignore))
        self.lanes = type(self.lanes)(self.room, self.reader, self.settler, clock=self.time.monotonic)

    def room(self, tenant: TenantName, address: RoomAddress) -> Room | None:
        room = super().room(tenant, address)
        return None if room is None else replace(room, reached=self.tracing.reached)

    def message(self, body: bytes, headers: Mapping[str, object]) -> Any:  # noqa: ANN401 - stands for the client's
        return cast(Any, FakeMessage(body, self.session, headers=headers))

    def arrive(self, booking: str = "B-1", headers: Mapping[str, object] | None = None, **command: object) -> Arrived:
        event = an_event(subject=PERSONAL[0], organizer={"name": PERSONAL[1], "email": f"{PERSONAL[1]}@acme.example"})
        body = a_body(**{"booking_id": booking, "event": event} | command)
        told = {"traceparent": TRACEPARENT} if headers is None else headers
        return self.reader.glance(self.message(body, told), cast(Any, self.session))

    def read(self, booking: str = "B-1") -> ParsedDelivery:
        """A command that arrived and was read, and is in no lane."""
        _, envelope = self.arrive(booking)
        return self.reader.read(envelope)

    async def sync(self, *arrived: Arrived) -> None:
        for key, envelope in arrived:
            self.lanes.put(key, envelope)
        await self.idle()

    def commands(self) -> list[ReadableSpan]:
        return [span for span in self.spans.get_finished_spans() if span.kind is SpanKind.CONSUMER]

    def within(self, command: ReadableSpan) -> list[str]:
        """The names of what is in a command's span, in time."""
        assert command.context is not None
        inner = [span for span in self.spans.get_finished_spans() if is_child(span, command.context.span_id)]
        return [span.name for span in sorted(inner, key=lambda span: (span.start_time or 0, span.end_time or 0))]


def is_child(span: ReadableSpan, parent: int) -> bool:
    return span.parent is not None and span.parent.span_id == parent


async def test_a_command_belongs_to_the_trace_of_its_publisher() -> None:
    harness = TracedHall()
    await harness.sync(harness.arrive())
    (command,) = harness.commands()
    assert command.context is not None
    assert command.parent is not None
    assert (f"{command.context.trace_id:032x}", f"{command.parent.span_id:016x}") == (TRACE, PARENT)
    assert command.name == "command create"


async def test_its_spans_follow_one_another_from_arrival_to_result() -> None:
    harness = TracedHall()
    await harness.sync(harness.arrive())
    (command,) = harness.commands()
    told = ["wait for the room", "plan", "claim", "Exchange request", "commit", "result"]
    assert harness.within(command) == told
    inner = sorted((span for span in harness.spans.get_finished_spans() if span is not command), key=start_of)
    assert [each.end_time for each in inner[:-1]] == [each.start_time for each in inner[1:]]


def start_of(span: ReadableSpan) -> tuple[int, int]:
    return span.start_time or 0, span.end_time or 0


async def test_a_span_tells_the_booking_and_how_it_ended_and_no_subject_and_no_person() -> None:
    harness = TracedHall()
    await harness.sync(harness.arrive("B-7", version=3))
    (command,) = harness.commands()
    attributes = dict(command.attributes or {})
    assert (attributes["roomsync.booking_id"], attributes["roomsync.version"]) == ("B-7", 3)
    assert (attributes["roomsync.tenant"], attributes["roomsync.outcome"]) == ("acme", "synced")
    everything = "".join(span.to_json() for span in harness.spans.get_finished_spans())
    assert [words for words in PERSONAL if words in everything] == []


async def test_what_is_superseded_has_no_part_in_the_request_of_the_newer_one() -> None:
    harness = TracedHall()
    await harness.sync(harness.arrive(version=2))
    harness.spans.clear()
    await harness.sync(harness.arrive(version=1))
    (command,) = harness.commands()
    assert (harness.within(command), outcome(command)) == (["wait for the room", "plan", "result"], "superseded")


async def test_a_command_that_waits_for_its_booking_is_not_told_of_the_others_request() -> None:
    harness = TracedHall()
    harness.calendar.pause()
    harness.lanes.put(*harness.arrive(version=1))
    await harness.until(lambda: bool(harness.calendar.in_flight))
    harness.lanes.put(*harness.arrive(version=1))
    harness.calendar.resume()
    await harness.idle()
    first, second = harness.commands()
    assert "Exchange request" in harness.within(first)
    assert harness.within(second) == ["wait for the room", "plan", "result"]


async def test_a_parked_command_is_an_error_with_its_code() -> None:
    harness = TracedHall()
    harness.calendar.fail_next(Refused("rights_missing"), times=9)
    await harness.sync(harness.arrive())
    (command,) = harness.commands()
    assert (command.status.status_code, command.status.description) == (StatusCode.ERROR, "rights_missing")
    assert "park" in harness.within(command)


async def test_a_deferred_command_tells_why_and_for_how_long() -> None:
    harness = TracedHall()
    harness.calendar.fail_next(Throttled(200), times=9)
    await harness.sync(harness.arrive())
    (command,) = harness.commands()
    attributes = dict(command.attributes or {})
    ((_, _, tier_s),) = harness.session.all_of("deferred")
    assert (outcome(command), attributes["roomsync.code"]) == ("deferred", "throttled")
    assert attributes["roomsync.wait_s"] == tier_s


async def test_a_search_for_what_became_of_a_write_has_a_span_of_its_own() -> None:
    harness = TracedHall()
    harness.calendar.fail_next(Unknown(), kind="create", applied=True)
    await harness.sync(harness.arrive())
    assert outcome(harness.commands()[0]) == "deferred"
    harness.time.passed_s += 600
    harness.spans.clear()
    await harness.sync(harness.arrive())
    (command,) = harness.commands()
    assert "Exchange search" in harness.within(command)
    assert outcome(command) == "synced"


async def test_a_command_that_is_refused_when_it_is_read_is_an_error_in_its_publishers_trace() -> None:
    harness = TracedHall()
    await harness.sync(harness.arrive(version=0))
    (span,) = harness.commands()
    assert span.context is not None
    assert (f"{span.context.trace_id:032x}", span.status.description) == (TRACE, "version_out_of_range")
    assert harness.session.kinds() == ["failed", "result", "ack"]


async def test_a_message_that_is_no_command_is_an_error_in_its_publishers_trace() -> None:
    harness = TracedHall()
    with pytest.raises(BadMessage):
        harness.reader.glance(harness.message(b"{}", {"traceparent": TRACEPARENT}), cast(Any, harness.session))
    (span,) = harness.commands()
    assert span.context is not None
    assert (f"{span.context.trace_id:032x}", span.status.status_code) == (TRACE, StatusCode.ERROR)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="absent"),
        pytest.param({"traceparent": "00-nonsense"}, id="nonsense"),
        pytest.param({"traceparent": 7}, id="a number"),
        pytest.param({"traceparent": b"\xff\xfe"}, id="bytes"),
        pytest.param({"traceparent": TRACEPARENT.replace("4bf9", "zzzz")}, id="no hexadecimal"),
    ],
)
async def test_without_a_usable_context_a_command_begins_a_trace(headers: dict[str, object]) -> None:
    harness = TracedHall()
    await harness.sync(harness.arrive(headers=headers))
    (command,) = harness.commands()
    assert (command.parent, outcome(command)) == (None, "synced")


async def test_what_is_not_sampled_is_not_kept() -> None:
    harness = TracedHall()
    harness.trace_with(Tracing(TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)))
    await harness.sync(harness.arrive())
    assert harness.tracing._commands == {}
    assert harness.session.kinds() == ["result", "ack"]


async def test_commands_of_a_lost_session_are_forgotten() -> None:
    harness = TracedHall()
    for number in range(SWEEP_AT):
        harness.read(f"B-{number}")
    harness.session.lost.set()
    harness.read("B-new")
    assert len(harness.tracing._commands) == 1
    assert {outcome(command) for command in harness.commands()} == {"left"}


async def test_milestones_are_told_to_the_others_as_well() -> None:
    harness, told = TracedHall(), []
    both = harness.tracing.along(lambda milestone, _key: told.append(milestone))
    both(cast(Any, "taken"), harness.read().command.key)
    assert told == ["taken"]


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        pytest.param({}, False, id="nothing said"),
        pytest.param({"OTEL_SERVICE_NAME": "roomsync"}, False, id="only a name"),
        pytest.param({"OTEL_TRACES_EXPORTER": "otlp"}, True, id="an exporter"),
        pytest.param({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, True, id="an endpoint"),
        pytest.param({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1/x"}, True, id="an endpoint for traces"),
        pytest.param({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "x"}, False, id="none"),
        pytest.param({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "true"}, False, id="switched off"),
    ],
)
def test_the_standard_variables_switch_it_on(environment: dict[str, str], wanted: bool) -> None:
    assert is_wanted(environment) is wanted


def test_an_exporter_that_is_not_here_leaves_the_worker_without_tracing() -> None:
    assert open_tracing({"OTEL_TRACES_EXPORTER": "jaeger"}) is None


@pytest.mark.parametrize(
    ("block", "loaded"),
    [
        pytest.param("", "False None", id="not wanted"),
        pytest.param(
            "sys.modules['opentelemetry'] = None; os.environ['OTEL_TRACES_EXPORTER'] = 'otlp'",
            "True None",
            id="wanted, but the extra is not installed",
        ),
    ],
)
def test_without_the_extra_nothing_of_it_is_needed(block: str, loaded: str) -> None:
    program = (
        f"import os, sys, structlog; structlog.configure(logger_factory=structlog.ReturnLoggerFactory())\n{block}\n"
        "import worker.run\nfrom worker.tracing import open_tracing\n"
        "opened = open_tracing(os.environ)\nprint('opentelemetry' in sys.modules, opened)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout.strip(), done.stderr) == (loaded, "")


def outcome(span: ReadableSpan) -> object:
    return (span.attributes or {}).get("roomsync.outcome")
