"""`roomsync config check` and `roomsync schema`, as an operator meets them."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from consumers.messages.codes import all_codes
from consumers.messages.json_schema import command_schema, result_schema
from tests.unit.worker.configuration import APPLICATION, BASIC, BROKER, ENVIRONMENT, a_configuration, a_tenant_table
from worker.commands import config, schema

CLI = typer.Typer()
config.register(CLI)
schema.register(CLI)


def postgresql(rest: str) -> str:
    return f'[ledger]\nurl = "postgresql://{rest}"\n'


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


def test_a_backend_that_is_not_served_is_a_complaint(tmp_path: Path) -> None:
    auth = 'kind = "client-secret"\nsecret_env = "ACME_PASSWORD"\n' + APPLICATION
    file = a_configuration(tmp_path, tenants=a_tenant_table() + a_tenant_table("cloud", more="", auth=auth))
    code, _, err = run("config", "check", "--config", str(file), **ENVIRONMENT)
    assert (code, 'tenant[1]: auth.kind = "client-secret" is not in this version' in err) == (2, True)


def test_what_is_wrong_with_all_and_with_a_tenant_comes_at_once(tmp_path: Path) -> None:
    file = a_configuration(tmp_path, more="[http]\nbind = 5\n", tenants=a_tenant_table(domains="[]"))
    code, _, err = run("config", "check", "--config", str(file), **ENVIRONMENT)
    assert code == 2
    assert ("http.bind" in err, "tenant[0].domains" in err, "2 to mend." in err) == (True, True, True)


def warnings(folder: Path, **changes: str) -> dict[str, str]:
    file = a_configuration(folder, **{"broker": '[broker]\nurl = "amqp://guest:guest@127.0.0.1/"\n'} | changes)
    code, out, _ = run("config", "check", "--json", "--config", str(file), **ENVIRONMENT)
    assert (code, "hunter2" in out) == (0, False)
    return {warning["key"]: warning["message"] for warning in json.loads(out)["warnings"]}


def test_a_usual_configuration_is_warned_of_nothing(tmp_path: Path) -> None:
    assert warnings(tmp_path) == {}


@pytest.mark.parametrize(
    ("changes", "keys"),
    [
        pytest.param({"broker": BROKER}, ["broker.url"], id="of the broker"),
        pytest.param({"broker": '[broker]\nurl = "AMQPS://u:hunter2@h/"\n'}, ["broker.url"], id="elsewhere"),
        pytest.param({"broker": '[broker]\nurl = "amqps://guest:guest@h/"\n'}, ["broker.url"], id="guest elsewhere"),
        pytest.param({"ledger": postgresql("u:hunter2@localhost/d")}, ["ledger.url"], id="of the ledger"),
        pytest.param({"ledger": postgresql("127.0.0.1/d?password=hunter2")}, ["ledger.url"], id="as a parameter"),
    ],
)
def test_a_password_in_the_configuration_is_a_warning(tmp_path: Path, changes: dict[str, str], keys: list[str]) -> None:
    assert list(warnings(tmp_path, **changes)) == keys


def test_a_password_that_lies_elsewhere_is_none(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("amqps://u:hunter2@h/")
    (tmp_path / "url").chmod(0o640)
    assert warnings(tmp_path, broker='[broker]\nurl_file = "url"\n') == {}


@pytest.mark.parametrize(
    ("url", "is_warned"),
    [
        ("db.example/d", True),
        ("db.example/d?sslmode=prefer", True),
        ("db.example/d?sslmode=verify-full", False),
        ("localhost/d", False),
        ("localhost,db.example/d", True),
    ],
)
def test_an_unencrypted_way_to_the_database_is_a_warning(tmp_path: Path, url: str, is_warned: bool) -> None:
    assert list(warnings(tmp_path, ledger=postgresql(url))) == (["ledger"] if is_warned else [])


def test_secret_files_that_others_can_read_are_warnings(tmp_path: Path) -> None:
    for name, content in (("url", "amqps://u:hunter2@h/"), ("pw", "hunter2"), ("key", "x")):
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o644)
    auth = 'kind = "basic"\nusername = "svc"\npassword_file = "pw"\n'
    keys = 'certificate_file = "roomsync.toml"\nkey_file = "key"\n'
    found = warnings(tmp_path, broker=f'[broker]\nurl_file = "url"\n{keys}', tenants=a_tenant_table(auth=auth))
    assert set(found) == {"broker.url_file", "broker.key_file", "tenant acme: auth.password_file"}
    assert all("chmod o-r" in message for message in found.values())


def test_people_get_warnings_beside_the_summary(tmp_path: Path) -> None:
    file = a_configuration(tmp_path)
    code, out, err = run("config", "check", "--config", str(file), **ENVIRONMENT)
    assert (code, "is fine" in out, "warning: " in err) == (0, True, True)
