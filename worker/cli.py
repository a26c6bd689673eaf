"""The command line (docs/contract.md#command-line): one small module per command, loaded only when asked for.

Loading them all takes seconds (Exchange, databases, the simulator), which `roomsync publish` need not wait for.
"""

import gc
import logging
import sys
import zoneinfo
from importlib import import_module

import typer

from worker.terminal import prepare_streams, say

COMMANDS = (
    "worker",
    "publish",
    "topology",
    "status",
    "tenant",
    "reconcile",
    "failed",
    "ledger",
    "simulator",
    "demo",
    "schema",
    "config",
)
"""Each is registered by the module of its name in `worker.commands`, and listed by `--help` in this order."""

app = typer.Typer(
    name="roomsync",
    help="Writes room bookings from RabbitMQ into Microsoft Exchange room calendars.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def roomsync() -> None:
    """Writes room bookings from RabbitMQ into Microsoft Exchange room calendars."""


def main() -> None:
    """The console script. What libraries complain of is only heard where a command sets its logs up."""
    logging.getLogger().addHandler(logging.NullHandler())
    # Rules of time zones are those of the package, whose age the lock tells; the system's may be years older.
    zoneinfo.reset_tzpath(to=())
    # What is loaded stays: looking through it again and again would find nothing to collect.
    gc.disable()
    prepare_streams()
    try:
        for name in [name for name in sys.argv[1:2] if name in COMMANDS] or COMMANDS:
            import_module(f"worker.commands.{name}").register(app)
        gc.freeze()
        gc.enable()
        app()
    except Exception as error:  # noqa: BLE001 - the last one to hear of it
        _tell(error)
        sys.exit(1)


def _tell(error: Exception) -> None:
    from worker.troubles import defect, sentence_of  # noqa: PLC0415 - loads the broker's client

    say(sentence_of(error) or defect(error), err=True)
