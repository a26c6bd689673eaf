"""Starts real workers, each in a process of its own that is told where to die; run as a program.

It imports everything once and forks: a worker that starts in a moment is what makes hundreds of kills affordable.
Orders come as JSON lines on standard input, what becomes of the workers goes as JSON lines to standard output; when
the input ends, so do all of them.
"""

import asyncio
import json
import os
import select
import signal
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

from adapters.ledger import BookingKey
from consumers.milestones import Milestone, OnMilestone, ignore
from worker.logs import set_up_logs
from worker.run import run_worker
from worker.settings import Settings, read_settings

LOOK_S = 0.02
AWAKE = signal.SIGUSR2
"""Lets a frozen worker go on."""
FROZEN = "worker.frozen"
"""What a worker says when it is."""
Order = dict[str, Any]


def main() -> None:
    """Obey until the input ends."""
    living: set[int] = set()
    unread = b""
    while True:
        readable, _, _ = select.select([0], [], [], LOOK_S)
        if readable:
            chunk = os.read(0, 65536)
            if not chunk:
                break
            *lines, unread = (unread + chunk).split(b"\n")
            for line in lines:
                living.add(_start(json.loads(line)))
        living -= _report()
    for pid in living:
        os.kill(pid, signal.SIGKILL)


def _report() -> set[int]:
    """Tell what became of workers since; returns those that have ended."""
    ended: set[int] = set()
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended.add(pid)
        _say(pid=pid, code=os.waitstatus_to_exitcode(status))


def _start(order: Order) -> int:
    pid = os.fork()
    if pid == 0:
        _work(order)
    _say(name=order["name"], pid=pid)
    return pid


def _work(order: Order) -> NoReturn:
    output = os.open(order["log"], os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    for stream, target in ((os.open(os.devnull, os.O_RDONLY), 0), (output, 1), (output, 2)):
        os.dup2(stream, target)
    # Before there are threads: they inherit it, and the signal waits for who waits for it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {AWAKE})
    code = 1
    try:
        os.environ.update(order["environment"])
        set_up_logs("info", stream=sys.stderr)
        strike = striking(**order["strike"]) if order["strike"] else ignore
        asyncio.run(_run(read_settings(Path(order["config"]), os.environ), strike))
        code = 0
    except BaseException:  # noqa: BLE001 - the end of this process; nobody else could show it
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


async def _run(settings: Settings, strike: OnMilestone) -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, _say_what_is_waited_for)
    await run_worker(settings, milestones=strike)


def _say_what_is_waited_for() -> None:
    for task in asyncio.all_tasks():
        task.print_stack(file=sys.stderr)


def striking(*, milestone: str, room: str, booking: str, freezes: bool) -> OnMilestone:
    """Kills this process at a milestone of a booking in a room, or freezes it, the first time it is passed.

    Not by SIGSTOP: its other threads may hold the ledger's file at that moment, and would hold it all the while.
    """
    is_armed = True
    at = (Milestone(milestone), room, booking)

    def reached(passed: Milestone, key: BookingKey) -> None:
        nonlocal is_armed
        if is_armed and (passed, key.room, key.booking_id) == at:
            is_armed = False
            if not freezes:
                os.kill(os.getpid(), signal.SIGKILL)
            print(FROZEN, file=sys.stderr, flush=True)  # noqa: T201 - its log
            signal.sigwait({AWAKE})

    return reached


def _say(**what: object) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


if __name__ == "__main__":
    main()
