"""`roomsync tenant`, as an operator meets it."""

import asyncio
import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from adapters.calendar import TenantName
from adapters.ledger import BreakerRow
from adapters.sql import open_ledger
from tests.unit.worker.configuration import BASIC, ENVIRONMENT, a_configuration, a_tenant_table
from worker.commands import tenant

CLI = typer.Typer()
tenant.register(CLI)
ACME = TenantName("acme")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With a tenant that is stopped, and one that is not."""
    monkeypatch.chdir(tmp_path)
    a_configuration(tmp_path, tenants=a_tenant_table() + a_tenant_table("bravo", domains='["bravo.example"]'))
    asyncio.run(stop_acme(tmp_path))
    return tmp_path


async def stop_acme(folder: Path) -> None:
    ledger = await open_ledger(f"sqlite:///{folder}/var/ledger.db")
    await ledger.open_breaker(
        ACME, code="credentials_rejected", detail="HTTP 401", fingerprint="a1", next_probe_in_s=900
    )
    await ledger.close()


async def breaker(folder: Path) -> BreakerRow | None:
    ledger = await open_ledger(f"sqlite:///{folder}/var/ledger.db")
    row = await ledger.breaker(ACME)
    await ledger.close()
    return row


def run(*words: str) -> tuple[int, str]:
    outcome = CliRunner().invoke(CLI, words, env=ENVIRONMENT | {"COLUMNS": "200"})
    return outcome.exit_code, outcome.stdout + outcome.stderr


@pytest.mark.usefixtures("folder")
def test_tenants_are_listed_with_the_reason_of_a_stopped_one() -> None:
    code, told = run("tenant", "list", "--json")
    acme, bravo = json.loads(told)
    assert (code, bravo) == (1, {"tenant": "bravo", "breaker": "closed"})
    assert (acme["breaker"], acme["code"], acme["detail"]) == ("open", "credentials_rejected", "HTTP 401")
    assert 890 < acme["next_probe_in_s"] <= 900
    assert "Renew the password" in acme["advice"]


@pytest.mark.usefixtures("folder")
def test_people_get_a_table() -> None:
    code, told = run("tenant", "list")
    assert (code, "[HTTP 401]" in " ".join(told.split())) == (1, True)
    assert "hunter2" not in told


def test_a_retry_makes_the_next_probe_due(folder: Path) -> None:
    code, told = run("tenant", "retry", "acme")
    row = asyncio.run(breaker(folder))
    assert (code, "asks Exchange again" in told) == (0, True)
    assert row is not None
    assert row.next_probe_in_s <= 0


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        pytest.param("bravo", 0, "bravo is not stopped", id="a tenant that works"),
        pytest.param("nobody", 2, "no tenant nobody", id="no tenant"),
    ],
)
def test_there_may_be_nothing_to_retry(name: str, code: int, words: str) -> None:
    outcome = run("tenant", "retry", name)
    assert (outcome[0], words in outcome[1]) == (code, True)


def test_a_tenant_that_cannot_be_used_is_listed_with_the_reason_and_stops_no_command(folder: Path) -> None:
    late = a_tenant_table("late", auth=BASIC.replace("ACME_PASSWORD", "NO"))
    a_configuration(folder, tenants=a_tenant_table("bravo") + late)
    outcome = CliRunner().invoke(CLI, ["tenant", "list", "--json"], env=ENVIRONMENT)
    told = {tenant["tenant"]: tenant for tenant in json.loads(outcome.stdout)}
    assert "auth.password_env: the environment variable is not set" in told["late"]["misconfigured"]
    assert told["bravo"] == {"tenant": "bravo", "breaker": "closed"}
    assert outcome.stderr.startswith("warning: ")


def test_with_only_a_tenant_that_cannot_be_used_the_list_ends_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    a_configuration(tmp_path, tenants=a_tenant_table(auth=BASIC.replace("ACME_PASSWORD", "NO")))
    code, told = run("tenant", "list")
    assert (code, "waits" in told) == (0, True)
    code, told = run("tenant", "retry", "acme")
    assert (code, "cannot be used" in told) == (2, True)
