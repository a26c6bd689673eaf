"""Prometheus' own judge of rules and metrics; what needs it is skipped where `make promtool` could not get it."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]

Judge = Callable[..., tuple[int, str]]
"""Runs promtool with these arguments, and `stdin`; exit code and both streams."""


@pytest.fixture(scope="session")
def promtool() -> Judge:
    fetched, on_path = REPOSITORY / "var" / "promtool" / "promtool", shutil.which("promtool")
    if on_path is None and not fetched.is_file():
        pytest.skip("promtool was not found: run `make promtool`, or install the package prometheus")
    program = on_path or str(fetched)

    def judge(*arguments: str, stdin: str = "") -> tuple[int, str]:
        done = subprocess.run(
            [program, *arguments], input=stdin, text=True, capture_output=True, check=False, timeout=60, cwd=REPOSITORY
        )
        return done.returncode, done.stdout + done.stderr

    return judge
