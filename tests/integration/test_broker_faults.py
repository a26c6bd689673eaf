"""What becomes of commands in hand when the broker or the way to it fails: one event, one result, nothing left over."""

import asyncio
import re
from collections import defaultdict
from collections.abc import MutableMapping
from typing import Any

import pytest
from aio_pika.exceptions import ProbableAuthenticationError
from aiormq.exceptions import ConnectionNotAllowed
from structlog.testing import capture_logs

from adapters.rabbitmq.folder import free_ports
from adapters.rabbitmq.node import BrokerNode
from consumers.broker.errors import NotPublished
from consumers.broker.queue_names import QueueNames
from consumers.broker.session import BrokerAddress, Session
from tests.consumer_harness import ConsumerHarness, a_consumer, a_consumer_harness
from tests.fakes import FakeCalendar
from tests.integration.in_flight import commands_in_flight, in_hand, in_use, lost
from tests.tcp_proxy import BOTH, Direction, TcpProxy
from tests.waiting import turns

pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]

UNDER_A_MINUTE_S = 45
"""About seven with the harness's heartbeat of a second; the worker's takes four times as long."""

CUT_TURNS_BEFORE = 12
PUBLISHED_AT_ONCE = 50


@pytest.mark.parametrize("hurt", ["restart", "kill"])
async def test_a_broker_that_goes_and_comes_back_costs_nothing(
    harness: ConsumerHarness, node: BrokerNode, hurt: str
) -> None:
    await commands_in_flight(harness)
    if hurt == "kill":
        await asyncio.to_thread(node.kill)
        await harness.until(lambda: harness.standing is not None, "the broker to be missed")
        await asyncio.to_thread(node.start)
    else:
        await asyncio.to_thread(node.restart)
    harness.calendar.resume()
    await harness.until_ready()
    await harness.until_done()
    await harness.assert_exact()


async def test_a_batch_that_outlives_its_connection_is_written_once_and_told_once(
    harness: ConsumerHarness, proxy: TcpProxy
) -> None:
    await commands_in_flight(harness)
    session = in_use(harness)
    proxy.cut()
    await lost(harness, session)
    await harness.until_ready()
    await harness.until(lambda: in_hand(harness) > 0, "the commands to come again")
    harness.calendar.resume()
    await harness.until_done()
    assert sorted(result["booking_id"] for result in harness.results.told) == sorted(harness.published)
    await harness.assert_exact()


@pytest.mark.parametrize("turns_later", range(CUT_TURNS_BEFORE))
async def test_nobody_waits_for_ever_who_publishes_while_the_connection_dies(
    node: BrokerNode, proxy: TcpProxy, turns_later: int
) -> None:
    session = await Session.open(BrokerAddress(url=proxy.url), QueueNames())
    try:
        proxy.cut()
        await turns(turns_later)
        async with asyncio.timeout(UNDER_A_MINUTE_S):
            publishing = (session.until_publishable() for _ in range(PUBLISHED_AT_ONCE))
            ends = await asyncio.gather(*publishing, return_exceptions=True)
    finally:
        await session.close()
    assert {type(end) for end in ends} == {NotPublished}


async def test_connections_that_are_cut_again_and_again_delay_and_lose_nothing(
    harness: ConsumerHarness, proxy: TcpProxy
) -> None:
    for number in range(2):
        await harness.publish_many(30, f"B{number}")
        session = in_use(harness)
        proxy.cut()
        await lost(harness, session)
        await harness.until_ready()
    await harness.until_done()
    await harness.assert_exact()


async def test_every_queue_has_a_connection_of_its_own_and_the_loss_of_one_costs_nothing(
    harness: ConsumerHarness, node: BrokerNode
) -> None:
    await commands_in_flight(harness)
    session = in_use(harness)
    consumed = [*map(harness.names.partition, range(harness.intake.partition_count)), harness.names.failed_watch]
    connections = await asyncio.to_thread(connections_by_name, node)
    purposes = [f"roomsync ({purpose})" for purpose in ("asking", "publishing", *consumed)]
    assert [len(connections[purpose]) for purpose in purposes] == [1] * len(purposes)
    hurt = connections[f"roomsync ({consumed[1]})"][0]
    await asyncio.to_thread(node.ctl, "close_connection", hurt, "a test")
    assert "a test" in await lost(harness, session)
    harness.calendar.resume()
    await harness.until_ready()
    await harness.until_done()
    await harness.assert_exact()


def connections_by_name(node: BrokerNode) -> dict[str, list[str]]:
    """The broker's ids of its connections, by the names that clients gave them."""
    found = defaultdict(list)
    for line in node.ctl("list_connections", "pid", "client_properties").splitlines():
        pid, properties = line.split("\t")
        if name := re.search(r'"connection_name","([^"]*)"', properties):
            found[name[1]].append(pid)
    return found


async def test_a_half_open_connection_is_noticed_whichever_direction_is_silent(
    node: BrokerNode, amqp_prefix: str
) -> None:
    async def one(prefix: str, *silent: Direction) -> None:
        async with (
            TcpProxy(node.port) as proxy,
            a_consumer_harness(node.url, prefix, worker_url=proxy.url) as harness,
        ):
            await commands_in_flight(harness)
            session = in_use(harness)
            proxy.swallow(*silent)
            harness.calendar.resume()
            await lost(harness, session, UNDER_A_MINUTE_S)
            proxy.heal()
            await harness.until_done()
            await harness.assert_exact()

    await asyncio.gather(
        one(f"{amqp_prefix}-a", "to server", "from server"),
        one(f"{amqp_prefix}-b", "to server"),
        one(f"{amqp_prefix}-c", "from server"),
    )


async def test_a_worker_on_a_half_open_connection_still_ends_in_time(harness: ConsumerHarness, proxy: TcpProxy) -> None:
    proxy.swallow(*BOTH)
    began_s = asyncio.get_running_loop().time()
    await harness.stop()
    assert asyncio.get_running_loop().time() - began_s < 25


async def test_a_channel_that_the_broker_closes_is_replaced(node: BrokerNode, amqp_prefix: str) -> None:
    await asyncio.to_thread(set_consumer_timeout, node, timeout_ms=3000, looked_at_every_ms=500)
    try:
        async with a_consumer_harness(node.url, amqp_prefix) as harness:
            session = in_use(harness)
            await commands_in_flight(harness)
            assert "PRECONDITION_FAILED" in await lost(harness, session)
            harness.calendar.resume()
            await harness.until_done()
            await harness.assert_exact()
    finally:
        await asyncio.to_thread(set_consumer_timeout, node, timeout_ms=1_800_000, looked_at_every_ms=60_000)


def set_consumer_timeout(node: BrokerNode, *, timeout_ms: int, looked_at_every_ms: int) -> None:
    """For channels opened from now on."""
    node.ctl(
        "eval",
        f"application:set_env(rabbit, consumer_timeout, {timeout_ms}), "
        f"application:set_env(rabbit, channel_tick_interval, {looked_at_every_ms}).",
    )


async def test_a_queue_that_is_deleted_is_declared_and_consumed_again(harness: ConsumerHarness) -> None:
    session = in_use(harness)
    await harness.channel.queue_delete(harness.names.partition(0))
    assert await lost(harness, session) == f"the broker ended the consumer of {harness.names.partition(0)}"
    await harness.until_ready()
    await harness.publish_many(20)
    await harness.until_done()
    await harness.assert_exact()


async def test_a_consumer_that_goes_without_a_word_is_missed(harness: ConsumerHarness, node: BrokerNode) -> None:
    session = in_use(harness)
    await asyncio.to_thread(forget_consumers, node, harness.names.partition(1))
    assert await lost(harness, session) == "the broker has no consumer of ours any more"
    await harness.until_ready()
    await harness.publish_many(20)
    await harness.until_done()
    await harness.assert_exact()


def forget_consumers(node: BrokerNode, queue: str) -> None:
    """Take the consumers from a quorum queue behind the back of their channels."""
    node.ctl(
        "eval",
        f'{{ok, Q}} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"/">>, queue, <<"{queue}">>)), '
        "Leader = amqqueue:get_pid(Q), "
        "[ra:process_command(Leader, rabbit_fifo:make_checkout({Tag, Channel}, cancel, #{})) "
        "|| {Channel, Tag, _, _, _, _, _, _} <- rabbit_amqqueue:consumers(Q)].",
    )


async def test_what_a_full_queue_refuses_is_told_once_there_is_room(harness: ConsumerHarness) -> None:
    full = await harness.channel.declare_queue(
        f"{harness.names.prefix}.full", arguments={"x-max-length": 1, "x-overflow": "reject-publish"}
    )
    await full.bind(harness.names.results, routing_key="#")
    await harness.publish_many(8)
    await harness.until(lambda: harness.standing is not None and "refuses" in harness.standing, "a refusal")
    session = harness.intake.session
    await full.delete(if_empty=False)
    await harness.until_done()
    assert harness.intake.session is session
    await harness.assert_exact()


async def test_a_broker_that_is_not_there_yet_is_waited_for(node: BrokerNode, amqp_prefix: str) -> None:
    with capture_logs() as logs:
        async with (
            TcpProxy(nobody_listens()) as proxy,
            a_consumer_harness(node.url, amqp_prefix, worker_url=proxy.url, consuming=False) as harness,
        ):
            await harness.until(lambda: proxy.refused == 2, "a second try")
            assert harness.standing == "the broker cannot be used"
            proxy.server_port = node.port
            await harness.until_ready()
    assert said(logs) == ["broker.awaited", "intake.consuming"]


async def test_a_broker_that_is_away_is_told_of_once_when_it_goes_and_once_when_it_is_back(
    harness: ConsumerHarness, proxy: TcpProxy, node: BrokerNode
) -> None:
    with capture_logs() as logs:
        proxy.server_port = nobody_listens()
        proxy.cut()
        await harness.until(lambda: proxy.refused == 2, "a second try")
        proxy.server_port = node.port
        await harness.until_ready()
    assert said(logs) == ["broker.lost", "intake.consuming"]


def said(logs: list[MutableMapping[str, Any]]) -> list[str]:
    return [line["event"] for line in logs if line["log_level"] != "debug"]


def nobody_listens() -> int:
    return free_ports(1)[0]


@pytest.mark.parametrize(
    ("credentials", "vhost", "refusal"),
    [
        pytest.param("guest:wrong", "", ProbableAuthenticationError, id="a wrong password"),
        pytest.param("guest:guest", "no-such-vhost", ConnectionNotAllowed, id="a virtual host that does not exist"),
    ],
)
async def test_what_only_a_person_can_mend_ends_a_worker_that_starts(
    node: BrokerNode, amqp_prefix: str, credentials: str, vhost: str, refusal: type[Exception]
) -> None:
    url = f"amqp://{credentials}@127.0.0.1:{node.port}/{vhost}"
    with pytest.raises(refusal):
        await a_consumer(url, QueueNames(amqp_prefix), FakeCalendar()).run()


async def test_credentials_that_are_refused_later_are_waited_for(
    harness: ConsumerHarness, proxy: TcpProxy, node: BrokerNode
) -> None:
    await asyncio.to_thread(node.ctl, "change_password", "guest", "another")
    try:
        proxy.cut()
        await harness.until(lambda: harness.standing == "the broker cannot be used", "a refusal")
    finally:
        await asyncio.to_thread(node.ctl, "change_password", "guest", "guest")
    await harness.until_ready()
