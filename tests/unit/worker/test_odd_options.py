"""Whatever stands on a command line or in a named file, a command ends with a sentence, and not with a defect."""

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from tests.builders import a_body
from tests.unit.worker.configuration import ENVIRONMENT, a_configuration
from worker.cli import COMMANDS, app
from worker.commands import failed, publish, reconcile, simulator, status, tenant
from worker.commands import worker as worker_command

RUNNER = CliRunner(env={**ENVIRONMENT, "ROOMSYNC_SIMULATOR_PASSWORD": "x"})


@pytest.fixture(scope="module")
def cli() -> typer.Typer:
    made = typer.Typer(pretty_exceptions_enable=False)
    for module in (failed, publish, reconcile, simulator, status, tenant, worker_command):
        module.register(made)
    return made


@pytest.fixture
def config(tmp_path: Path) -> Path:
    broker = '[broker]\nurl = "amqp://guest:guest@127.0.0.1:1/"\n'
    return a_configuration(tmp_path, broker=broker, ledger=f'[ledger]\nurl = "sqlite:///{tmp_path}/ledger.db"\n')


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["simulator", "--listen", "0.0.0.0:8443"], id="a simulator for everybody"),
        pytest.param(["simulator", "--listen", "127.0.0.1:99999"], id="a port that is none"),
        pytest.param(["simulator", "--listen", "127.0.0.1:²"], id="a port in superscript"),
        pytest.param(["simulator", "--listen", "nonsense:80"], id="a host that is none"),
        pytest.param(["simulator", "--listen", ":80"], id="no host"),
        pytest.param(["simulator", "--access", "[/x]"], id="access as markup"),
        pytest.param(["simulator", "--latency-ms", "nan"], id="no latency"),
        pytest.param(["publish", "x", "--rate", "nan"], id="a rate that is no number"),
        pytest.param(["publish", "x", "--rate", "inf"], id="a rate without end"),
        pytest.param(["failed", "list", "--since", "999999d"], id="since before the year 1"),
        pytest.param(["failed", "list", "--since", "0001-01-01T00:00+23:59"], id="since the first day"),
        pytest.param(["failed", "list", "--until", "9999-12-31T23:59-23:59"], id="until the last day"),
        pytest.param(["failed", "list", "--wait-seat", "nan"], id="waiting for no number"),
        pytest.param(["failed", "list", "--code", "[/x]"], id="a code as markup"),
        pytest.param(["failed", "show", "\x1b[2J"], id="an id that clears the screen"),
        pytest.param(["reconcile", "--share", "nan"], id="a share that is no number"),
        pytest.param(["reconcile", "--tenant", "[/x]\x1b"], id="a tenant as markup"),
        pytest.param(["tenant", "retry", "[/x]\x1b"], id="another tenant as markup"),
        pytest.param(["worker", "--exit-when-idle", "nan"], id="idle for no number"),
        pytest.param(["worker", "--log-level", "[/x]"], id="a level as markup"),
    ],
)
def test_an_odd_option_is_refused_with_exit_code_two(arguments: list[str], cli: typer.Typer, config: Path) -> None:
    done = RUNNER.invoke(cli, [*arguments, *([] if arguments[0] == "simulator" else ["--config", str(config)])])
    assert (done.exit_code, type(done.exception)) == (2, SystemExit), done.output
    assert "\x1b" not in done.output


FILES: dict[str, Callable[[Path], object]] = {
    "a folder": lambda file: file.mkdir(),
    "nothing at all": lambda file: None,
    "ten megabytes in a line": lambda file: file.write_bytes(b'{"a":"' + b"x" * 10_000_000 + b'"}\n'),
    "zero bytes": lambda file: file.write_bytes(b"\x00\x00\n" + a_body()),
    "UTF-16": lambda file: file.write_bytes(a_body().decode().encode("utf-16")),
    "a nest": lambda file: file.write_bytes(b"[" * 100_000),
    "steering": lambda file: file.write_bytes(b'{"\x1b[31m": 1}\n{"\\u202e": 1}\n'),
    "half an export": lambda file: file.write_bytes(b'{"roomsync_failed": 1}\n'),
    "an export of other types": lambda file: file.write_bytes(json.dumps(WRONG_EXPORT).encode()),
}
WRONG_EXPORT = {"roomsync_failed": 1, "routing_key": 5, "properties": {"message_id": 7}, "headers": [], "body": 5}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("command", [["publish", "--dry-run"], ["failed", "replay", "--dry-run", "--from"]])
def test_an_odd_file_is_told(command: list[str], kind: str, cli: typer.Typer, config: Path, tmp_path: Path) -> None:
    file = tmp_path / "odd\x1b[31m"
    FILES[kind](file)
    done = RUNNER.invoke(cli, [*command, str(file), "--config", str(config)])
    assert (done.exit_code in (1, 2), type(done.exception)) == (True, SystemExit), done.output
    assert "\x1b" not in done.output


def test_publish_gives_a_line_up_that_does_not_end(cli: typer.Typer, config: Path, tmp_path: Path) -> None:
    file = tmp_path / "commands.jsonl"
    with file.open("wb") as opened:
        opened.truncate(200_000_000)
    tracemalloc.start()
    try:
        done = RUNNER.invoke(cli, ["publish", str(file), "--dry-run", "--skip-invalid", "--config", str(config)])
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (done.exit_code, done.output) == (
        2,
        f"{file}: has a line that does not end within 64 MiB; nothing was published.\n",
    )
    assert peak_bytes < 64_000_000


@pytest.mark.parametrize("filling", [b" ", b"x", b"\xef\xbb\xbf" + b" " * (8 * 2**20 - 1)])
def test_publish_tells_a_line_that_is_too_long_and_goes_on(
    filling: bytes, cli: typer.Typer, config: Path, tmp_path: Path
) -> None:
    file = tmp_path / "commands.jsonl"
    file.write_bytes(filling * (9_000_000 // len(filling)) + a_body() + b"\n" + a_body() + b"\n")
    done = RUNNER.invoke(cli, ["publish", str(file), "--dry-run", "--skip-invalid", "--config", str(config)])
    assert done.output == "line 1: The line has more than 8 MiB.\n1 valid commands; nothing was published.\n"


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n", b"\n\n \n"])
def test_a_file_may_end_as_it_likes(ending: bytes, cli: typer.Typer, config: Path, tmp_path: Path) -> None:
    file = tmp_path / "commands.jsonl"
    file.write_bytes(a_body() + ending)
    done = RUNNER.invoke(cli, ["publish", str(file), "--dry-run", "--config", str(config)])
    assert (done.exit_code, done.output) == (0, "1 valid commands; nothing was published.\n")


def test_every_command_is_known() -> None:
    assert {"failed", "publish", "simulator", "worker"} <= set(COMMANDS)
    assert app.pretty_exceptions_enable is False
