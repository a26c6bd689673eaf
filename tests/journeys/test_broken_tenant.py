"""A tenant whose password is wrong: its Exchange is asked a few times, and again when the password is mended."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from adapters.rabbitmq.node import BrokerNode
from tests.builders import a_command
from tests.program_harness import HarnessTenant, ProgramHarness, exchange_of
from tests.programs import Finished

pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]

ROOMS = [f"room-{number}@late.example" for number in range(6)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """The story, in its order."""

    deferred: list[dict[str, Any]]
    rejected: int
    ready: dict[str, Any]
    ready_code: int
    meanwhile: dict[str, Any]
    listed: Finished
    retried: Finished
    mended: list[dict[str, Any]]
    rejected_in_all: int
    listed_after: Finished


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def happened(broker: BrokerNode, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Happened]:
    folder = tmp_path_factory.mktemp("broken-tenant")
    late = HarnessTenant(name="late")
    async with ProgramHarness(folder, broker.url) as harness, exchange_of(late, folder):
        yield await story(harness, late)


async def story(harness: ProgramHarness, late: HarnessTenant) -> Happened:
    secret = harness.folder / "late.password"
    secret.write_text("an old one")
    (harness.folder / "tenants.d").mkdir(exist_ok=True)
    (harness.folder / "tenants.d" / "late.toml").write_text(
        late.toml(within="", password='password_file = "late.password"')
    )
    await harness.worker()
    counts = late.simulator.counts
    sent = [await harness.send(a_command(tenant="late", room=room)) for room in ROOMS]
    deferred = [await harness.deferred(message_id, 60) for message_id in sent]
    rejected = counts.rejected
    meanwhile = await harness.sync(a_command(room="calm@acme.example"))
    code, ready = await harness.readyz()
    listed, retried = await harness.run("tenant", "list", "--json"), await harness.run("tenant", "retry", "late")
    secret.write_text(late.password)
    for message in deferred:
        await harness.bring_back(message)
    mended = [await harness.results.only(message_id) for message_id in sent]
    return Happened(
        deferred=[dict(message.headers) for message in deferred],
        rejected=rejected,
        ready=ready,
        ready_code=code,
        meanwhile=meanwhile,
        listed=listed,
        retried=retried,
        mended=mended,
        rejected_in_all=counts.rejected,
        listed_after=await harness.run("tenant", "list"),
    )


async def test_its_commands_wait_uncounted_with_the_reason(happened: Happened) -> None:
    told = {(one["x-roomsync-error-code"], one["x-roomsync-attempts"]) for one in happened.deferred}
    assert told == {("credentials_rejected", 0)}


async def test_few_logins_are_sent(happened: Happened) -> None:
    # Of each room at most the one that was under way when the first was rejected, and one trial for all of them.
    assert 2 <= happened.rejected <= len(ROOMS) + 1
    assert happened.rejected_in_all == happened.rejected


async def test_other_tenants_go_on_and_the_worker_stays_ready(happened: Happened) -> None:
    assert happened.meanwhile["outcome"] == "synced"
    assert (happened.ready_code, happened.ready["obstacles"]) == (200, [])


async def test_the_operator_sees_which_tenant_is_stopped_and_why(happened: Happened) -> None:
    assert happened.listed.code == 1
    late = next(tenant for tenant in happened.listed.json() if tenant["tenant"] == "late")
    assert (late["breaker"], late["code"]) == ("open", "credentials_rejected")
    assert happened.retried.code == 0
    assert "rejected the credentials" in happened.ready["stopped_tenants"]["late"]


async def test_with_the_right_password_everything_is_done_at_once(happened: Happened) -> None:
    assert {result["outcome"] for result in happened.mended} == {"synced"}
    assert happened.listed_after.code == 0
