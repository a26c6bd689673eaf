"""What an operator meets: a broker that differs, a second ledger, a new tenant, and the views of a running worker."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio
from aio_pika.exceptions import ChannelNotFoundEntity

from adapters.rabbitmq.node import BrokerNode
from tests.builders import a_command
from tests.program_harness import HarnessTenant, ProgramHarness

pytestmark = [pytest.mark.broker, pytest.mark.asyncio(loop_scope="module")]

BOARD = "board@acme.example"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def harness(broker: BrokerNode, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ProgramHarness]:
    """A worker runs, and has synced a booking."""
    async with ProgramHarness(tmp_path_factory.mktemp("operations"), broker.url) as harness:
        await harness.worker()
        await harness.sync(a_command())
        yield harness


async def test_a_check_of_an_empty_broker_fails_and_declares_nothing(harness: ProgramHarness, amqp_prefix: str) -> None:
    config = harness.configure("empty.toml", prefix=amqp_prefix)
    checked = await harness.run("topology", "check", config=config)

    assert checked.code == 1
    assert f"The queue {amqp_prefix}.failed is missing: run `roomsync topology apply`" in checked.said
    assert not await exists(harness, f"{amqp_prefix}.failed")
    assert not await exists(harness, f"{amqp_prefix}.commands.00")


async def test_a_check_of_a_broker_that_a_worker_uses_is_fine(harness: ProgramHarness) -> None:
    checked = await harness.run("topology", "check")
    assert (checked.code, checked.out.startswith("As it should be")) == (0, True), checked.said


async def test_a_queue_that_was_declared_otherwise_is_named_and_the_worker_refuses(
    harness: ProgramHarness, amqp_prefix: str
) -> None:
    name = f"{amqp_prefix}.deferred.15"
    await harness.channel.declare_queue(name, durable=True, arguments={"x-queue-type": "quorum", "x-message-ttl": 1000})
    refused = await harness.run("worker", config=harness.configure("differs.toml", prefix=amqp_prefix, ledger="d.db"))
    await harness.channel.queue_delete(name)

    assert refused.code == 1
    assert f"The queue {name} exists, but was declared differently" in refused.said
    assert "x-message-ttl" in refused.said or "x-dead-letter" in refused.said or "x-overflow" in refused.said


async def test_a_worker_with_a_second_ledger_is_refused(harness: ProgramHarness) -> None:
    second = await harness.run("worker", config=harness.configure("second.toml", ledger="second.db"))
    assert second.code == 1
    assert "a replica needs the same ledger" in second.said
    assert (await harness.sync(a_command(room="after@acme.example")))["outcome"] == "synced"


async def test_a_log_level_that_there_is_not_is_wrong_usage(harness: ProgramHarness) -> None:
    refused = await harness.run("worker", "--log-level", "noisy")
    assert (refused.code, "debug, info, warning, error" in refused.said) == (2, True)


async def test_a_tenant_that_is_added_gets_its_bookings_without_a_restart(harness: ProgramHarness) -> None:
    late = HarnessTenant(name="late")
    exchange = late.open_exchange(harness.folder)
    await exchange.start()
    try:
        (harness.folder / "late.password").write_text(late.password)
        password = 'password_file = "late.password"'
        (harness.folder / "tenants.d" / "late.toml").write_text(late.toml(within="", password=password))
        worker = harness.running[0]
        await harness.until(lambda: bool(worker.events("tenants.reloaded")), "the new tenant")
        result = await harness.sync(a_command(tenant="late", room="hall@late.example"))
    finally:
        await exchange.stop()
    assert result["outcome"] == "synced"
    assert [event.booking for event in exchange.calendar("hall@late.example")] == ["late/B-1001"]


async def test_status_shows_queues_and_worker(harness: ProgramHarness) -> None:
    told = (await harness.run("status", "--json")).json()
    queues = {queue["queue"]: queue["messages"] for queue in told["queues"]}
    assert queues[harness.names.failed] is not None
    assert told["worker"]["ready"] is True
    assert told["worker"]["tenants"]["acme"]["breaker"] == "closed"


async def test_status_of_a_booking_shows_what_the_ledger_knows(harness: ProgramHarness) -> None:
    told = (await harness.run("status", "--booking", "B-1001", "--tenant", "acme", "--json")).json()
    (row,) = [row for row in told["rooms"] if row["room"] == BOARD]
    (event,) = harness.exchange.calendar(BOARD)
    assert (row["state"], row["version"], row["item_id"]) == ("present", 1, event.item_id)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        pytest.param("healthz", '"alive": true', id="alive"),
        pytest.param("readyz", '"ready": true', id="ready"),
        pytest.param("status", '"lanes"', id="status"),
        pytest.param("metrics", 'roomsync_commands_total{command="create",outcome="synced"', id="metrics"),
    ],
)
async def test_the_http_port_answers(path: str, words: str, harness: ProgramHarness) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{harness.http['roomsync.toml']}/{path}") as answer,
    ):
        assert answer.status == 200
        assert words in await answer.text()


async def exists(harness: ProgramHarness, queue: str) -> bool:
    channel = await harness.connection.channel()
    try:
        await channel.declare_queue(queue, passive=True)
    except ChannelNotFoundEntity:
        return False
    await channel.close()
    return True
