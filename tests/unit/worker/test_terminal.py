"""What others wrote reaches a terminal as text: it steers nothing, turns nothing round, and is no markup."""

import ast
from pathlib import Path

import pytest

import worker
from worker.commands.status import show_all
from worker.terminal import say, table, visible

HOSTILE = "[/red]\x1b]0;owned\x07\x9b31m\u202egnp.exe\u2066\x00[link=x]\ud800"
SHOWN = "[/red]\\u001b]0;owned\\u0007\\u009b31m\\u202egnp.exe\\u2066\\u0000[link=x]\\ud800"
# These talk of nothing that comes from outside.
OWN_WORDS = {"worker/commands/progress.py", "worker/terminal.py"}


def test_control_and_bidi_characters_are_shown() -> None:
    assert visible(HOSTILE) == SHOWN
    assert visible("Grün 会議 😀 a\u00a0b") == "Grün 会議 😀 a\u00a0b"


def test_lines_stay_lines_and_nothing_else_is_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"one\ntwo\t{HOSTILE}\rthree")
    assert capsys.readouterr().out == f"one\ntwo\t{SHOWN}\\u000dthree\n"


def test_a_cell_of_a_table_is_one_text(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    table(("room", "why"), [(HOSTILE, "a\nb"), (None, 1)], title=HOSTILE, caption="[/]")
    out = capsys.readouterr().out
    assert out.count(SHOWN) == 2
    assert "a\\u000ab" in out
    assert "\x1b]" not in out


def test_status_shows_what_a_server_said_and_does_not_crash_on_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    told = {
        "breaker": "open",
        "why": {"code": "access_blocked", "message": HOSTILE, "advice": ""},
        "since": "2026-12-01T00:00:00+00:00",
        "next_probe_in_s": 3,
        "requests": {"in_flight": 0, "limit": 1},
        "throttled_rooms": {HOSTILE: 1.0},
    }
    lanes = [{"tenant": "[acme]", "room": HOSTILE, "waiting": 1, "in_work": 0}]
    told_of_worker = {"ready": False, "obstacles": [HOSTILE], "lanes": lanes, "tenants": {"[/acme]": told}}
    show_all({"queues": [{"queue": "[/]", "messages": None, "consumers": None}], "worker": told_of_worker})
    out = capsys.readouterr().out
    assert out.count(SHOWN) == 4
    assert "[/acme]" in out


def test_nothing_else_prints() -> None:
    root = Path(worker.__file__).parent
    found = [str(file.relative_to(root.parent)) for file in root.rglob("*.py") if prints(ast.parse(file.read_text()))]
    assert [name for name in found if name not in OWN_WORDS and not name.startswith("worker/demo/")] == []


def prints(module: ast.Module) -> bool:
    called = {ast.unparse(node.func) for node in ast.walk(module) if isinstance(node, ast.Call)}
    return bool(called & {"print", "typer.echo", "typer.secho", "Console", "rich.print", "click.echo"})
