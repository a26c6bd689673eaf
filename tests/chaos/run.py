"""`make chaos`: real workers are killed, the broker is restarted and Exchange misbehaves while commands come in.

Ends when everything is settled; exit code 0 only when no event was doubled, lost, brought back or wrong.
"""

import argparse
import asyncio
import itertools
import json
import logging
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.chaos import load
from tests.chaos.chaos_harness import WORKERS, ChaosHarness
from tests.chaos.judge import Judgement, ended, judge
from tests.chaos.troubles import Troubles

BOOKINGS_A_MINUTE = 80
WHOLE_RECORDING_S = 600.0
READY_WITHIN_S = 60.0
TELL_EVERY_S = 15.0
IN_FLIGHT_MAX = 64
SHOWN_MAX = 20

Row = tuple[str, int | str]


def main() -> int:
    """The program."""
    options = argparse.ArgumentParser(description=__doc__, prog="make chaos")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--minutes", type=float, default=2.0)
    given = options.parse_args()
    for library in ("aio_pika", "aiormq"):
        # They log every connection that is lost, here on purpose.
        logging.getLogger(library).setLevel(logging.CRITICAL)
    return asyncio.run(_interruptible(given.seed, given.minutes * 60))


async def _interruptible(seed: int, for_s: float) -> int:
    """End the workers with us, also where somebody else's patience is over."""
    running = asyncio.create_task(run(seed, for_s, Console()))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    return await running


async def run(seed: int, for_s: float, console: Console) -> int:
    """Let chaos reign for so many seconds, wait until all is settled, and judge. Returns the exit code."""
    folder = Path(tempfile.mkdtemp(prefix="roomsync-chaos-"))
    begun_s = time.monotonic()
    async with ChaosHarness(folder) as harness:
        for number in range(WORKERS):
            await harness.start_worker(number)
        for number in range(WORKERS):
            await harness.until_consuming(number, READY_WITHIN_S)
        troubles = Troubles(harness, seed, for_s)
        telling = asyncio.create_task(_tell(console, harness, troubles, begun_s))
        async with asyncio.TaskGroup() as chaos:
            chaos.create_task(_publish(harness, the_load(seed, for_s), for_s))
            chaos.create_task(troubles.make())
        await settle(harness)
        telling.cancel()
        judgement = judge(harness.published, harness.events(), ended(harness.results, well=True))
        rows = summary(harness, troubles, judgement, time.monotonic() - begun_s)
    show(console, f"chaos, seed {seed}", rows)
    for complaint in judgement.complaints[:SHOWN_MAX]:
        console.print(complaint, style="red", highlight=False)
    if judgement.complaints:
        console.print(f"{len(judgement.complaints)} complaints; ledger and logs are in {folder}")
        return 1
    shutil.rmtree(folder)
    return os.EX_OK


def the_load(seed: int, for_s: float) -> list[load.Published]:
    """The recording, or its beginning, twice over, among bookings that are made up."""
    recorded = load.recorded()
    recorded = recorded[: round(len(recorded) * min(1.0, for_s / WHOLE_RECORDING_S))]
    twice = [*load.in_disorder(seed, recorded), *load.in_disorder(seed + 1, recorded)]
    made_up = load.in_disorder(seed + 2, load.made_up(seed, round(BOOKINGS_A_MINUTE * for_s / 60)))
    placed = [((place + 0.5) / len(part), command) for part in (twice, made_up) for place, command in enumerate(part)]
    return [command for _, command in sorted(placed, key=lambda each: each[0])]


async def _publish(harness: ChaosHarness, commands: list[load.Published], for_s: float) -> None:
    """Spread over the time; while the broker is away they pile up, and come all at once."""
    begun_s = time.monotonic()
    window = asyncio.Semaphore(IN_FLIGHT_MAX)

    async def send(command: load.Published) -> None:
        await harness.publish(command)
        window.release()

    async with asyncio.TaskGroup() as sending:
        for number, command in enumerate(commands):
            await asyncio.sleep(max(0.0, begun_s + for_s * number / len(commands) - time.monotonic()))
            await window.acquire()
            sending.create_task(send(command))


async def settle(harness: ChaosHarness) -> None:
    """Wait until nothing is left, in no queue and in nobody's hands; replay what was parked, until nothing is."""
    while True:
        # What is in a worker's hands is in no queue: ended too early, it would only give it back.
        await harness.until_all_told()
        await harness.until_empty()
        # What a worker still had in hand is back in its queue once it has ended.
        for worker in harness.workers.values():
            worker.signal(signal.SIGTERM)
        for worker in harness.workers.values():
            await worker.ended(60)
        await harness.exchange.settled()
        if not await harness.replay_failed() and not await harness.left():
            return
        for number in range(WORKERS):
            await harness.start_worker(number)


def summary(harness: ChaosHarness, troubles: Troubles, judgement: Judgement, taken_s: float) -> list[Row]:
    """What happened."""
    counts = harness.exchange.counts
    return [
        ("commands", len({json.dumps(command) for command in harness.published})),
        ("messages", harness.messages),
        ("results", len(harness.results)),
        ("requests", counts.requests.total()),
        ("kills", troubles.kills),
        ("broker restarts", troubles.restarts),
        ("rejected logins", counts.rejected),
        ("requests too early", counts.early),
        *((f"fault {name}", count) for name, count in sorted(counts.faults.items())),
        ("parked and replayed", harness.replayed),
        ("minutes", f"{taken_s / 60:.1f}"),
        ("duplicates", len(judgement.duplicates)),
        ("lost", len(judgement.lost)),
        ("resurrected", len(judgement.resurrected)),
        ("wrong fields", len(judgement.wrong)),
    ]


def show(console: Console, title: str, rows: list[Row]) -> None:
    """As a table on a terminal, in plain lines elsewhere."""
    if not console.is_terminal:
        for name, value in [("", title), *rows]:
            console.print(f"{name}: {value}" if name else value, highlight=False)
        return
    table = Table(title=title, show_header=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    for name, value in rows:
        table.add_row(name, str(value))
    console.print(table)


async def _tell(console: Console, harness: ChaosHarness, troubles: Troubles, begun_s: float) -> None:
    for _ in itertools.count():
        await asyncio.sleep(TELL_EVERY_S)
        told: Mapping[str, object] = {
            "messages": harness.messages,
            "results": len(harness.results),
            "kills": troubles.kills,
            "restarts": troubles.restarts,
            "faults": harness.exchange.counts.faults.total(),
        }
        line = ", ".join(f"{value} {name}" for name, value in told.items())
        console.print(f"{time.monotonic() - begun_s:5.0f} s  {line}", highlight=False)


if __name__ == "__main__":
    sys.exit(main())
