"""`roomsync demo`: the whole thing on this machine, with a story of bookings that is checked at the end."""

import asyncio
import logging
import os
import signal

import typer

from adapters.rabbitmq.node import BrokerDidNotStart
from consumers.broker.session import NotPublished
from worker.commands.loading import spoken_errors
from worker.demo.broker import GivenBrokerUnusable
from worker.demo.show import DemoConsole, Show
from worker.demo.stage import DemoStuck
from worker.demo.telling import tell
from worker.terminal import say

_GIVEN_BROKER = "ROOMSYNC_AMQP_URL"


class _Interrupted(Exception):
    """A signal asked to end; everything is cleared away by now."""

    def __init__(self, number: signal.Signals) -> None:
        self.number = number
        super().__init__(number.name)


def register(cli: typer.Typer) -> None:
    """Add the command to the command line."""
    cli.command("demo")(demo)


def demo() -> None:
    """Watch bookings being created, changed, moved, ended and cancelled while things go wrong; checked at the end.

    Runs RabbitMQ, the worker and the Exchange stand-in on this machine and leaves nothing behind. With the environment
    variable ROOMSYNC_AMQP_URL that broker is used instead. Exit 0 only if every calendar is exactly right.
    """
    for library in ("aio_pika", "aiormq"):
        # They log every lost connection; what matters of it is said in a sentence.
        logging.getLogger(library).setLevel(logging.CRITICAL)
    show = Show(DemoConsole())
    try:
        with spoken_errors():
            is_right = asyncio.run(_interruptible(show))
    except (BrokerDidNotStart, GivenBrokerUnusable, DemoStuck, NotPublished) as trouble:
        say(str(trouble), err=True)
        raise typer.Exit(1) from None
    except _Interrupted as interrupted:
        raise typer.Exit(128 + interrupted.number) from None
    if not is_right:
        raise typer.Exit(1)


async def _interruptible(show: Show) -> bool:
    """Tell the story; the first signal makes it clear up, the next ones change nothing about that."""
    story = asyncio.create_task(tell(show, os.environ.get(_GIVEN_BROKER)))
    received: list[signal.Signals] = []

    def interrupt(number: signal.Signals) -> None:
        received.append(number)
        if len(received) == 1:
            story.cancel()
            show.note(f"{number.name}: clearing up, which takes a few seconds")

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, interrupt, number)
    try:
        return await story
    except asyncio.CancelledError:
        raise _Interrupted(received[0]) from None
