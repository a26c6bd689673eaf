"""`roomsync topology`: declare or check exchanges and queues without starting a worker."""

import asyncio

import typer
from aio_pika.abc import AbstractConnection

from consumers.broker import declare
from consumers.broker.session import Session
from consumers.broker.topology import Topology
from worker import wiring
from worker.commands.loading import ConfigOption, load, spoken_errors
from worker.settings import Settings
from worker.terminal import say

app = typer.Typer(help="Exchanges and queues at the broker.", no_args_is_help=True)


def register(cli: typer.Typer) -> None:
    """Add the commands to the command line."""
    cli.add_typer(app, name="topology")


@app.command()
def apply(config: ConfigOption = None) -> None:
    """Declare what is missing; what exists is never changed. Exit 1 where the broker differs."""
    settings = load(config)
    with spoken_errors():
        declared = asyncio.run(_go_through(settings, only_check=False))
    say(f"Declared: {_told(declared)}.")


@app.command()
def check(config: ConfigOption = None) -> None:
    """Compare the broker with what roomsync needs, and declare nothing. Exit 1 where it differs."""
    settings = load(config)
    with spoken_errors():
        checked = asyncio.run(_go_through(settings, only_check=True))
    say(f"As it should be: {_told(checked)}.")


async def _go_through(settings: Settings, *, only_check: bool) -> Topology:
    address, names = wiring.broker_address(settings), wiring.names(settings)

    async def connect() -> AbstractConnection:
        return await address.connect("roomsync topology")

    session = await Session.open(address, names)
    try:
        version = session.broker_version
    finally:
        await session.close()
    topology = Topology.of(names, settings.broker.partitions, broker_version=version)
    await (declare.check if only_check else declare.apply)(connect, topology)
    return topology


def _told(topology: Topology) -> str:
    return f"{len(topology.exchanges)} exchanges, {len(topology.queues)} queues"
