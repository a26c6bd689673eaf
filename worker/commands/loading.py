"""What commands share: the configuration option, and errors that end a command with a sentence and an exit code."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from worker.logs import LEVELS
from worker.settings import Settings, WrongSettings, find_settings, read_usable_settings
from worker.terminal import say
from worker.troubles import sentence_of

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="Configuration file; else ROOMSYNC_CONFIG, else ./roomsync.toml.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="For machines.")]


def _known_level(level: str) -> str:
    if level not in LEVELS:
        raise typer.BadParameter(f"expected one of {', '.join(LEVELS)}")
    return level


LogLevelOption = Annotated[
    str, typer.Option("--log-level", help="debug, info, warning or error.", callback=_known_level)
]


def load(config: Path | None, *, tells: bool = True) -> Settings:
    """Read the configuration, or end with exit code 2 and every complaint where it is of no use to anybody.

    Args:
        tells: warn of tenants whose settings cannot be used; the others do not wait for them.
    """
    try:
        settings = read_usable_settings(find_settings(config, os.environ), os.environ)
    except WrongSettings as wrong:
        say(str(wrong), err=True)
        raise typer.Exit(2) from None
    for trouble in settings.troubles if tells else ():
        say(f"warning: {trouble}", err=True)
    return settings


@contextmanager
def spoken_errors() -> Iterator[None]:
    """End with exit code 1 and a sentence on what an operator can meet; anything else is a defect and told as one."""
    try:
        yield
    except Exception as error:
        told = sentence_of(error)
        if told is None:
            raise
        say(told, err=True)
    else:
        return
    raise typer.Exit(1)
