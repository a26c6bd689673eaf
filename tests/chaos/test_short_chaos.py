"""A short run of `make chaos`: ten seconds of everything at once, and then as long as it takes to settle."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

pytestmark = [pytest.mark.broker, pytest.mark.timeout(600), pytest.mark.usefixtures("rabbitmq")]

REPOSITORY = Path(__file__).resolve().parents[2]
SEED, MINUTES = 1, 0.15


async def test_ten_seconds_of_chaos_leave_nothing_doubled_lost_brought_back_or_wrong() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.chaos.run", "--seed", str(SEED), "--minutes", str(MINUTES)),
        cwd=REPOSITORY,
        stdout=PIPE,
        stderr=PIPE,
    )
    try:
        told, complained = await process.communicate()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()

    assert process.returncode == 0, told.decode() + complained.decode()
    rows = dict(line.rsplit(": ", 1) for line in told.decode().splitlines() if ": " in line)
    assert [rows[name] for name in ("duplicates", "lost", "resurrected", "wrong fields")] == ["0", "0", "0", "0"]
    # On a slow machine the second one is still starting when the time is over.
    assert int(rows["kills"]) >= 1
    assert int(rows["broker restarts"]) >= 1
    assert any(name.startswith("fault ") for name in rows)
