"""`roomsync demo` as a visitor meets it: told without a terminal, interrupted, and with what it needs missing."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aio_pika
import pytest
from aio_pika.exceptions import ChannelNotFoundEntity

from adapters.rabbitmq.folder import free_ports
from adapters.rabbitmq.node import BrokerNode
from worker.demo.story import ACTS

pytestmark = [pytest.mark.broker, pytest.mark.timeout(180)]

ROOMSYNC = "from worker.cli import main; main()"
REPOSITORY = Path(__file__).resolve().parents[2]


async def test_the_story_is_told_checked_and_leaves_nothing_behind(broker: BrokerNode, tmp_path: Path) -> None:
    async with demo(tmp_path, broker.url) as process:
        prefix = await prefix_of(tmp_path)
        told, complained = await process.communicate()

    lines = told.decode().splitlines()
    assert (process.returncode, complained) == (0, b""), told.decode()
    assert all(f"{act.clock} {act.sentence}" in lines for act in ACTS)
    assert sum(line.startswith("  yes   ") for line in lines) == 11
    assert "| 10:30-12:15 | Budget round, final | B-1002  | 3       |" in lines
    assert lines[-1].startswith("Everything is exactly right")
    assert b"\x1b" not in told
    assert not left_behind(tmp_path)
    assert not await still_there(broker, f"{prefix}.failed")


@pytest.mark.usefixtures("rabbitmq")
async def test_an_interruption_clears_up_and_exits_130(tmp_path: Path) -> None:
    async with demo(tmp_path, None) as process:
        await line_of(process, "08:50")
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        told, _ = await process.communicate()

    assert process.returncode == 130
    assert b"SIGINT: clearing up" in told
    assert not left_behind(tmp_path)


async def test_a_worker_that_dies_ends_the_demo_with_its_last_words(broker: BrokerNode, tmp_path: Path) -> None:
    async with demo(tmp_path, broker.url) as process:
        await line_of(process, "08:50")
        (worker,) = processes_in(tmp_path, "--config")
        os.kill(worker, signal.SIGKILL)
        _, complained = await process.communicate()

    assert process.returncode == 1
    assert b"The worker has ended." in complained
    assert b"worker.started" in complained
    assert not left_behind(tmp_path)


async def test_a_broker_that_is_not_there_is_said_in_a_sentence(tmp_path: Path) -> None:
    async with demo(tmp_path, f"amqp://guest:hunter2@127.0.0.1:{free_ports(1)[0]}/") as process:
        _, complained = await process.communicate()

    assert process.returncode == 1
    assert complained.startswith(b"The broker that is named cannot be used: ")
    assert len(complained.splitlines()) == 1
    assert b"hunter2" not in complained
    assert not left_behind(tmp_path)


@asynccontextmanager
async def demo(folder: Path, broker_url: str | None) -> AsyncIterator[Process]:
    """Run `roomsync demo` without a terminal; whatever it makes, it makes in the folder."""
    environment = {name: value for name, value in os.environ.items() if name != "ROOMSYNC_AMQP_URL"}
    environment["TMPDIR"] = str(folder)
    if broker_url is not None:
        environment["ROOMSYNC_AMQP_URL"] = broker_url
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", ROOMSYNC, "demo"),
        cwd=REPOSITORY,
        env=environment,
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


async def line_of(process: Process, start: str) -> None:
    """Wait until the demo says a line that starts like this."""
    assert process.stdout is not None
    async for line in process.stdout:
        if line.decode().startswith(start):
            return
    pytest.fail(f"it ended without a line that starts with {start}")


async def prefix_of(folder: Path) -> str:
    """The prefix under which the demo uses somebody else's broker."""
    async with asyncio.timeout(60):
        while not (prefixes := written_prefixes(folder)):  # noqa: ASYNC110 - a file tells nobody that it is there
            await asyncio.sleep(0.05)
    return prefixes[0]


def written_prefixes(folder: Path) -> list[str]:
    written = [file.read_text() for file in folder.glob("roomsync-demo-*/roomsync.toml")]
    return [line.split('"')[1] for text in written for line in text.splitlines() if line.startswith("prefix")]


async def still_there(broker: BrokerNode, queue: str) -> bool:
    async with await aio_pika.connect(broker.url) as connection:
        try:
            await (await connection.channel()).declare_queue(queue, passive=True)
        except ChannelNotFoundEntity:
            return False
    return True


def left_behind(folder: Path) -> list[object]:
    """Files in the folder, and living processes that were told to make theirs there."""
    return [*folder.iterdir(), *processes_in(folder)]


def processes_in(folder: Path, argument: str = "") -> list[int]:
    """Living processes with the folder as their place for temporary files, and this argument."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            is_there = f"TMPDIR={folder}".encode() in (process / "environ").read_bytes().split(b"\0")
            if is_there and argument in (process / "cmdline").read_text():
                found.append(int(process.name))
        except OSError:
            continue  # it ended meanwhile, or is another user's
    return found
