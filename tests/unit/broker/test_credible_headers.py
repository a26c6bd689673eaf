"""Anybody may publish our headers, by mistake too; none of them makes a command wait for ever, or ends it early."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from adapters.errors import Transient
from consumers.broker.credible_headers import CLOCKS_DIFFER, credible_notes
from consumers.broker.headers import ATTEMPTS_END, RoomsyncHeaders, instant_text
from consumers.messages.disposition import DeadLettered, Deferred, Disposition, Problem
from tests.arrival_harness import ArrivalHarness
from tests.builders import a_body
from tests.dispatcher_harness import DispatcherHarness
from tests.fake_broker import FakeMessage

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
OURS = {"booking-id": "B-1", "version": 2, "attempts": 3}
INSTANTS = ("first-seen-at", "replayed-at", "rested-at")


def read(**noted: object) -> RoomsyncHeaders:
    headers = {f"x-roomsync-{name.replace('_', '-')}": value for name, value in noted.items()}
    return credible_notes(cast(Any, headers), booking_id="B-1", version=2, now=NOW)


@pytest.mark.parametrize("name", INSTANTS)
def test_an_instant_that_is_still_to_come_is_none(name: str) -> None:
    assert read(**OURS, **{name: "2199-12-31T00:00:00Z"}) == read(**OURS)
    assert read(**OURS, **{name: instant_text(NOW + CLOCKS_DIFFER + timedelta(milliseconds=1))}) == read(**OURS)


@pytest.mark.parametrize("name", INSTANTS)
def test_an_instant_of_a_worker_whose_clock_is_a_little_ahead_is_one(name: str) -> None:
    assert read(**OURS, **{name: instant_text(NOW + CLOCKS_DIFFER)}) != read(**OURS)


@pytest.mark.parametrize(
    ("count", "read_as"),
    [(ATTEMPTS_END - 1, ATTEMPTS_END - 1), (ATTEMPTS_END, 0), (2**31 - 1, 0), (2**63, 0), (-1, 0), (True, 0)],
)
def test_a_count_that_no_worker_reaches_is_none(count: object, read_as: int) -> None:
    assert read(attempts=count).attempts == read_as


def test_an_instant_may_be_as_old_as_it_likes() -> None:
    first_seen_at = NOW - timedelta(days=400)
    assert read(first_seen_at=instant_text(first_seen_at)).first_seen_at == first_seen_at


@pytest.mark.parametrize("other", [{"booking-id": "B-2"}, {"version": 1}, {"version": "2"}])
def test_the_notes_of_another_command_are_none_of_this_one(other: dict[str, object]) -> None:
    noted = {"first-seen-at": "2026-11-18T09:00:00.000Z", "delayed": True, "derived": True}
    noted |= {"replayed-at": "2026-11-18T09:00:00.000Z", "rested-at": "2026-11-19T09:00:00.000Z"}
    assert read(**OURS, **noted) != RoomsyncHeaders()
    assert read(**{**OURS, **noted, **other}) == read(**{**OURS, **other, "attempts": 0})


async def settled(harness: DispatcherHarness, verdict: Disposition, noted: dict[str, object]) -> None:
    """What becomes of a command with these notes."""
    headers = {f"x-roomsync-{name}": value for name, value in noted.items()}
    message = FakeMessage(a_body(version=2), harness.session, headers=headers)
    _, envelope = harness.reader.glance(cast(Any, message), cast(Any, harness.session))
    await harness.settler.settle([harness.reader.read(envelope)], verdict)


@pytest.mark.parametrize("first_seen_at", ["2199-01-01T00:00:00Z"])
async def test_a_new_command_with_a_copied_header_is_carried_out(first_seen_at: str) -> None:
    harness = DispatcherHarness()
    headers = {"x-roomsync-first-seen-at": first_seen_at, "x-roomsync-attempts": 2**31 - 1}
    await ArrivalHarness(harness).hand_in(FakeMessage(a_body(), harness.session, headers=headers))
    await harness.idle()
    (result,) = harness.session.all_of("result")
    assert (result.outcome, result.attempts) == ("synced", 1)


async def test_notes_of_another_command_are_not_passed_on_when_it_is_sent_away() -> None:
    harness = DispatcherHarness()
    copied = {"booking-id": "B-9", "version": 1, "attempts": 7, "derived": True, "delayed": True}
    await settled(
        harness, Deferred.after(Transient(), wait_s=0.0), {**copied, **dict.fromkeys(INSTANTS, "2026-11-01T09:00:00Z")}
    )
    ((away, _, _),) = harness.session.all_of("deferred")
    noted = {name.removeprefix("x-roomsync-"): value for name, value in away.headers.items()}
    assert (noted["attempts"], noted["first-seen-at"]) == (1, instant_text(harness.time.now()))
    assert not noted.keys() & {"replayed-at", "rested-at", "derived", "delayed"}


async def test_what_a_worker_noted_is_passed_on_when_a_command_is_parked() -> None:
    harness = DispatcherHarness()
    noted = {"attempts": 1, "replayed-at": "2026-11-20T08:00:00.000Z", "derived": True}
    await settled(harness, DeadLettered(problem=Problem.coded("version_reused")), noted)
    ((parked, _),) = harness.session.all_of("failed")
    assert parked.headers["x-roomsync-replayed-at"] == "2026-11-20T08:00:00.000Z"
    assert parked.headers["x-roomsync-derived"] is True
    assert parked.headers["x-roomsync-attempts"] == 2


async def test_what_the_broker_parked_is_told_though_it_bears_a_copied_note_of_our_parking() -> None:
    harness = DispatcherHarness()
    message = FakeMessage(
        a_body(),
        harness.session,
        headers={"x-roomsync-failed-at": "2026-11-19T09:00:00.000Z", "x-first-death-reason": "delivery_limit"},
    )
    await ArrivalHarness(harness, watch=True).hand_in(message)
    assert harness.session.kinds() == ["result", "ack"]
    assert harness.session.all_of("result")[0].error.code == "parked_by_broker"
