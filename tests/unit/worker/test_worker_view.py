"""What /readyz and /status say of a worker, and what a scrape finds of it at that moment."""

from collections.abc import AsyncIterator
from typing import Any, cast

import aiohttp
import pytest

from adapters.errors import Misconfigured, Throttled
from consumers.broker.parsing import Reader
from consumers.throttling.tenant_limiter import TenantLimiter
from tests.builders import Tenants, a_tenant
from tests.consumer_harness import PARTITIONS
from tests.room_harness import BOARD
from tests.unit.worker.operating import NAMES, Insides
from worker.http import Server, serve
from worker.metrics.queues import STALE_AFTER_S, QueueMetrics
from worker.settings import HttpSettings
from worker.tenants import TenantTrouble


@pytest.fixture
def insides() -> Insides:
    insides = Insides()
    insides.consuming()
    return insides


@pytest.fixture
async def server(insides: Insides) -> AsyncIterator[Server]:
    server = await serve(HttpSettings(bind="127.0.0.1:0"), insides.view, insides.metrics.registry)
    yield server
    await server.close()


async def got(server: Server, path: str) -> tuple[int, str, Any]:
    async with aiohttp.ClientSession() as session, session.get(f"http://{server.address}/{path}") as answer:
        is_json = answer.content_type == "application/json"
        return answer.status, answer.headers["Content-Type"], await (answer.json() if is_json else answer.text())


async def stop(gate: TenantLimiter) -> None:
    async with gate.slot(BOARD) as turn:
        await turn.report([Misconfigured("ews_blocked")])


class FakeDepths:
    """Queues at a broker, by name without the prefix; partitions have one consumer unless told."""

    def __init__(self, **waiting: int) -> None:
        self.waiting = {name.replace("__", "."): count for name, count in waiting.items()}
        self.consumers = {NAMES.partition(number): 1 for number in range(PARTITIONS)}
        self.missing: set[str] = set()
        self.error: Exception | None = None

    async def depth(self, queue: str) -> tuple[int, int] | None:
        if self.error is not None:
            raise self.error
        name = queue.removeprefix(f"{NAMES.prefix}.")
        return None if name in self.missing else (self.waiting.get(name, 0), self.consumers.get(queue, 0))


async def test_a_worker_is_alive_whatever_it_cannot_use(insides: Insides, server: Server) -> None:
    insides.intake.standing.trouble, insides.intake.standing.is_consuming = "the broker cannot be used", False
    assert await got(server, "healthz") == (200, "application/json; charset=utf-8", {"alive": True})


async def test_a_worker_that_can_use_everything_is_ready(server: Server) -> None:
    code, _, told = await got(server, "readyz")
    assert (code, told["ready"], told["obstacles"]) == (200, True, [])
    assert told["parts"] == {"broker": None, "ledger": None, "tenants": None}


async def test_a_worker_says_which_part_it_cannot_use_and_why(insides: Insides, server: Server) -> None:
    insides.intake.standing.trouble, insides.intake.standing.is_consuming = "the broker cannot be used", False
    insides.intake.standing.ledger = "this ledger took the place of another one"
    code, _, told = await got(server, "readyz")
    assert (code, told["ready"]) == (503, False)
    assert told["parts"]["broker"] == "the broker cannot be used"
    assert told["parts"]["ledger"] == "this ledger took the place of another one"
    assert told["obstacles"] == ["the broker cannot be used", "this ledger took the place of another one"]


async def test_one_tenant_that_works_is_enough_even_if_it_never_had_a_command(insides: Insides, server: Server) -> None:
    await stop(insides.gate("acme"))
    code, _, told = await got(server, "readyz")
    assert (code, list(told["stopped_tenants"])) == (200, ["acme"])


async def test_a_worker_whose_tenants_are_all_stopped_is_not_ready(insides: Insides, server: Server) -> None:
    insides.tenants = ["acme"]
    await stop(insides.gate("acme"))
    code, _, told = await got(server, "readyz")
    assert code == 503
    assert told["parts"]["tenants"].startswith("tenant acme: Exchange Online blocks EWS")


async def test_a_tenant_whose_settings_cannot_be_used_is_told_and_leaves_the_worker_ready(
    insides: Insides, server: Server
) -> None:
    insides.misconfigured = {"late": TenantTrouble(why="late.toml: is not TOML", waits=True)}
    for path in ("readyz", "status"):
        code, _, told = await got(server, path)
        assert (code, told["ready"]) == (200, True)
        assert told["misconfigured_tenants"] == {"late": "late.toml: is not TOML"}
    assert insides.value("roomsync_tenant_misconfigured", tenant="late", state="waiting") == 1
    insides.misconfigured = {"late": TenantTrouble(why="late.toml: is not TOML", waits=False)}
    assert insides.value("roomsync_tenant_misconfigured", tenant="late", state="last_good") == 1


async def test_a_worker_with_no_tenant_that_can_be_used_says_why_for_the_first_ones(
    insides: Insides, server: Server
) -> None:
    insides.tenants = []
    insides.misconfigured = {f"t-{n:02}": TenantTrouble(why="is not TOML", waits=True) for n in range(12)}
    code, _, told = await got(server, "readyz")
    assert (code, told["ready"]) == (503, False)
    assert told["parts"]["tenants"].startswith("tenant t-00: is not TOML; tenant t-01: ")
    assert told["parts"]["tenants"].endswith("tenant t-04: is not TOML; and 7 more")


async def test_a_chore_that_keeps_failing_is_told_and_leaves_the_worker_ready(insides: Insides, server: Server) -> None:
    insides.failing_chores = {"tenants": "RecursionError at toml.py:7, 9 times in 18 s"}
    code, _, told = await got(server, "readyz")
    assert (code, told["failing_chores"]) == (200, insides.failing_chores)
    assert insides.value("roomsync_chore_failing", chore="tenants") == 1


async def test_a_worker_without_tenants_is_not_ready(insides: Insides, server: Server) -> None:
    insides.tenants = []
    assert (await got(server, "readyz"))[2]["obstacles"] == ["no tenant is configured"]


async def test_status_tells_until_when_a_room_is_left_alone(insides: Insides, server: Server) -> None:
    async with insides.gate().slot(BOARD) as turn:
        await turn.report([Throttled(30.0)])
    _, _, told = await got(server, "status")
    acme = told["tenants"]["acme"]
    assert acme["throttled_rooms"][BOARD] == pytest.approx(30, abs=5)
    assert acme["throttled_until"][BOARD].startswith("20")
    assert acme["requests"] == {"in_flight": 0, "limit": 32, "ceiling": 32}


async def test_status_tells_which_partitions_are_surely_this_workers(insides: Insides, server: Server) -> None:
    assert (await got(server, "status"))[2]["partitions"] == {"count": 2, "consuming": 2, "owned": []}
    broker = FakeDepths()
    broker.consumers[NAMES.partition(0)] = 2
    await insides.metrics.queues.read(broker)
    assert (await got(server, "status"))[2]["partitions"]["owned"] == [1]
    insides.intake.partitions.all[0].has_delivered = True
    assert (await got(server, "status"))[2]["partitions"]["owned"] == [0, 1]
    insides.intake.standing.is_consuming = False
    assert (await got(server, "status"))[2]["partitions"] == {"count": 2, "consuming": 0, "owned": []}


async def test_status_tells_how_fast_commands_end(insides: Insides, server: Server) -> None:
    insides.metrics.commands.totals.update({"synced": 90, "failed": 3})
    insides.time.passed_s += 30
    assert (await got(server, "status"))[2]["per_minute"] == {"failed": 6.0, "synced": 180.0}


async def test_a_scrape_finds_gates_and_breakers_as_they_are(insides: Insides, server: Server) -> None:
    gate = insides.gate("acme")
    async with gate.slot(BOARD) as turn:
        assert insides.value("roomsync_exchange_requests_in_flight", tenant="acme") == 1
        await turn.report([Throttled(30.0)])
    await stop(insides.gate("bravo"))
    code, content_type, text = await got(server, "metrics")
    assert (code, content_type.split(";")[0]) == (200, "text/plain")
    lines = set(cast(str, text).splitlines())
    assert {
        'roomsync_breaker_open{tenant="acme"} 0.0',
        'roomsync_breaker_open{tenant="bravo"} 1.0',
        'roomsync_throttled_rooms{tenant="acme"} 1.0',
        'roomsync_throttled_rooms{tenant="bravo"} 0.0',
        'roomsync_exchange_requests_ceiling{tenant="acme"} 32.0',
        "roomsync_ready 1.0",
        'roomsync_usable{part="tenants"} 1.0',
    } <= lines
    throttled_s = insides.value("roomsync_throttled_seconds_total", tenant="acme")
    assert throttled_s is not None
    assert 29 < throttled_s < 60


async def test_a_throttled_tenant_shows_though_none_of_its_rooms_is(insides: Insides) -> None:
    async with insides.gate().slot(BOARD) as turn:
        await turn.report([Throttled(30.0, whole_tenant=True)])
    assert insides.value("roomsync_tenant_throttled", tenant="acme") == 1
    insides.time.passed_s += 3600
    assert insides.value("roomsync_tenant_throttled", tenant="acme") == 0


async def test_a_scrape_shows_the_last_reading_of_the_queues(insides: Insides) -> None:
    broker = FakeDepths(commands__00=3, commands__01=4, deferred__60=5, failed=6)
    broker.consumers[NAMES.partition(1)] = 0
    broker.missing = {"deferred.300"}
    await insides.metrics.queues.read(broker)
    read = {queue: insides.value("roomsync_queue_messages", queue=queue) for queue in ("commands", "failed")}
    deferred = [insides.value("roomsync_queue_messages", queue=f"deferred.{tier_s}") for tier_s in (60, 300, 900)]
    assert (read, deferred) == ({"commands": 7, "failed": 6}, [5, 0, 0])
    assert insides.value("roomsync_partitions_without_consumer") == 1


async def test_an_old_reading_is_not_shown(insides: Insides) -> None:
    queues = QueueMetrics(type(insides.metrics.registry)(), NAMES, PARTITIONS, monotonic=insides.time.monotonic)
    broker = FakeDepths(failed=6)
    await queues.read(broker)
    broker.error = ConnectionError("gone")
    await queues.read(broker)
    assert queues.last is not None
    assert queues.last.messages["failed"] == 6
    insides.time.passed_s += STALE_AFTER_S
    assert queues.last is None


async def test_the_oldest_command_is_the_one_published_first(insides: Insides) -> None:
    assert insides.value("roomsync_oldest_command_age_seconds") == 0
    lanes = insides.intake.lanes
    insides.reader = Reader(Tenants(a_tenant()), insides.intake.clocks)
    now_at = insides.intake.clocks.now()
    for age_s in (5, 90, 40):
        published_ms = int((now_at.timestamp() - age_s) * 1000)
        lanes.put(*insides.arrived(headers={"timestamp_in_ms": published_ms}, booking_id=f"B-{age_s}"))
    oldest_s = insides.value("roomsync_oldest_command_age_seconds")
    waiting = insides.value("roomsync_commands_in_hand", state="waiting")
    await lanes.stop(0)
    assert oldest_s == pytest.approx(90, abs=30)
    assert waiting == 3
