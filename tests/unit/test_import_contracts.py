"""Every import contract of pyproject.toml is broken once, and import-linter names the offender."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = ("worker", "consumers", "adapters")

VIOLATIONS = [
    ("layers", "adapters/ews/offender.py", "import consumers.sync"),
    ("layers", "consumers/sync/offender.py", "import worker"),
    ("deciding", "consumers/sync/offender.py", "import consumers.broker"),
    ("deciding", "consumers/sync/offender.py", "import consumers.settlement"),
    ("deciding", "consumers/sync/offender.py", "import consumers.scheduling"),
    ("ports", "consumers/sync/offender.py", "import adapters.ews"),
    ("ports", "consumers/scheduling/offender.py", "import adapters.rabbitmq"),
    ("independence", "adapters/ews/offender.py", "import adapters.sql"),
    ("independence", "adapters/exchange/offender.py", "import adapters.ews"),
    ("independence", "adapters/sql/offender.py", "import adapters.simulator"),
    ("stand-in", "adapters/simulator/offender.py", "import adapters.errors"),
    ("wiring", "worker/offender.py", "import adapters.sql"),
    ("rehearsal", "worker/offender.py", "import adapters.simulator"),
    ("rehearsal", "worker/offender.py", "import adapters.rabbitmq"),
    ("cycles", "adapters/sql/offender.py", "import adapters.sql.accomplice"),
    ("exchangelib", "adapters/simulator/offender.py", "import exchangelib"),
    ("exchangelib", "adapters/exchange/offender.py", "import exchangelib"),
    ("exchangelib", "adapters/exchange/offender.py", "import requests"),
    ("exchangelib", "adapters/exchange/offender.py", "import urllib3"),
    ("exchangelib", "adapters/exchange/offender.py", "import spnego"),
    ("sqlalchemy", "consumers/sync/offender.py", "import sqlalchemy"),
    ("sqlalchemy", "worker/offender.py", "import alembic"),
    ("aio-pika", "consumers/sync/offender.py", "import aio_pika"),
    ("aiohttp", "adapters/ews/offender.py", "import aiohttp"),
    ("aiohttp", "worker/offender.py", "import aiohttp"),
    ("opentelemetry", "worker/offender.py", "import opentelemetry"),
]


@pytest.mark.parametrize(
    ("contract", "offender", "line"), VIOLATIONS, ids=[f"{contract}: {line}" for contract, _, line in VIOLATIONS]
)
def test_a_violation_is_found_and_named(contract: str, offender: str, line: str, tmp_path: Path) -> None:
    copy_project(tmp_path)
    (tmp_path / offender).write_text(f"{line}\n")
    accomplice = (tmp_path / offender).with_name("accomplice.py")
    accomplice.write_text(f"import {dotted(offender)}\n" if contract == "cycles" else "")

    verdict = lint_imports(tmp_path, contract)

    assert verdict.returncode == 1, verdict.stdout
    assert "offender" in verdict.stdout


def test_every_contract_has_a_violation_here() -> None:
    contracts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert {contract["id"] for contract in contracts} == {contract for contract, _, _ in VIOLATIONS}


def test_every_adapter_is_protected() -> None:
    contracts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    protected = {name for contract in contracts for name in contract.get("protected_modules", [])}
    adapters = {f"adapters.{init.parent.name}" for init in (REPOSITORY / "adapters").glob("*/__init__.py")}
    assert adapters <= protected


def copy_project(target: Path) -> None:
    for package in PACKAGES:
        shutil.copytree(REPOSITORY / package, target / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "pyproject.toml", target)


def dotted(path: str) -> str:
    return path.removesuffix(".py").replace("/", ".")


def lint_imports(folder: Path, contract: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", LINT_IMPORTS, "--contract", contract, "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


# Under an installed checkout the packages would be found there: the copy goes first.
LINT_IMPORTS = """
import sys
sys.path.insert(0, "")
from importlinter.cli import lint_imports_command
lint_imports_command()
"""
