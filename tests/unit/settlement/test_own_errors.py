"""Errors of our own while a delivery is settled: they cost it time, and neither it nor its neighbours anything else."""

import asyncio
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from adapters.calendar import RoomAddress, TenantName
from adapters.ledger import BookingKey
from consumers.broker.delivery import UNACKED_MAX_S, ParsedDelivery
from consumers.broker.incoming_message import IncomingMessage
from consumers.messages.disposition import CheckLater, Completed, Decision, Deferred, Finished, Problem
from consumers.messages.result import ResultEvent
from consumers.milestones import Milestone
from consumers.settlement.guard import FIRST_S, rest_s
from consumers.settlement.settle import Settler
from consumers.sync.room import Room
from tests.arrival_harness import ArrivalHarness
from tests.builders import a_body
from tests.dispatcher_harness import DispatcherHarness
from tests.fake_broker import FakeMessage, FakeObserver
from tests.room_harness import BOARD, VirtualTime
from tests.waiting import turns

SYNCED = Completed(outcome=Finished.SYNCED)
LATER = Deferred(wait_s=60.0, problem=Problem.coded("room_behind"), counts_attempt=False)
SECRET = "a subject that nobody may see"


class Defect(Exception):
    """An error that nobody expects."""


def a_message(harness: DispatcherHarness, **changes: Any) -> FakeMessage:  # noqa: ANN401 - as a message takes them
    return FakeMessage(**{"body": a_body(), "session": harness.session} | changes)


def a_delivery(harness: DispatcherHarness, **changes: Any) -> ParsedDelivery:  # noqa: ANN401 - as above
    _, envelope = harness.reader.glance(a_message(harness, **changes), cast(Any, harness.session))
    return harness.reader.read(envelope)


def break_publishing(harness: DispatcherHarness, kind: str) -> None:
    """Let the session fail at one kind of publishing as at a defect, not as at a broker that refuses."""
    note = harness.session._note

    def fail(told: str, what: object) -> None:
        if told == kind:
            raise Defect(SECRET)
        note(told, what)

    harness.session._note = fail  # type: ignore[method-assign]  # the fake's own


@pytest.mark.parametrize(
    ("verdict", "kind"),
    [pytest.param(SYNCED, "result", id="its result"), pytest.param(LATER, "deferred", id="its copy")],
)
async def test_a_delivery_rests_before_an_error_of_ours_gives_it_back(verdict: Completed | Deferred, kind: str) -> None:
    harness = DispatcherHarness()
    harness.time.stop()
    break_publishing(harness, kind)
    await harness.settler.settle([a_delivery(harness)], verdict)
    await turns()
    assert harness.session.kinds() == []
    assert harness.time.slept == [FIRST_S]
    harness.time.go()
    await turns()
    assert harness.session.kinds() == ["requeue"]


@pytest.mark.parametrize(
    ("tries", "held_s", "waited_s"),
    [
        pytest.param(1, 0.0, 5.0, id="first"),
        pytest.param(2, 0.0, 10.0, id="second"),
        pytest.param(5, 0.0, 80.0, id="fifth"),
        pytest.param(9, 0.0, UNACKED_MAX_S, id="never longer than anything may be held"),
        pytest.param(10**6, 0.0, UNACKED_MAX_S, id="however often"),
        pytest.param(9, 200.0, 40.0, id="held for long already"),
        pytest.param(9, 900.0, 5.0, id="held for too long"),
    ],
)
def test_the_rest_grows_with_each_return(tries: int, held_s: float, waited_s: float) -> None:
    assert rest_s(tries, held_s) == waited_s


async def test_the_rest_grows_in_this_process_also_where_the_broker_counts_no_returns() -> None:
    harness = DispatcherHarness()
    break_publishing(harness, "result")
    for _ in range(3):
        await harness.settler.settle([a_delivery(harness)], SYNCED)
        await turns()
    assert harness.time.slept == [5.0, 10.0, 20.0]


async def test_a_room_goes_on_while_one_of_its_deliveries_rests() -> None:
    harness = DispatcherHarness()
    harness.time.stop()
    break_publishing(harness, "result")
    harness.put("B-1")
    await harness.idle()
    del harness.session._note
    harness.put("B-2")
    await harness.idle()
    assert harness.session.kinds() == ["result", "ack"]


async def test_an_error_of_ours_is_logged_once_with_its_class_and_place_and_never_its_text() -> None:
    harness = DispatcherHarness()
    break_publishing(harness, "result")
    with capture_logs() as logs:
        for number in range(50):
            await harness.settler.settle([a_delivery(harness, message_id=f"m-{number}")], SYNCED)
    (line,) = [line for line in logs if line["event"] == "delivery.unsettled"]
    assert line["error"] == "Defect"
    assert "test_own_errors.py:" in line["at"]
    assert SECRET not in str(logs)


async def test_after_ten_returns_a_command_that_cannot_be_settled_is_put_aside_with_a_result() -> None:
    harness = DispatcherHarness()
    break_publishing(harness, "deferred")
    headers = {"x-delivery-count": 9}
    await harness.settler.settle([a_delivery(harness, headers=headers, redelivered=True)], LATER)
    await turns()
    assert harness.session.kinds() == ["failed", "result", "ack"]
    (result,) = harness.session.all_of("result")
    assert (result.error.code, result.booking_id, result.tenant) == ("internal_error", "B-1001", "acme")


async def test_a_worker_that_stops_gives_back_what_rests() -> None:
    harness = DispatcherHarness()
    harness.time.stop()
    break_publishing(harness, "result")
    harness.put("B-1")
    await harness.idle()
    await harness.lanes.stop(1.0)
    assert harness.session.kinds() == ["requeue"]


async def test_a_worker_that_stops_lets_end_what_it_reports_without_a_lane() -> None:
    harness, may_go = DispatcherHarness(), asyncio.Event()
    harness.time.stop()
    result = harness.session.result

    async def slow(event: ResultEvent) -> None:
        await may_go.wait()
        await result(event)

    harness.session.result = slow  # type: ignore[method-assign]  # the fake's own
    reporting = asyncio.create_task(ArrivalHarness(harness, watch=True).hand_in(a_message(harness, body=b"no command")))
    await turns()
    stopping = asyncio.create_task(harness.lanes.stop(1.0))
    await turns()
    assert not stopping.done()
    may_go.set()
    await stopping
    assert harness.session.kinds() == ["result", "ack"]
    await reporting


async def test_what_rests_belongs_to_nobody_once_its_session_is_lost() -> None:
    harness = DispatcherHarness()
    harness.time.stop()
    break_publishing(harness, "result")
    await harness.settler.settle([a_delivery(harness)], SYNCED)
    harness.session.lost.set()
    harness.time.go()
    await turns()
    assert harness.session.kinds() == []
    assert list(harness.settler.in_hand()) == []


class Deaf(FakeObserver):
    """Raises at whatever it is told."""

    def __getattribute__(self, name: str) -> Any:  # noqa: ANN401 - whatever is asked for
        if name.startswith("_"):
            return super().__getattribute__(name)

        def fail(*_: object, **__: object) -> None:
            raise Defect(SECRET)

        return fail


@pytest.mark.parametrize("verdict", [pytest.param(SYNCED, id="synced"), pytest.param(LATER, id="deferred")])
async def test_what_counts_and_tells_never_keeps_a_command_from_its_acknowledgement(
    verdict: Completed | Deferred,
) -> None:
    harness = DispatcherHarness()

    def fail(_milestone: Milestone, _key: BookingKey) -> None:
        raise Defect(SECRET)

    policy, clocks = harness.settler._policy, harness.time.clocks()
    settler = Settler(policy=policy, clocks=clocks, observer=Deaf(), reached=fail)
    delivery = a_delivery(harness)
    await settler.carry_out([Decision([delivery], CheckLater("booking"))])
    await settler.settle([delivery], verdict)
    assert harness.session.kinds()[-1] == "ack"
    assert harness.time.slept == []


@pytest.mark.parametrize("watch", [False, True], ids=["partition", "watch"])
async def test_no_delivery_leaves_the_entrance_without_a_settlement(watch: bool) -> None:
    harness = DispatcherHarness()
    arrivals = ArrivalHarness(harness, watch=watch)

    def fail(_message: IncomingMessage, _session: object) -> None:
        raise Defect(SECRET)

    harness.reader.glance = fail  # type: ignore[method-assign,assignment]  # what nobody thought of
    await arrivals.hand_in(a_message(harness))
    await turns()
    assert harness.session.kinds() == ["requeue"]
    for _ in range(9):
        await arrivals.hand_in(a_message(harness))
        await turns()
    assert harness.session.kinds()[-1] == "ack"
    assert harness.session.kinds().count("requeue") == 9
    (result,) = harness.session.all_of("result")
    assert result.error.code == "internal_error"
    assert len(harness.session.all_of("failed")) == (0 if watch else 1)


async def test_a_command_that_cannot_be_read_for_an_error_of_ours_costs_its_mates_nothing() -> None:
    harness = DispatcherHarness()
    read = harness.reader.read

    def fail(held: Any) -> ParsedDelivery:  # noqa: ANN401 - an envelope
        if held.booking_id == "B-2":
            raise Defect(SECRET)
        return read(held)

    harness.reader.read = fail  # type: ignore[method-assign]  # what nobody thought of
    for number in range(1, 4):
        harness.put(f"B-{number}")
    await harness.idle()
    await turns()
    assert harness.session.kinds().count("ack") == 2
    assert [what for kind, what in harness.session.journal if kind == "requeue"] == ["B-2.1"]


async def test_a_room_that_cannot_be_reached_for_an_error_of_ours_waits_and_loses_nothing() -> None:
    harness = DispatcherHarness()
    room, arrivals = harness.room, ArrivalHarness(harness)

    def fail(_tenant: TenantName, _address: RoomAddress) -> Room | None:
        raise Defect(SECRET)

    harness.lanes._room_of = fail
    await arrivals.hand_in(a_message(harness, routing_key=BOARD))
    assert harness.session.kinds() == []
    assert len(list(harness.lanes.in_hand())) == 1
    harness.lanes._room_of = room
    (key,) = harness.lanes._lanes
    harness.lanes._start(key, harness.lanes._lanes[key])
    await harness.idle()
    assert harness.session.kinds() == ["result", "ack"]


@pytest.mark.parametrize(
    "first_seen_at",
    ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-23:59", "1999-12-31T23:59:59Z", "2200-01-01T00:00:00Z"],
)
async def test_an_instant_that_is_none_is_as_if_it_were_not_there(first_seen_at: str) -> None:
    harness = DispatcherHarness()
    message = a_message(
        harness, headers={"x-roomsync-first-seen-at": first_seen_at}, timestamp=VirtualTime().now(), routing_key=BOARD
    )
    await ArrivalHarness(harness).hand_in(message)
    await harness.idle()
    assert harness.session.kinds() == ["result", "ack"]


@pytest.mark.parametrize("count", [12, 50, 2**40])
async def test_a_count_of_deliveries_on_a_first_delivery_is_somebody_elses(count: int) -> None:
    harness = DispatcherHarness()
    await ArrivalHarness(harness).hand_in(a_message(harness, headers={"x-delivery-count": count}, routing_key=BOARD))
    await harness.idle()
    assert harness.session.kinds() == ["result", "ack"]


async def test_nothing_that_was_not_checked_is_logged_of_a_command_that_is_forwarded() -> None:
    harness = DispatcherHarness()
    body = a_body(room="a page of personal text " * 5000 + "@acme.example")
    with capture_logs() as logs:
        await ArrivalHarness(harness).hand_in(a_message(harness, body=body, message_id="Ada Lovelace, room 4"))
        await ArrivalHarness(harness).hand_in(a_message(harness, routing_key="Ada", message_id="Ada Lovelace, room 4"))
        await turns()
    assert [line["event"] for line in logs] == ["message.parked", "booking.forwarded"]
    assert logs[1]["room"] == BOARD
    assert "personal" not in str(logs)
    assert "Ada" not in str(logs)
