"""Progress of long work: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LINE_EVERY_S = 5.0


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    """Show how far work has come; call what is given after each step."""
    if sys.stderr.isatty():
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(what, total=total)
            yield lambda: bar.advance(task)
        return
    yield _lines(what, total)


def _lines(what: str, total: int) -> Callable[[], None]:
    done, told_s = 0, time.monotonic()

    def advance() -> None:
        nonlocal done, told_s
        done += 1
        if time.monotonic() - told_s >= LINE_EVERY_S:
            told_s = time.monotonic()
            typer.echo(f"{what}: {done} of {total}", err=True)

    return advance
