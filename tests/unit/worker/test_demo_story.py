"""The demo's story as data: its messages are commands that a publisher may send, and its results are remembered."""

import json
from datetime import UTC, date, datetime

import pytest

from adapters.calendar import TenantName
from consumers.messages.command import parse_command
from consumers.messages.result import Outcome, ResultEvent
from consumers.tenants import Tenant
from worker.demo.check import published
from worker.demo.story import ACTS, HARBOUR, TENANT, Command
from worker.demo.watch import Results

DAY = date(2026, 12, 1)


@pytest.mark.parametrize("command", published(), ids=lambda command: command.message_id)
def test_every_message_is_a_valid_command(command: Command, tenants: dict[str, Tenant]) -> None:
    parsed = parse_command(json.dumps(command.body(DAY)).encode(), tenants)
    assert (parsed.room, parsed.version, parsed.warnings) == (command.meeting.room.address, command.version, ())


def test_times_are_those_on_the_wall_of_the_room() -> None:
    fado = next(command for command in published() if command.meeting.room is HARBOUR and command.version == 1)
    assert fado.meeting.starts_at(DAY).isoformat() == "2026-12-01T09:00:00+00:00"


def test_only_acts_without_trouble_are_waited_for_at_once() -> None:
    assert [type(act.trouble.fault).__name__ for act in ACTS if act.trouble] == ["LoseReply", "Throttle"]


def test_a_delayed_result_is_not_final() -> None:
    shown: list[ResultEvent] = []
    results = Results(shown.append)
    results.take(result(Outcome.DELAYED))
    assert results.count(("B-1", "board@acme.example", 1)) == 0
    results.take(result(Outcome.SYNCED))
    assert results.final() == {("B-1", "board@acme.example", 1): [Outcome.SYNCED]}
    assert results.by_outcome() == {"synced": 1}


def result(outcome: Outcome) -> ResultEvent:
    return ResultEvent(
        outcome=outcome,
        tenant=TENANT,
        room="board@acme.example",
        booking_id="B-1",
        version=1,
        at=datetime(2026, 12, 1, tzinfo=UTC),
        took_ms=1,
    )


@pytest.fixture
def tenants() -> dict[str, Tenant]:
    return {TENANT: Tenant(name=TenantName(TENANT), domains=frozenset({"acme.example"}))}
