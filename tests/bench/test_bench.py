"""`make bench` as a developer meets it: a real worker is measured, and nothing stays behind."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

pytestmark = [pytest.mark.broker, pytest.mark.usefixtures("rabbitmq"), pytest.mark.timeout(180)]

REPOSITORY = Path(__file__).resolve().parents[2]


async def test_a_quick_drain_of_our_own_worker_is_measured_told_and_written_down(tmp_path: Path) -> None:
    temporary, out = folders(tmp_path)
    async with bench(temporary, "--quick", "--scenario", "drain", "--out", str(out)) as process:
        table, told = await process.communicate()

    assert process.returncode == 0, told.decode()
    assert b"drain: 300 creates over 100 rooms" in table
    record = json.loads((out / "bench.json").read_text())
    (drain,) = record["scenarios"]
    measured = {figure["label"]: figure["values"]["roomsync"] for figure in drain["figures"]}
    assert (measured["doubled"], measured["lost"]) == (0, 0)
    assert measured["first to last write"] > 0
    assert measured["CPU"] > 0
    assert measured["peak memory"] > 20
    assert not left_behind(temporary)


async def test_an_interrupted_run_clears_up_and_exits_130(tmp_path: Path) -> None:
    temporary, out = folders(tmp_path)
    async with bench(temporary, "--scenario", "drain", "--out", str(out)) as process:
        await line_of(process, "drain: roomsync")
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        await process.communicate()

    assert process.returncode == 130
    assert not (out / "bench.json").exists()
    assert not left_behind(temporary)


async def test_an_unknown_scenario_is_refused_before_anything_starts(tmp_path: Path) -> None:
    temporary, _ = folders(tmp_path)
    async with bench(temporary, "--scenario", "drian") as process:
        _, told = await process.communicate()

    assert process.returncode == 2
    assert b"drian" in told
    assert not left_behind(temporary)


def folders(folder: Path) -> tuple[Path, Path]:
    temporary = folder / "temporary"
    temporary.mkdir()
    return temporary, folder / "out"


@asynccontextmanager
async def bench(temporary: Path, *arguments: str) -> AsyncIterator[Process]:
    """Run it without a terminal; whatever it makes for a while, it makes in that folder."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.run", *arguments),
        cwd=REPOSITORY,
        env=environment(temporary),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            await process.communicate()


def environment(temporary: Path) -> Mapping[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ROOMSYNC_")}
    return kept | {"TMPDIR": str(temporary), "COLUMNS": "160"}


async def line_of(process: Process, start: str) -> None:
    """Wait until it says a line that starts like this."""
    assert process.stderr is not None
    async for line in process.stderr:
        if line.decode().startswith(start):
            return
    pytest.fail(f"it ended without a line that starts with {start}")


def left_behind(temporary: Path) -> list[object]:
    """Files in the folder, and living processes that were told to make theirs there."""
    running = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"TMPDIR={temporary}".encode() in (process / "environ").read_bytes().split(b"\0"):
                running.append((process / "cmdline").read_text())
        except OSError:
            continue  # it ended meanwhile, or is another user's
    return [*temporary.iterdir(), *running]
