"""What an operator meets: a broker that differs, a second ledger, a new tenant, and the views of a running worker."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio
from aio_pika.exceptions import ChannelNotFoundEntity

from adapters.rabbitmq.node import BrokerNode
from tests.builders import a_command
from tests.stage import Stage, StageTenant

pytestmark = [pytest.mark.broker, pytest.mark.asyncio(loop_scope="module")]

BOARD = "board@acme.example"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(broker: BrokerNode, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """A worker runs, and has synced a booking."""
    async with Stage(tmp_path_factory.mktemp("operations"), broker.url) as stage:
        await stage.worker()
        await stage.sync(a_command())
        yield stage


async def test_a_check_of_an_empty_broker_fails_and_declares_nothing(stage: Stage, amqp_prefix: str) -> None:
    config = stage.configure("empty.toml", prefix=amqp_prefix)
    checked = await stage.run("topology", "check", config=config)

    assert checked.code == 1
    assert f"The queue {amqp_prefix}.failed is missing: run `roomsync topology apply`" in checked.said
    assert not await exists(stage, f"{amqp_prefix}.failed")
    assert not await exists(stage, f"{amqp_prefix}.commands.00")


async def test_a_check_of_a_broker_that_a_worker_uses_is_fine(stage: Stage) -> None:
    checked = await stage.run("topology", "check")
    assert (checked.code, checked.out.startswith("As it should be")) == (0, True), checked.said


async def test_a_queue_that_was_declared_otherwise_is_named_and_the_worker_refuses(
    stage: Stage, amqp_prefix: str
) -> None:
    name = f"{amqp_prefix}.deferred.15"
    await stage.channel.declare_queue(name, durable=True, arguments={"x-queue-type": "quorum", "x-message-ttl": 1000})
    refused = await stage.run("worker", config=stage.configure("differs.toml", prefix=amqp_prefix, ledger="d.db"))
    await stage.channel.queue_delete(name)

    assert refused.code == 1
    assert f"The queue {name} exists, but was declared differently" in refused.said
    assert "x-message-ttl" in refused.said or "x-dead-letter" in refused.said or "x-overflow" in refused.said


async def test_a_worker_with_a_second_ledger_is_refused(stage: Stage) -> None:
    second = await stage.run("worker", config=stage.configure("second.toml", ledger="second.db"))
    assert second.code == 1
    assert "a replica needs the same ledger" in second.said
    assert (await stage.sync(a_command(room="after@acme.example")))["outcome"] == "synced"


async def test_a_log_level_that_there_is_not_is_wrong_usage(stage: Stage) -> None:
    refused = await stage.run("worker", "--log-level", "noisy")
    assert (refused.code, "debug, info, warning, error" in refused.said) == (2, True)


async def test_a_tenant_that_is_added_gets_its_bookings_without_a_restart(stage: Stage) -> None:
    late = StageTenant(name="late")
    exchange = late.open_exchange(stage.folder)
    await exchange.start()
    try:
        (stage.folder / "late.password").write_text(late.password)
        password = 'password_file = "late.password"'
        (stage.folder / "tenants.d" / "late.toml").write_text(late.toml(within="", password=password))
        worker = stage.running[0]
        await stage.until(lambda: bool(worker.events("tenants.reloaded")), "the new tenant")
        result = await stage.sync(a_command(tenant="late", room="hall@late.example"))
    finally:
        await exchange.stop()
    assert result["outcome"] == "synced"
    assert [event.booking for event in exchange.calendar("hall@late.example")] == ["late/B-1001"]


async def test_status_shows_queues_and_worker(stage: Stage) -> None:
    told = (await stage.run("status", "--json")).json()
    queues = {queue["queue"]: queue["messages"] for queue in told["queues"]}
    assert queues[stage.names.failed] is not None
    assert told["worker"]["ready"] is True
    assert told["worker"]["tenants"]["acme"]["breaker"] == "closed"


async def test_status_of_a_booking_shows_what_the_ledger_knows(stage: Stage) -> None:
    told = (await stage.run("status", "--booking", "B-1001", "--tenant", "acme", "--json")).json()
    (row,) = [row for row in told["rooms"] if row["room"] == BOARD]
    (event,) = stage.exchange.calendar(BOARD)
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
async def test_the_http_port_answers(path: str, words: str, stage: Stage) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{stage.http['roomsync.toml']}/{path}") as answer,
    ):
        assert answer.status == 200
        assert words in await answer.text()


async def exists(stage: Stage, queue: str) -> bool:
    channel = await stage.connection.channel()
    try:
        await channel.declare_queue(queue, passive=True)
    except ChannelNotFoundEntity:
        return False
    await channel.close()
    return True
