"""Messages that are no command: each is kept with its reason, and the worker goes on."""

import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import pytest
import pytest_asyncio

from adapters.rabbitmq.node import BrokerNode
from tests.builders import a_body, a_command, an_event
from tests.program_harness import ProgramHarness

pytestmark = [pytest.mark.broker, pytest.mark.asyncio(loop_scope="module")]

ROOM = "board@acme.example"
SENTENCE = r"(message|/[\w/]+): [A-Z`].+ .+\."


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A message that is no command. `result`: members of its result event that are known all the same."""

    body: bytes
    code: str
    routing_key: str = "acme.failed"
    member: str | None = None
    known: Mapping[str, object]


ALL_KNOWN = {"tenant": "acme", "room": ROOM, "booking_id": "B-1001", "version": 1, "command": "create"}
NOTHING_KNOWN: dict[str, object] = dict.fromkeys(ALL_KNOWN)


def broken(code: str, member: str | None, *, unknown: str = "", key: str = "acme.failed", **changes: object) -> Broken:
    """A command with one mistake."""
    known = ALL_KNOWN | dict.fromkeys(unknown.split())
    return Broken(body=a_body(**changes), code=code, member=member, routing_key=key, known=known)


def unreadable(code: str, body: bytes) -> Broken:
    return Broken(body=body, code=code, routing_key="-.failed", known=NOTHING_KNOWN)


BROKEN = {
    "not JSON": unreadable("not_json", b"\x00 this is {no} JSON"),
    "not UTF-8": unreadable("not_utf8", b'{"subject": "\xff\xfe"}'),
    "a list": unreadable("not_an_object", b"[]"),
    "300 KiB": unreadable("too_large", json.dumps(a_command() | {"padding": "x" * 300 * 1024}).encode()),
    "a schema version of the future": broken("schema_version_unsupported", "/schema_version", schema_version=2),
    "an unknown command": broken("unknown_command", "/command", unknown="command", command="extend"),
    "no event": broken("event_missing", "/event", event=None),
    "a naive time": broken("naive_time", "/event/start", event=an_event(start="2026-12-01T09:00:00")),
    "an end before the start": broken(
        "end_before_start", "/event/end", event=an_event(end="2026-12-01T09:00:00+01:00")
    ),
    "an unknown zone": broken("time_zone_unknown", "/event/time_zone", event=an_event(time_zone="Mars/Olympus")),
    "an unknown tenant": broken("tenant_unknown", "/tenant", unknown="tenant", key="-.failed", tenant="nobody"),
    "a foreign domain": broken("room_not_in_domain", "/room", unknown="room", room="board@other.example"),
    "an id too long": broken("booking_id_invalid", "/booking_id", unknown="booking_id", booking_id="B" * 201),
    "a recurrence": broken("recurrence_unsupported", "/event/recurrence", event=an_event(recurrence={"every": "week"})),
}
# What is too large is rejected without having been kept: the broker parks it, and adds no notes of ours.
NOTED = {name: case for name, case in BROKEN.items() if case.code != "too_large"}
each = pytest.mark.parametrize("case", BROKEN.values(), ids=BROKEN.keys())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def harness(broker: BrokerNode, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ProgramHarness]:
    async with ProgramHarness(tmp_path_factory.mktemp("broken"), broker.url) as harness:
        await harness.worker()
        yield harness


@each
async def test_a_message_that_is_no_command_lies_in_failed_unchanged(case: Broken, harness: ProgramHarness) -> None:
    parked = await harness.failed.of(await harness.send_bytes(case.body, ROOM))
    assert parked.body == case.body
    assert parked.content_type == "application/json"


@pytest.mark.parametrize("case", NOTED.values(), ids=NOTED.keys())
async def test_the_reason_stands_on_it_as_a_code_and_as_a_sentence(case: Broken, harness: ProgramHarness) -> None:
    parked = await harness.failed.of(await harness.send_bytes(case.body, ROOM))
    assert parked.headers["x-roomsync-error-code"] == case.code
    assert re.fullmatch(SENTENCE, str(parked.headers["x-roomsync-error-message"]))
    assert "x-roomsync-failed-at" in parked.headers


@each
async def test_its_result_says_failed_and_repeats_only_what_passed_its_check(
    case: Broken, harness: ProgramHarness
) -> None:
    message_id = await harness.send_bytes(case.body, ROOM)
    result = await harness.results.only(message_id)
    assert harness.results.routing_key(message_id) == case.routing_key
    assert result["outcome"] == "failed"
    assert (result["error"]["code"], result["error"]["member"]) == (case.code, case.member)
    assert {name: result[name] for name in case.known} == case.known
    assert result["message_id"] == message_id


async def test_the_worker_goes_on_after_all_of_them(harness: ProgramHarness) -> None:
    for case in BROKEN.values():
        await harness.send_bytes(case.body, ROOM)
    result = await harness.sync(a_command(booking_id="B-good"))
    assert result["outcome"] == "synced"
    assert [event.booking for event in harness.exchange.calendar(ROOM)] == ["acme/B-good"]
