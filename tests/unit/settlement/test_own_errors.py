"""Errors of our own while a delivery is settled: they cost it time, and neither it nor its neighbours anything else."""

import asyncio
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from adapters.calendar import RoomAddress, TenantName
from adapters.ledger import BookingKey
from consumers.broker.delivery import UNACKED_MAX_S, ParsedDelivery
from consumers.broker.incoming_message import IncomingMessage
from consumers.messages.disposition import Completed, Deferred, Finished, Problem
from consumers.messages.result import ResultEvent
from consumers.milestones import Milestone
from consumers.settlement.guard import FIRST_S, rest_s
from consumers.settlement.settle import Settler
from consumers.sync.room import Room
from tests.broker import FakeMessage, FakeObserver
from tests.builders import a_body
from tests.entrance import Entrance
from tests.hall import Hall
from tests.rooms import BOARD, VirtualTime
from tests.waiting import turns

SYNCED = Completed(outcome=Finished.SYNCED)
LATER = Deferred(wait_s=60.0, problem=Problem.coded("room_behind"), counts_attempt=False)
SECRET = "a subject that nobody may see"


class Defect(Exception):
    """An error that nobody expects."""


def a_message(hall: Hall, **changes: Any) -> FakeMessage:  # noqa: ANN401 - as a message takes them
    return FakeMessage(**{"body": a_body(), "session": hall.session} | changes)


def a_delivery(hall: Hall, **changes: Any) -> ParsedDelivery:  # noqa: ANN401 - as above
    _, envelope = hall.reader.glance(a_message(hall, **changes), cast(Any, hall.session))
    return hall.reader.read(envelope)


def break_publishing(hall: Hall, kind: str) -> None:
    """Let the session fail at one kind of publishing as at a defect, not as at a broker that refuses."""
    note = hall.session._note

    def fail(told: str, what: object) -> None:
        if told == kind:
            raise Defect(SECRET)
        note(told, what)

    hall.session._note = fail  # type: ignore[method-assign]  # the fake's own


@pytest.mark.parametrize(
    ("verdict", "kind"),
    [pytest.param(SYNCED, "result", id="its result"), pytest.param(LATER, "deferred", id="its copy")],
)
async def test_a_delivery_rests_before_an_error_of_ours_gives_it_back(verdict: Completed | Deferred, kind: str) -> None:
    hall = Hall()
    hall.time.stop()
    break_publishing(hall, kind)
    await hall.settler.settle([a_delivery(hall)], verdict)
    await turns()
    assert hall.session.kinds() == []
    assert hall.time.slept == [FIRST_S]
    hall.time.go()
    await turns()
    assert hall.session.kinds() == ["requeue"]


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
    hall = Hall()
    break_publishing(hall, "result")
    for _ in range(3):
        await hall.settler.settle([a_delivery(hall)], SYNCED)
        await turns()
    assert hall.time.slept == [5.0, 10.0, 20.0]


async def test_a_room_goes_on_while_one_of_its_deliveries_rests() -> None:
    hall = Hall()
    hall.time.stop()
    break_publishing(hall, "result")
    hall.put("B-1")
    await hall.idle()
    del hall.session._note
    hall.put("B-2")
    await hall.idle()
    assert hall.session.kinds() == ["result", "ack"]


async def test_an_error_of_ours_is_logged_once_with_its_class_and_place_and_never_its_text() -> None:
    hall = Hall()
    break_publishing(hall, "result")
    with capture_logs() as logs:
        for number in range(50):
            await hall.settler.settle([a_delivery(hall, message_id=f"m-{number}")], SYNCED)
    (line,) = [line for line in logs if line["event"] == "delivery.unsettled"]
    assert line["error"] == "Defect"
    assert "test_own_errors.py:" in line["at"]
    assert SECRET not in str(logs)


async def test_after_ten_returns_a_command_that_cannot_be_settled_is_put_aside_with_a_result() -> None:
    hall = Hall()
    break_publishing(hall, "deferred")
    headers = {"x-delivery-count": 9}
    await hall.settler.settle([a_delivery(hall, headers=headers, redelivered=True)], LATER)
    await turns()
    assert hall.session.kinds() == ["failed", "result", "ack"]
    (result,) = hall.session.all_of("result")
    assert (result.error.code, result.booking_id, result.tenant) == ("internal_error", "B-1001", "acme")


async def test_a_worker_that_stops_gives_back_what_rests() -> None:
    hall = Hall()
    hall.time.stop()
    break_publishing(hall, "result")
    hall.put("B-1")
    await hall.idle()
    await hall.lanes.stop(1.0)
    assert hall.session.kinds() == ["requeue"]


async def test_a_worker_that_stops_lets_end_what_it_reports_without_a_lane() -> None:
    hall, may_go = Hall(), asyncio.Event()
    hall.time.stop()
    result = hall.session.result

    async def slow(event: ResultEvent) -> None:
        await may_go.wait()
        await result(event)

    hall.session.result = slow  # type: ignore[method-assign]  # the fake's own
    reporting = asyncio.create_task(Entrance(hall, watch=True).hand_in(a_message(hall, body=b"no command")))
    await turns()
    stopping = asyncio.create_task(hall.lanes.stop(1.0))
    await turns()
    assert not stopping.done()
    may_go.set()
    await stopping
    assert hall.session.kinds() == ["result", "ack"]
    await reporting


async def test_what_rests_belongs_to_nobody_once_its_session_is_lost() -> None:
    hall = Hall()
    hall.time.stop()
    break_publishing(hall, "result")
    await hall.settler.settle([a_delivery(hall)], SYNCED)
    hall.session.lost.set()
    hall.time.go()
    await turns()
    assert hall.session.kinds() == []
    assert list(hall.settler.in_hand()) == []


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
    hall = Hall()

    def fail(_milestone: Milestone, _key: BookingKey) -> None:
        raise Defect(SECRET)

    policy, clocks = hall.settler._policy, hall.time.clocks()
    settler = Settler(policy=policy, clocks=clocks, observer=Deaf(), reached=fail)
    delivery = a_delivery(hall)
    await settler.second_look(delivery, "booking")
    await settler.settle([delivery], verdict)
    assert hall.session.kinds()[-1] == "ack"
    assert hall.time.slept == []


@pytest.mark.parametrize("watch", [False, True], ids=["partition", "watch"])
async def test_no_delivery_leaves_the_entrance_without_a_settlement(watch: bool) -> None:
    hall = Hall()
    entrance = Entrance(hall, watch=watch)

    def fail(_message: IncomingMessage, _session: object) -> None:
        raise Defect(SECRET)

    hall.reader.glance = fail  # type: ignore[method-assign,assignment]  # what nobody thought of
    await entrance.hand_in(a_message(hall))
    await turns()
    assert hall.session.kinds() == ["requeue"]
    for _ in range(9):
        await entrance.hand_in(a_message(hall))
        await turns()
    assert hall.session.kinds()[-1] == "ack"
    assert hall.session.kinds().count("requeue") == 9
    (result,) = hall.session.all_of("result")
    assert result.error.code == "internal_error"
    assert len(hall.session.all_of("failed")) == (0 if watch else 1)


async def test_a_command_that_cannot_be_read_for_an_error_of_ours_costs_its_mates_nothing() -> None:
    hall = Hall()
    read = hall.reader.read

    def fail(held: Any) -> ParsedDelivery:  # noqa: ANN401 - an envelope
        if held.booking_id == "B-2":
            raise Defect(SECRET)
        return read(held)

    hall.reader.read = fail  # type: ignore[method-assign]  # what nobody thought of
    for number in range(1, 4):
        hall.put(f"B-{number}")
    await hall.idle()
    await turns()
    assert hall.session.kinds().count("ack") == 2
    assert [what for kind, what in hall.session.journal if kind == "requeue"] == ["B-2.1"]


async def test_a_room_that_cannot_be_reached_for_an_error_of_ours_waits_and_loses_nothing() -> None:
    hall = Hall()
    room, entrance = hall.room, Entrance(hall)

    def fail(_tenant: TenantName, _address: RoomAddress) -> Room | None:
        raise Defect(SECRET)

    hall.lanes._room_of = fail
    await entrance.hand_in(a_message(hall, routing_key=BOARD))
    assert hall.session.kinds() == []
    assert len(list(hall.lanes.in_hand())) == 1
    hall.lanes._room_of = room
    (key,) = hall.lanes._lanes
    hall.lanes._start(key, hall.lanes._lanes[key])
    await hall.idle()
    assert hall.session.kinds() == ["result", "ack"]


@pytest.mark.parametrize(
    "first_seen_at",
    ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-23:59", "1999-12-31T23:59:59Z", "2200-01-01T00:00:00Z"],
)
async def test_an_instant_that_is_none_is_as_if_it_were_not_there(first_seen_at: str) -> None:
    hall = Hall()
    message = a_message(
        hall, headers={"x-roomsync-first-seen-at": first_seen_at}, timestamp=VirtualTime().now(), routing_key=BOARD
    )
    await Entrance(hall).hand_in(message)
    await hall.idle()
    assert hall.session.kinds() == ["result", "ack"]


@pytest.mark.parametrize("count", [12, 50, 2**40])
async def test_a_count_of_deliveries_on_a_first_delivery_is_somebody_elses(count: int) -> None:
    hall = Hall()
    await Entrance(hall).hand_in(a_message(hall, headers={"x-delivery-count": count}, routing_key=BOARD))
    await hall.idle()
    assert hall.session.kinds() == ["result", "ack"]


async def test_nothing_that_was_not_checked_is_logged_of_a_command_that_is_forwarded() -> None:
    hall = Hall()
    body = a_body(room="a page of personal text " * 5000 + "@acme.example")
    with capture_logs() as logs:
        await Entrance(hall).hand_in(a_message(hall, body=body, message_id="Ada Lovelace, room 4"))
        await Entrance(hall).hand_in(a_message(hall, routing_key="Ada", message_id="Ada Lovelace, room 4"))
        await turns()
    assert [line["event"] for line in logs] == ["message.parked", "booking.forwarded"]
    assert logs[1]["room"] == BOARD
    assert "personal" not in str(logs)
    assert "Ada" not in str(logs)
