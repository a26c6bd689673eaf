"""What an operator sees of a worker that has good and bad days at once: health, status, metrics, spans.

One worker runs through it all; then everything that it told is looked at, also for what must not stand there.
"""

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from prometheus_client.parser import text_string_to_metric_families

from adapters.rabbitmq.node import BrokerNode
from adapters.simulator import HttpStatus, ItemCode, Throttle
from tests.builders import a_command, an_event
from tests.program_harness import QUICK_CLAIMS, HarnessTenant, ProgramHarness
from tests.span_collector import SpanCollector

pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]

SUBJECT, BODY, PERSON = "Merger-with-Zzyzx", "Nobody-may-read-this", "quinquagesima"
EVENT = an_event(
    subject=SUBJECT,
    body={"content_type": "text", "content": BODY},
    organizer={"name": PERSON, "email": f"{PERSON}@acme.example"},
    attendees=[{"name": PERSON, "email": f"{PERSON}@acme.example", "type": "required"}],
)
BUSY, FULL = "busy@acme.example", "full@acme.example"
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PUBLISHED_AGO_S = 60


class TracedHarness(ProgramHarness):
    """A harness whose programs send their spans somewhere."""

    spans_to: str

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {"OTEL_EXPORTER_OTLP_ENDPOINT": self.spans_to, "OTEL_BSP_SCHEDULE_DELAY": "200"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the worker told while it ran, and all of its spans."""

    ready: dict[str, Any]
    status: dict[str, Any]
    metrics: str
    spans: list[Span]
    bodies: bytes
    said: str
    passwords: tuple[str, ...]

    def value(self, name: str, **labels: str) -> float:
        """A sample of the last scrape."""
        samples = [
            sample
            for family in text_string_to_metric_families(self.metrics)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]
        assert samples, (name, labels)
        return sum(sample.value for sample in samples)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def seen(broker: BrokerNode, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Seen]:
    good, locked = HarnessTenant(name="acme"), HarnessTenant(name="bravo")
    harness = TracedHarness(tmp_path_factory.mktemp("operating"), broker.url, good, locked, sync=QUICK_CLAIMS)
    async with SpanCollector() as collector, harness:
        harness.spans_to = collector.url
        worker = await harness.worker()
        await story(harness)
        status, ready = await settled_status(harness), json.loads(await told(harness, "readyz"))
        metrics = await told(harness, "metrics")
        worker.signal(signal.SIGTERM)
        assert await worker.ended(25) == 0, worker.tail
        yield Seen(
            ready=ready,
            status=status,
            metrics=metrics,
            spans=collector.spans,
            bodies=b"".join(collector.bodies),
            said=worker.said,
            passwords=(good.password, locked.password),
        )


async def story(harness: ProgramHarness) -> None:
    """One booking is written, one was published a minute ago, one room is throttled, one is full, one tenant is
    locked out, and somebody publishes nonsense."""
    faults = harness.exchange.faults
    traced = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    await harness.results.only(await harness.send(a_command(event=EVENT), headers=traced))
    minute_ago_ms = int((time.time() - PUBLISHED_AGO_S) * 1000)
    late = a_command(room="late@acme.example", event=EVENT)
    await harness.results.only(await harness.send(late, headers={"timestamp_in_ms": minute_ago_ms}))
    faults.next(Throttle(back_off_ms=200_000), room=BUSY, operation="CreateItem")
    await harness.send(a_command(room=BUSY, event=EVENT))
    faults.next(ItemCode(0, "ErrorQuotaExceeded"), times=9, room=FULL, operation="CreateItem")
    await harness.results.only(await harness.send(a_command(room=FULL, event=EVENT)))
    harness.tenants[1].simulator.faults.next(HttpStatus(403), times=99)
    await harness.send(a_command(tenant="bravo", room="hall@bravo.example", event=EVENT))
    await harness.results.only(await harness.send(a_command(tenant="made-up-tenant", event=EVENT)))


async def told(harness: ProgramHarness, path: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(f"{harness.http['roomsync.toml']}/{path}") as answer:
        return await answer.text()


async def settled_status(harness: ProgramHarness) -> dict[str, Any]:
    """The status once the breaker is open, the room is throttled and the failed messages were counted at the broker."""
    async with asyncio.timeout(40):
        while True:
            status: dict[str, Any] = json.loads(await told(harness, "status"))
            tenants = status["tenants"]
            stopped = tenants.get("bravo", {}).get("breaker") == "open"
            if stopped and tenants["acme"]["throttled_rooms"] and (status["queues"] or {}).get("failed") is not None:
                return status
            await asyncio.sleep(0.1)


async def test_the_worker_is_ready_while_one_tenant_works_and_names_the_other(seen: Seen) -> None:
    assert (seen.ready["ready"], seen.ready["parts"]) == (True, {"broker": None, "ledger": None, "tenants": None})


async def test_status_tells_of_the_throttled_room_and_the_stopped_tenant(seen: Seen) -> None:
    tenants = seen.status["tenants"]
    assert list(tenants["acme"]["throttled_until"]) == [BUSY]
    assert tenants["bravo"]["why"]["code"] == "access_blocked"
    assert seen.status["partitions"] == {"count": 4, "consuming": 4, "owned": [0, 1, 2, 3]}
    assert seen.status["per_minute"]["synced"] > 0


async def test_commands_are_counted_by_their_end_and_made_up_tenants_by_none(seen: Seen) -> None:
    assert seen.value("roomsync_commands_total", command="create", outcome="synced", tenant="acme") == 2
    assert seen.value("roomsync_failed_total", code="mailbox_full", tenant="acme") == 1
    assert seen.value("roomsync_failed_total", code="tenant_unknown", tenant="") == 1
    assert "made-up-tenant" not in seen.metrics


async def test_latency_counts_from_the_publication_that_the_broker_tells(seen: Seen) -> None:
    name = "roomsync_publish_to_written_seconds"
    assert seen.value(f"{name}_count", tenant="acme") == 2
    assert seen.value(f"{name}_bucket", tenant="acme", le="30.0") == 1
    assert seen.value(f"{name}_sum", tenant="acme") > PUBLISHED_AGO_S


async def test_requests_breakers_throttling_and_commits_are_there(seen: Seen) -> None:
    request = "roomsync_exchange_request_duration_seconds_count"
    assert seen.value(request, operation="create", code="ok") == 2
    assert seen.value(request, operation="create", code="throttled") == 1
    assert seen.value(request, operation="create", code="mailbox_full") >= 1
    assert seen.value("roomsync_breaker_open", tenant="bravo") == 1
    assert seen.value("roomsync_throttled_rooms", tenant="acme") == 1
    assert seen.value("roomsync_throttled_seconds_total", tenant="acme") >= 200
    assert seen.value("roomsync_ledger_commit_duration_seconds_count") > 4
    assert seen.value("roomsync_lanes") >= 0
    assert seen.value("process_resident_memory_bytes") > 0


async def test_a_command_is_traced_from_its_publishers_span_to_its_result(seen: Seen) -> None:
    (command,) = [span for span in seen.spans if span.parent_span_id.hex() == PARENT]
    assert (command.trace_id.hex(), command.name) == (TRACE, "command create")
    inner = sorted(
        (span for span in seen.spans if span.parent_span_id == command.span_id),
        key=lambda span: (span.start_time_unix_nano, span.end_time_unix_nano),
    )
    expected = ["wait for the room", "plan", "claim", "Exchange request", "commit", "result"]
    assert [span.name for span in inner] == expected


@pytest.mark.parametrize("words", [SUBJECT, BODY, PERSON])
async def test_no_subject_body_or_person_is_told_anywhere(words: str, seen: Seen) -> None:
    told_by = {"status": str(seen.status), "metrics": seen.metrics, "log": seen.said, "readyz": str(seen.ready)}
    assert [name for name, text in told_by.items() if words.lower() in text.lower()] == []
    assert words.lower().encode() not in seen.bodies.lower()


async def test_no_password_is_told_anywhere(seen: Seen) -> None:
    everything = "".join([str(seen.status), seen.metrics, seen.said, seen.bodies.decode("latin-1")])
    assert len(seen.spans) > 10
    assert [password for password in seen.passwords if password in everything] == []
