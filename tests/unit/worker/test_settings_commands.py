"""`roomsync config check` and `roomsync schema`, as an operator meets them."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from consumers.bookings.codes import all_codes
from consumers.bookings.json_schema import command_schema, result_schema
from tests.unit.worker.configuration import BASIC, ENVIRONMENT, a_configuration, a_tenant_table
from worker.commands import config, schema

CLI = typer.Typer()
config.register(CLI)
schema.register(CLI)


def run(*words: str, **environment: str) -> tuple[int, str, str]:
    outcome = CliRunner().invoke(CLI, words, env=environment)
    return outcome.exit_code, outcome.stdout, outcome.stderr


def test_a_good_configuration_is_summed_up_without_secrets(tmp_path: Path) -> None:
    file = a_configuration(tmp_path)
    code, out, _ = run("config", "check", "--config", str(file), **ENVIRONMENT)
    assert code == 0
    assert "acme: ews, basic, https://mail.acme.example/EWS/Exchange.asmx" in out
    assert "hunter2" not in out


def test_a_wrong_configuration_prints_every_complaint_and_exits_2(tmp_path: Path) -> None:
    tenants = a_tenant_table(auth=BASIC + 'password = "hunter2"\n') + a_tenant_table("b", domains="[]")
    file = a_configuration(tmp_path, tenants=tenants)
    code, out, err = run("config", "check", ROOMSYNC_CONFIG=str(file), **ENVIRONMENT)
    assert code == 2
    assert "tenant[0].auth.password: a secret is never in the file" in err
    assert "tenant[1].domains: must not be empty" in err
    assert "hunter2" not in out + err


@pytest.mark.parametrize("password", ["hunter2", ""])
def test_machines_read_json(tmp_path: Path, password: str) -> None:
    file = a_configuration(tmp_path)
    code, out, _ = run("config", "check", "--json", "--config", str(file), ACME_PASSWORD=password)
    assert (code, json.loads(out)["ok"]) == ((0, True) if password else (2, False))


def test_the_schemas_are_printed() -> None:
    assert json.loads(run("schema")[1]) == command_schema()
    assert json.loads(run("schema", "command")[1]) == command_schema()
    assert json.loads(run("schema", "result")[1]) == result_schema()


def test_the_codes_are_listed_for_people_and_machines() -> None:
    assert json.loads(run("schema", "codes", "--json")[1]).keys() == all_codes().keys()
    code, out, _ = run("schema", "codes", COLUMNS="200")
    assert code == 0
    assert all(name in out for name in all_codes())
