"""What is counted, under which labels, and from when a command's age runs."""

import timeit
from datetime import UTC, datetime, timedelta

import pytest

from adapters.calendar import BookingId, Create, ItemRef, Mark, Operation, Remove, RoomAddress, RoomEvent, TenantName
from adapters.errors import CalendarError, Refused, Throttled
from consumers.messages.disposition import Completed, DeadLettered, Deferred, Finished, Problem
from consumers.messages.result import Outcome, ResultEvent
from consumers.messages.violations import KnownMembers
from consumers.settlement.results import result_of
from tests.builders import look_headers
from tests.fakes import FakeCalendar
from tests.unit.worker.operating import Insides
from worker.metrics import TimedCalendar
from worker.metrics.rates import OVER_S, Rates

SYNCED = Completed(outcome=Finished.SYNCED)
PARKED = DeadLettered(problem=Problem.coded("rights_missing"))
ROOM = RoomAddress("board@acme.example")
CREATE = Create(
    mark=Mark(booking_id=BookingId("B-1"), version=1),
    event=RoomEvent(
        subject="Design review",
        starts_at=datetime(2026, 12, 1, 8, tzinfo=UTC),
        ends_at=datetime(2026, 12, 1, 9, tzinfo=UTC),
        time_zone="Europe/Brussels",
    ),
)
REMOVE = Remove(ref=ItemRef(item_id="AAMk1"))


@pytest.fixture
def insides() -> Insides:
    return Insides()


def commands(insides: Insides, **labels: str) -> float | None:
    return insides.value("roomsync_commands_total", **{"tenant": "acme"} | labels)


async def test_a_command_is_counted_by_what_was_asked_how_it_ended_and_whose_it_is(insides: Insides) -> None:
    await insides.settler.settle([insides.delivery(), insides.delivery(version=2)], SYNCED)
    await insides.settler.settle([insides.delivery(command="cancel")], Completed(outcome=Finished.REMOVED))
    await insides.settler.settle([insides.delivery(command="end")], PARKED)
    assert commands(insides, command="create", outcome="synced") == 2
    assert commands(insides, command="cancel", outcome="removed") == 1
    assert commands(insides, command="end", outcome="failed") == 1
    assert insides.value("roomsync_failed_total", code="rights_missing", tenant="acme") == 1


async def test_a_deferred_command_has_not_ended(insides: Insides) -> None:
    later = Deferred.after(Throttled(30), wait_s=30)
    await insides.settler.settle([insides.delivery()], later)
    assert insides.value("roomsync_deferred_total", code="throttled", tenant="acme") == 1
    assert insides.metrics.commands.totals == {"deferred": 1}


async def test_names_that_no_configuration_gave_are_no_labels(insides: Insides) -> None:
    insides.tenants = []
    later = Deferred(wait_s=60, problem=Problem.coded("tenant_misconfigured"), counts_attempt=False)
    await insides.settler.settle([insides.delivery()], later)
    await insides.settler.settle([insides.delivery()], PARKED)
    assert insides.value("roomsync_deferred_total", code="tenant_misconfigured", tenant="") == 1
    assert insides.value("roomsync_failed_total", code="rights_missing", tenant="") == 1


async def test_a_parked_second_look_is_no_failed_command(insides: Insides) -> None:
    await insides.settler.settle([insides.delivery(headers=look_headers("booking"))], PARKED)
    assert insides.value("roomsync_failed_total", code="rights_missing", tenant="acme") == 1
    assert insides.metrics.commands.totals == {}


@pytest.mark.parametrize(
    ("name", "label"),
    [
        pytest.param("acme", "acme", id="configured"),
        pytest.param("made-up-1", "", id="not configured"),
        pytest.param(None, "", id="unknown"),
    ],
)
def test_only_configured_tenants_become_labels(name: TenantName | None, label: str, insides: Insides) -> None:
    insides.metrics.commands.unreadable(KnownMembers(tenant=name, command="create"), "member_missing", "m-1")
    assert insides.value("roomsync_failed_total", code="member_missing", tenant=label) == 1
    assert commands(insides, command="create", outcome="failed", tenant=label) == 1


async def test_only_what_was_written_has_a_latency(insides: Insides) -> None:
    published = int((insides.time.now() - timedelta(seconds=4)).timestamp() * 1000)
    await insides.settler.settle([insides.delivery(headers={"timestamp_in_ms": published})], SYNCED)
    await insides.settler.settle([insides.delivery()], Completed(outcome=Finished.SUPERSEDED))
    await insides.settler.settle([insides.delivery()], PARKED)
    assert insides.value("roomsync_publish_to_written_seconds_count", tenant="acme") == 1
    assert insides.value("roomsync_publish_to_written_seconds_sum", tenant="acme") == pytest.approx(4)


def aged(insides: Insides, *, timestamp: datetime | None = None, **headers: object) -> float:
    return insides.delivery(headers=headers, timestamp=timestamp).age_s(insides.time.now())


def test_a_command_is_as_old_as_its_broker_says_to_the_millisecond(insides: Insides) -> None:
    since_ms = int(insides.time.now().timestamp() * 1000) - 1250
    whole = insides.time.now() - timedelta(seconds=90)
    assert aged(insides, timestamp=whole, timestamp_in_ms=since_ms) == pytest.approx(1.25)


def test_a_time_in_whole_seconds_counts_from_the_end_of_its_second(insides: Insides) -> None:
    assert aged(insides, timestamp=insides.time.now() - timedelta(seconds=10)) == 9
    assert aged(insides, timestamp=insides.time.now().replace(microsecond=0)) == 0


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(timedelta(hours=1), id="ahead"),
        pytest.param(timedelta(days=-400), id="far behind"),
        pytest.param(None, id="absent"),
    ],
)
def test_without_a_usable_time_a_command_is_as_old_as_its_first_arrival(
    told: timedelta | None, insides: Insides
) -> None:
    timestamp = None if told is None else insides.time.now() + told
    first_seen = (insides.time.now() - timedelta(seconds=70)).isoformat()
    assert aged(insides, timestamp=timestamp, **{"x-roomsync-first-seen-at": first_seen}) == 70


@pytest.mark.parametrize("told_ms", ["soon", True, -1, 2**62])
def test_a_brokers_time_that_is_none_is_ignored(told_ms: object, insides: Insides) -> None:
    assert aged(insides, timestamp_in_ms=told_ms) == 0


@pytest.mark.parametrize(
    ("operations", "error", "operation", "code"),
    [
        pytest.param([CREATE], None, "create", "ok", id="one kind, all well"),
        pytest.param([CREATE, REMOVE], None, "create+remove", "gone", id="two kinds, and an event is gone"),
        pytest.param([CREATE, REMOVE], Refused("rights_missing"), "create+remove", "rights_missing", id="an error"),
    ],
)
async def test_a_write_is_timed_by_its_kinds_and_its_first_error(
    operations: list[Operation], error: CalendarError | None, operation: str, code: str, insides: Insides
) -> None:
    calendar = TimedCalendar(FakeCalendar(*([error] if error else [])), insides.metrics.requests)
    outcomes = await calendar.apply(ROOM, operations)
    assert len(outcomes) == len(operations)
    name = "roomsync_exchange_request_duration_seconds_count"
    assert insides.value(name, operation=operation, code=code) == 1


async def test_a_read_is_timed_also_when_it_fails(insides: Insides) -> None:
    calendar = TimedCalendar(FakeCalendar(Throttled(5)), insides.metrics.requests)
    with pytest.raises(Throttled):
        await calendar.find(ROOM, [BookingId("B-1")])
    await calendar.scan(ROOM)
    await calendar.read(ROOM, [])
    name = "roomsync_exchange_request_duration_seconds_count"
    counted = {("find", "throttled"), ("scan", "ok"), ("read", "ok")}
    assert {each for each in counted if insides.value(name, operation=each[0], code=each[1]) == 1} == counted


def test_rates_are_those_of_the_last_minute() -> None:
    now_s, totals = [1000.0], {"synced": 0}
    rates = Rates(totals, monotonic=lambda: now_s[0])
    for _ in range(30):
        now_s[0] += 5
        totals["synced"] += 10
        rates.sample()
    assert rates.per_minute() == {"synced": 120.0}
    for _ in range(int(OVER_S / 5)):
        now_s[0] += 5
        rates.sample()
    totals["failed"] = 2
    assert rates.per_minute() == {"failed": 2.0, "synced": 0.0}


def test_counting_a_command_costs_little(insides: Insides) -> None:
    delivery = insides.delivery(headers={"timestamp_in_ms": 1_795_000_000_000})
    result = result_of(delivery, Outcome.SYNCED, now=insides.time.now(), now_s=insides.time.monotonic())

    def count(told: ResultEvent = result) -> None:
        insides.metrics.commands.finished(delivery, SYNCED, told)

    # About 4 us on an idle machine, 10 us are granted; the limit only tells a defect from a slow machine.
    assert min(timeit.repeat(count, number=1000, repeat=5)) / 1000 < 100e-6
