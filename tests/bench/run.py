"""`make bench` and `make bench-against`: roomsync beside other ways to do it, or beside another revision of itself."""

import asyncio
import logging
import signal
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from adapters.rabbitmq.node import BrokerDidNotStart
from tests.bench.contestants import Contestant
from tests.bench.load import Load
from tests.bench.measure import SCENARIOS, Run, Scenario, measure
from tests.bench.plot import can_draw, draw
from tests.bench.programs import BenchStuck
from tests.bench.record import record, write_record
from tests.bench.rival import NoRivals, read_rivals
from tests.bench.roomsync import Roomsync
from tests.bench.scenarios.other_tree import OTHER, other_tree
from tests.bench.table import show
from worker.terminal import prepare_streams, say

LOG_WIDTH = 160
"""Where nobody's screen is the limit."""


class _Interrupted(Exception):
    """A signal asked to end; everything is cleared away by now."""

    def __init__(self, number: signal.Signals) -> None:
        self.number = number
        super().__init__(number.name)


def _known_scenarios(names: list[str] | None) -> list[str]:
    unknown = [name for name in names or () if name not in SCENARIOS]
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}; expected of {', '.join(SCENARIOS)}")
    return [name for name in SCENARIOS if not names or name in names]


def bench(
    scenario: Annotated[
        list[str] | None,
        typer.Option(help=f"One of {', '.join(SCENARIOS)}; repeatable. Else all.", callback=_known_scenarios),
    ] = None,
    rivals: Annotated[
        Path | None, typer.Option(help="Folder whose rivals.toml names others to measure beside roomsync.")
    ] = None,
    against: Annotated[
        Path | None, typer.Option(help="Folder of another checkout: measure by turns with it, and nothing else.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A tenth of the load, for a first look.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="File for every figure, for machines.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for bench.json and bench.png.")] = Path("var/bench"),
) -> None:
    """Measure the worker, and rivals that are named, on the same private RabbitMQ and the same Exchange stand-in.

    Everything runs on this machine and ends with the run, which takes a quarter of an hour. Needs Linux and RabbitMQ.
    Exit 1 when a measurement could not be finished.
    """
    for library in ("aio_pika", "aiormq"):
        # They log every connection that is closed with a virtual host.
        logging.getLogger(library).setLevel(logging.CRITICAL)
    load = Load(quick)
    try:
        contestants: list[Contestant] = [Roomsync(), *(read_rivals(rivals) if rivals else [])]
        chosen: list[Scenario] = [SCENARIOS[name] for name in scenario or ()]
        if against is not None:
            contestants, chosen = [Roomsync(), Roomsync(name=OTHER, code=against.resolve())], [other_tree]
        run = asyncio.run(_interruptible(chosen, contestants, load))
    except (BrokerDidNotStart, BenchStuck, NoRivals) as trouble:
        say(str(trouble), err=True)
        raise typer.Exit(1) from None
    except _Interrupted as interrupted:
        raise typer.Exit(128 + interrupted.number) from None
    console = Console()
    show(console if console.is_terminal else Console(width=LOG_WIDTH), run.reports)
    _keep(run, load, json_file or out / "bench.json", out / "bench.png")
    if any(report.is_unfinished for report in run.reports):
        raise typer.Exit(1)


async def _interruptible(scenarios: list[Scenario], contestants: list[Contestant], load: Load) -> Run:
    """Measure; the first signal makes it clear up, the next ones change nothing about that."""
    measuring = asyncio.create_task(measure(scenarios, contestants, load, lambda line: say(line, err=True)))
    received: list[signal.Signals] = []

    def interrupt(number: signal.Signals) -> None:
        received.append(number)
        if len(received) == 1:
            measuring.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, interrupt, number)
    try:
        return await measuring
    except asyncio.CancelledError:
        raise _Interrupted(received[0]) from None


def _keep(run: Run, load: Load, json_file: Path, picture: Path) -> None:
    write_record(record(run.reports, load, run.broker_version), json_file)
    say(f"every figure: {json_file}", err=True)
    if not can_draw():
        say("not drawn: matplotlib is not installed (`make bench` installs it)", err=True)
    elif draw(run.reports, picture):
        say(f"drawn: {picture}", err=True)


def main() -> None:
    """The program. What libraries complain of is not heard."""
    logging.getLogger().addHandler(logging.NullHandler())
    prepare_streams()
    typer.run(bench)


if __name__ == "__main__":
    main()
