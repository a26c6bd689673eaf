"""`roomsync worker`: consume until told to stop."""

import asyncio
from typing import Annotated

import typer

from worker.commands.loading import ConfigOption, LogLevelOption, load, spoken_errors
from worker.logs import set_up_logs
from worker.option_checks import finite
from worker.run import run_worker


def register(cli: typer.Typer) -> None:
    """Add the command to the command line."""
    cli.command("worker")(worker)


def worker(
    config: ConfigOption = None,
    exit_when_idle: Annotated[
        float | None,
        typer.Option(
            "--exit-when-idle",
            min=0.1,
            callback=finite,
            help="End once nothing arrived or was in flight for S seconds.",
        ),
    ] = None,
    log_level: LogLevelOption = "info",
) -> None:
    """Consume booking commands and write them into Exchange until SIGTERM or SIGINT; then drain, at most 25 s."""
    settings = load(config, tells=False)
    set_up_logs(log_level)
    with spoken_errors():
        asyncio.run(run_worker(settings, exit_when_idle_s=exit_when_idle))
