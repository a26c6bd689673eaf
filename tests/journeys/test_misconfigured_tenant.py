"""Tenants whose settings cannot be used when the worker starts: they wait, all others work, no command stops."""

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

NOT_SET = """name = "unset"
domains = ["unset.example"]
service_url = "https://mail.unset.example/EWS/Exchange.asmx"
[auth]
kind = "basic"
username = "svc"
password_env = "NOBODY_SET_THIS"
"""
NOT_SERVED = """name = "cloud"
domains = ["cloud.example"]
backend = "graph"
[auth]
kind = "client-secret"
tenant_id = "cloud.example"
client_id = "00000000-0000-0000-0000-00000000000a"
secret_env = "PASSWORD_OF_ACME"
"""
WAITING = ("late", "unset", "cloud", "nobody")
COMMANDS: dict[str, tuple[str, ...]] = {
    "status": ("status", "--json"),
    "failed list": ("failed", "list"),
    "tenant list": ("tenant", "list", "--json"),
    "ledger show": ("ledger", "show", "--json"),
    "topology check": ("topology", "check"),
    "status --booking": ("status", "--booking", "B-1001", "--json"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """The story, in its order."""

    meanwhile: dict[str, Any]
    deferred: dict[str, dict[str, Any]]
    old: dict[str, Any]
    ready: dict[str, Any]
    ready_code: int
    ran: dict[str, Finished]
    checked: Finished
    parked: int
    mended: dict[str, Any]
    unknown: dict[str, Any]
    workers: int


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def happened(broker: BrokerNode, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Happened]:
    folder = tmp_path_factory.mktemp("misconfigured")
    late = HarnessTenant(name="late")
    async with ProgramHarness(folder, broker.url, collects_failed=False) as harness, exchange_of(late, folder):
        yield await story(harness, late)


async def story(harness: ProgramHarness, late: HarnessTenant) -> Happened:
    for name, content in (("late", "name = ["), ("unset", NOT_SET), ("cloud", NOT_SERVED)):
        put(harness, name, content)
    worker = await harness.worker()
    meanwhile = await harness.sync(a_command())
    sent = {name: await harness.send(a_command(tenant=name, room=f"board@{name}.example")) for name in WAITING}
    deferred = {name: await harness.deferred(message_id, 60) for name, message_id in sent.items()}
    code, ready = await harness.readyz()
    ran = {name: await harness.run(*words) for name, words in COMMANDS.items()}
    checked, parked = await harness.run("config", "check"), await harness.depth(harness.names.failed)
    long_ago = {"x-roomsync-first-seen-at": "2026-01-01T00:00:00Z"}
    old = await harness.send(a_command(tenant="unset", room="old@unset.example"), headers=long_ago)
    (harness.folder / "late.password").write_text(late.password)
    put(harness, "late", late.toml(within="", password='password_file = "late.password"'))
    await harness.until(
        lambda: any("late" in told["added"] for told in worker.events("tenants.reloaded")), "the tenant"
    )
    for name in ("late", "nobody"):
        await harness.bring_back(deferred[name])
    return Happened(
        meanwhile=meanwhile,
        deferred={name: dict(message.headers) for name, message in deferred.items()},
        old=await harness.results.only(old),
        ready=ready,
        ready_code=code,
        ran=ran,
        checked=checked,
        parked=parked,
        mended=await harness.results.only(sent["late"]),
        unknown=await harness.results.only(sent["nobody"]),
        workers=len(harness.running),
    )


def put(harness: ProgramHarness, name: str, content: str) -> None:
    fresh = harness.folder / "tenants.d" / f"{name}.fresh"
    fresh.write_text(content)
    fresh.replace(fresh.with_suffix(".toml"))


async def test_the_tenant_that_can_be_used_is_served(happened: Happened) -> None:
    assert happened.meanwhile["outcome"] == "synced"
    assert (happened.ready_code, happened.ready["obstacles"]) == (200, [])


async def test_the_others_commands_wait_uncounted_and_none_is_parked(happened: Happened) -> None:
    told = {(one["x-roomsync-error-code"], one["x-roomsync-attempts"]) for one in happened.deferred.values()}
    assert told == {("tenant_misconfigured", 0)}
    assert happened.parked == 0


async def test_one_that_has_waited_for_months_is_told_as_delayed_and_not_given_up(happened: Happened) -> None:
    assert (happened.old["outcome"], happened.old["error"]["code"]) == ("delayed", "tenant_misconfigured")
    assert happened.old["error"]["scope"] == "tenant"


async def test_whoever_asks_the_worker_is_told_which_tenants_and_why(happened: Happened) -> None:
    told = happened.ready["misconfigured_tenants"]
    assert set(told) == {"late", "unset", "cloud"}
    assert "late.toml: is not TOML" in told["late"]
    assert "auth.password_env: the environment variable is not set" in told["unset"]
    assert "is not in this version of roomsync" in told["cloud"]


@pytest.mark.parametrize("name", COMMANDS)
async def test_commands_go_on_with_a_warning(name: str, happened: Happened) -> None:
    ran = happened.ran[name]
    assert ran.code == 0, ran.said
    assert sum(line.startswith("warning: ") for line in ran.err.splitlines()) == 3
    if "--json" in COMMANDS[name]:
        assert ran.json()


async def test_the_check_of_the_configuration_still_refuses_it_with_every_complaint(happened: Happened) -> None:
    assert happened.checked.code == 2
    assert [name for name in ("late.toml", "unset.toml", "cloud.toml") if name not in happened.checked.err] == []


async def test_a_mended_file_is_taken_without_a_restart_and_its_command_is_written(happened: Happened) -> None:
    assert (happened.mended["outcome"], happened.workers) == ("synced", 1)


async def test_once_every_name_is_known_a_name_that_is_nobodys_fails(happened: Happened) -> None:
    assert (happened.unknown["outcome"], happened.unknown["error"]["code"]) == ("failed", "tenant_unknown")
