"""Who asks for little waits for little: each command loads what it needs, and not all that roomsync consists of."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"alembic", "exchangelib", "psycopg", "requests", "sqlalchemy"}


def loaded_after(code: str) -> set[str]:
    """The packages that a fresh interpreter has loaded once it ran this."""
    told = f"{code}\nimport json, sys\nprint(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, timeout=60, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("command", ["publish", "topology", "schema", "config"])
def test_a_command_that_needs_neither_ledger_nor_exchange_loads_neither(command: str) -> None:
    assert loaded_after(f"import worker.commands.{command}") & HEAVY == set()


def test_a_ledger_that_is_up_to_date_is_opened_without_migrations_and_without_postgresql(tmp_path: Path) -> None:
    opening = f"""
import asyncio
from adapters.sql import open_ledger
async def open_and_close():
    await (await open_ledger("sqlite:///{tmp_path}/ledger.db")).close()
asyncio.run(open_and_close())"""
    assert "alembic" in loaded_after(opening), "a new ledger is made by migrations"
    assert loaded_after(opening) & {"alembic", "psycopg"} == set()


def test_the_first_command_need_not_wait_until_exchangelib_is_loaded() -> None:
    assert "exchangelib" in loaded_after("from worker import wiring\nwiring.load_calendars()")
