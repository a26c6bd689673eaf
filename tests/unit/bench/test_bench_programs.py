"""Programs under measurement: awaited by a word, measured with all that they started, and ended with it."""

import asyncio
import sys
import time
from pathlib import Path

import pytest

from tests.bench.programs import BenchStuck, Program
from tests.bench.rival import NoRivals, read_rivals
from tests.bench.usage import descendants_of, is_zombie, usage_of
from tests.waiting import until

RIVALS = Path(__file__).resolve().parents[2] / "bench" / "rivals"
PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
print("child", child.pid, flush=True)
sys.stdin.read()
child.wait()
"""


async def test_the_work_of_a_child_is_counted_and_the_child_ended(tmp_path: Path) -> None:
    program = await start(PARENT, tmp_path, ready="child")
    try:
        child = int((tmp_path / "log").read_text().split()[1])
        until_s = time.monotonic() + 30
        while program.usage.cpu_s < 0.2 and time.monotonic() < until_s:
            pass
        assert program.usage.cpu_s >= 0.2
        assert program.usage.peak_bytes > usage_of(child).peak_bytes
    finally:
        await program.stop()
    assert not is_running(child)


async def test_a_program_that_is_held_stands_still_with_its_children_and_goes_on_afterwards(tmp_path: Path) -> None:
    program = await start(PARENT, tmp_path, ready="child")
    child = int((tmp_path / "log").read_text().split()[1])
    try:
        with program.held():
            await until(lambda: state_of(child) == state_of(program.started.pid) == "T")
        await until(lambda: state_of(child) == "R" and state_of(program.started.pid) != "T")
    finally:
        await program.stop()


async def test_a_program_that_ends_before_its_word_is_told_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(BenchStuck, match=r"(?s)ended by itself.*no room"):
        await start("print('no room', flush=True); raise SystemExit(3)", tmp_path, ready="consuming")


async def test_a_program_without_its_word_is_given_up(tmp_path: Path) -> None:
    program = await start("import time; time.sleep(60)", tmp_path)
    try:
        with pytest.raises(BenchStuck, match="did not say 'consuming'"):
            await program.says("consuming", within_s=0.2)
    finally:
        await program.stop()


async def test_who_gives_up_waiting_for_a_program_leaves_none_behind(tmp_path: Path) -> None:
    starting = asyncio.create_task(
        start("import os; print(os.getpid(), flush=True); import time; time.sleep(60)", tmp_path, ready="never")
    )
    log = tmp_path / "log"
    async with asyncio.timeout(30):
        while not (log.exists() and log.read_text().endswith("\n")):  # noqa: ASYNC110 - a file tells nobody
            await asyncio.sleep(0.01)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting

    assert not is_running(int(log.read_text()))


def test_an_ended_process_has_used_nothing_and_started_nobody() -> None:
    nobody = 2**22 + 1

    assert usage_of(nobody).cpu_s == 0
    assert list(descendants_of(nobody)) == []


def test_the_rivals_of_this_project_can_be_read() -> None:
    rivals = read_rivals(RIVALS)

    assert [rival.name for rival in rivals] == ["aio-pika", "Dramatiq", "Celery"]
    assert all(rival.works[0] == sys.executable for rival in rivals)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("[[rival]]\nname = 'a'", id="incomplete"),
        pytest.param("[[rival]]\nname = 'a'\nworks = 'python a.py'", id="a command that is no list of words"),
        pytest.param("[[rival", id="no TOML"),
    ],
)
def test_a_folder_that_names_no_rivals_is_refused_in_a_sentence(text: str, tmp_path: Path) -> None:
    (tmp_path / "rivals.toml").write_text(text)

    with pytest.raises(NoRivals, match=r"rivals\.toml names no rivals"):
        read_rivals(tmp_path)


async def start(code: str, folder: Path, ready: str = "") -> Program:
    command = (sys.executable, "-c", code)
    return await Program.start(command, folder=folder, environment={}, log=folder / "log", ready=ready)


def is_running(pid: int) -> bool:
    return not is_zombie(pid) and Path(f"/proc/{pid}").exists()


def state_of(pid: int) -> str:
    """As Linux names it: T is stopped, R running."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
