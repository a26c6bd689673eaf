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
from tests.fakes import FakeCalendar
from tests.intake_stage import IntakeStage, an_intake, an_intake_stage
from tests.integration.in_flight import commands_in_flight, in_hand, in_use, lost
from tests.tcp_proxy import BOTH, Direction, TcpProxy
from tests.waiting import turns

pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]

UNDER_A_MINUTE_S = 45
"""About seven with the stage's heartbeat of a second; the worker's takes four times as long."""

CUT_TURNS_BEFORE = 12
PUBLISHED_AT_ONCE = 50


@pytest.mark.parametrize("hurt", ["restart", "kill"])
async def test_a_broker_that_goes_and_comes_back_costs_nothing(stage: IntakeStage, node: BrokerNode, hurt: str) -> None:
    await commands_in_flight(stage)
    if hurt == "kill":
        await asyncio.to_thread(node.kill)
        await stage.until(lambda: stage.standing is not None, "the broker to be missed")
        await asyncio.to_thread(node.start)
    else:
        await asyncio.to_thread(node.restart)
    stage.calendar.resume()
    await stage.until_ready()
    await stage.until_done()
    await stage.assert_exact()


async def test_a_batch_that_outlives_its_connection_is_written_once_and_told_once(
    stage: IntakeStage, proxy: TcpProxy
) -> None:
    await commands_in_flight(stage)
    session = in_use(stage)
    proxy.cut()
    await lost(stage, session)
    await stage.until_ready()
    await stage.until(lambda: in_hand(stage) > 0, "the commands to come again")
    stage.calendar.resume()
    await stage.until_done()
    assert sorted(result["booking_id"] for result in stage.results.told) == sorted(stage.published)
    await stage.assert_exact()


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
    stage: IntakeStage, proxy: TcpProxy
) -> None:
    for number in range(2):
        await stage.publish_many(30, f"B{number}")
        session = in_use(stage)
        proxy.cut()
        await lost(stage, session)
        await stage.until_ready()
    await stage.until_done()
    await stage.assert_exact()


async def test_every_queue_has_a_connection_of_its_own_and_the_loss_of_one_costs_nothing(
    stage: IntakeStage, node: BrokerNode
) -> None:
    await commands_in_flight(stage)
    session = in_use(stage)
    consumed = [*map(stage.names.partition, range(stage.intake.partition_count)), stage.names.failed_watch]
    connections = await asyncio.to_thread(connections_by_name, node)
    purposes = [f"roomsync ({purpose})" for purpose in ("asking", "publishing", *consumed)]
    assert [len(connections[purpose]) for purpose in purposes] == [1] * len(purposes)
    hurt = connections[f"roomsync ({consumed[1]})"][0]
    await asyncio.to_thread(node.ctl, "close_connection", hurt, "a test")
    assert "a test" in await lost(stage, session)
    stage.calendar.resume()
    await stage.until_ready()
    await stage.until_done()
    await stage.assert_exact()


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
            an_intake_stage(node.url, prefix, worker_url=proxy.url) as stage,
        ):
            await commands_in_flight(stage)
            session = in_use(stage)
            proxy.swallow(*silent)
            stage.calendar.resume()
            await lost(stage, session, UNDER_A_MINUTE_S)
            proxy.heal()
            await stage.until_done()
            await stage.assert_exact()

    await asyncio.gather(
        one(f"{amqp_prefix}-a", "to server", "from server"),
        one(f"{amqp_prefix}-b", "to server"),
        one(f"{amqp_prefix}-c", "from server"),
    )


async def test_a_worker_on_a_half_open_connection_still_ends_in_time(stage: IntakeStage, proxy: TcpProxy) -> None:
    proxy.swallow(*BOTH)
    began_s = asyncio.get_running_loop().time()
    await stage.stop()
    assert asyncio.get_running_loop().time() - began_s < 25


async def test_a_channel_that_the_broker_closes_is_replaced(node: BrokerNode, amqp_prefix: str) -> None:
    await asyncio.to_thread(set_consumer_timeout, node, timeout_ms=3000, looked_at_every_ms=500)
    try:
        async with an_intake_stage(node.url, amqp_prefix) as stage:
            session = in_use(stage)
            await commands_in_flight(stage)
            assert "PRECONDITION_FAILED" in await lost(stage, session)
            stage.calendar.resume()
            await stage.until_done()
            await stage.assert_exact()
    finally:
        await asyncio.to_thread(set_consumer_timeout, node, timeout_ms=1_800_000, looked_at_every_ms=60_000)


def set_consumer_timeout(node: BrokerNode, *, timeout_ms: int, looked_at_every_ms: int) -> None:
    """For channels opened from now on."""
    node.ctl(
        "eval",
        f"application:set_env(rabbit, consumer_timeout, {timeout_ms}), "
        f"application:set_env(rabbit, channel_tick_interval, {looked_at_every_ms}).",
    )


async def test_a_queue_that_is_deleted_is_declared_and_consumed_again(stage: IntakeStage) -> None:
    session = in_use(stage)
    await stage.channel.queue_delete(stage.names.partition(0))
    assert await lost(stage, session) == f"the broker ended the consumer of {stage.names.partition(0)}"
    await stage.until_ready()
    await stage.publish_many(20)
    await stage.until_done()
    await stage.assert_exact()


async def test_a_consumer_that_goes_without_a_word_is_missed(stage: IntakeStage, node: BrokerNode) -> None:
    session = in_use(stage)
    await asyncio.to_thread(forget_consumers, node, stage.names.partition(1))
    assert await lost(stage, session) == "the broker has no consumer of ours any more"
    await stage.until_ready()
    await stage.publish_many(20)
    await stage.until_done()
    await stage.assert_exact()


def forget_consumers(node: BrokerNode, queue: str) -> None:
    """Take the consumers from a quorum queue behind the back of their channels."""
    node.ctl(
        "eval",
        f'{{ok, Q}} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"/">>, queue, <<"{queue}">>)), '
        "Leader = amqqueue:get_pid(Q), "
        "[ra:process_command(Leader, rabbit_fifo:make_checkout({Tag, Channel}, cancel, #{})) "
        "|| {Channel, Tag, _, _, _, _, _, _} <- rabbit_amqqueue:consumers(Q)].",
    )


async def test_what_a_full_queue_refuses_is_told_once_there_is_room(stage: IntakeStage) -> None:
    full = await stage.channel.declare_queue(
        f"{stage.names.prefix}.full", arguments={"x-max-length": 1, "x-overflow": "reject-publish"}
    )
    await full.bind(stage.names.results, routing_key="#")
    await stage.publish_many(8)
    await stage.until(lambda: stage.standing is not None and "refuses" in stage.standing, "a refusal")
    session = stage.intake.session
    await full.delete(if_empty=False)
    await stage.until_done()
    assert stage.intake.session is session
    await stage.assert_exact()


async def test_a_broker_that_is_not_there_yet_is_waited_for(node: BrokerNode, amqp_prefix: str) -> None:
    with capture_logs() as logs:
        async with (
            TcpProxy(nobody_listens()) as proxy,
            an_intake_stage(node.url, amqp_prefix, worker_url=proxy.url, consuming=False) as stage,
        ):
            await stage.until(lambda: proxy.refused == 2, "a second try")
            assert stage.standing == "the broker cannot be used"
            proxy.server_port = node.port
            await stage.until_ready()
    assert said(logs) == ["broker.awaited", "intake.consuming"]


async def test_a_broker_that_is_away_is_told_of_once_when_it_goes_and_once_when_it_is_back(
    stage: IntakeStage, proxy: TcpProxy, node: BrokerNode
) -> None:
    with capture_logs() as logs:
        proxy.server_port = nobody_listens()
        proxy.cut()
        await stage.until(lambda: proxy.refused == 2, "a second try")
        proxy.server_port = node.port
        await stage.until_ready()
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
        await an_intake(url, QueueNames(amqp_prefix), FakeCalendar()).run()


async def test_credentials_that_are_refused_later_are_waited_for(
    stage: IntakeStage, proxy: TcpProxy, node: BrokerNode
) -> None:
    await asyncio.to_thread(node.ctl, "change_password", "guest", "another")
    try:
        proxy.cut()
        await stage.until(lambda: stage.standing == "the broker cannot be used", "a refusal")
    finally:
        await asyncio.to_thread(node.ctl, "change_password", "guest", "guest")
    await stage.until_ready()
