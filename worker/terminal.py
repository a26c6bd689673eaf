"""The one way to a terminal: what others wrote is shown, and never obeyed.

A room's name, a server's reason or a file's name may hold escape sequences, characters that turn the writing round, or
what `rich` takes for markup. Whatever is printed goes through here.
"""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

_KEPT = frozenset("\n\t")


def visible(text: object, *, kept: frozenset[str] = frozenset()) -> str:
    """A text whose control, bidi and unassigned characters stand as their numbers, such as \\u202e."""
    told = str(text)
    if told.isprintable():
        return told
    return "".join(letter if letter.isprintable() or letter in kept else _number(letter) for letter in told)


def _number(letter: str) -> str:
    if letter.isspace() and ord(letter) > 0x9F and letter not in "\u2028\u2029":
        return letter  # a wide or a narrow blank
    return f"\\u{ord(letter):04x}" if ord(letter) <= 0xFFFF else f"\\U{ord(letter):08x}"


def say(text: object, *, err: bool = False) -> None:
    """Print lines."""
    try:
        typer.echo(visible(text, kept=_KEPT), err=err)
    except BrokenPipeError:
        _end_quietly()


def say_json(told: object) -> None:
    """Print JSON, in ASCII."""
    say(json.dumps(told, indent=2))


def is_terminal() -> bool:
    """Whether tables are wanted, and not plain lines."""
    return _console().is_terminal


def table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None, caption: str | None = None
) -> None:
    """Print a table; None is an empty cell."""
    made = Table(*columns, title=title and _cell(title), caption=caption and _cell(caption))
    for row in rows:
        made.add_row(*map(_cell, row))
    try:
        _console().print(made)
    except BrokenPipeError:
        _end_quietly()


def prepare_streams() -> None:
    """What the terminal's encoding has no letter for is shown by its number."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _cell(value: object) -> Text:
    return Text("" if value is None else visible(value))


def _console() -> Console:
    return Console(markup=False, highlight=False, emoji=False)


def _end_quietly() -> NoReturn:
    """Whoever read has gone (`| head`): the rest is nobody's, and at the end Python must not try to flush it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise typer.Exit(1) from None
