"""`roomsync ledger`: which ledger is in use, and going on with another one after a loss."""

import asyncio
from typing import Any

import typer

from consumers.broker.ledger_registration import adopt as adopt_seat
from consumers.broker.ledger_registration import read_registration
from consumers.broker.session import Session
from worker import wiring
from worker.commands.loading import ConfigOption, JsonOption, load, spoken_errors
from worker.settings import Settings
from worker.terminal import say, say_json

app = typer.Typer(help="The ledger and its registration at the broker.", no_args_is_help=True)


def register(cli: typer.Typer) -> None:
    """Add the commands to the command line."""
    cli.add_typer(app, name="ledger")


@app.command()
def show(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show the configured ledger, what it holds, and which one the broker knows. Exit 1 where they differ."""
    settings = load(config)
    with spoken_errors():
        told = asyncio.run(_show(settings))
    say_json(told) if as_json else say(_lines(told))
    if not told["in_use"]:
        raise typer.Exit(1)


@app.command()
def adopt(config: ConfigOption = None) -> None:
    """Go on with the configured ledger, whichever was in use (after a restore). No worker may be running."""
    settings = load(config)
    with spoken_errors():
        ledger_id = asyncio.run(_adopt(settings))
    say(f"Ledger {ledger_id} is in use now; every room is scanned again before anything is written.")


async def _show(settings: Settings) -> dict[str, Any]:
    ledger = await wiring.ledger(settings)
    try:
        identity, counts = await ledger.identity(), await ledger.counts()
    finally:
        await ledger.close()
    session = await Session.open(wiring.broker_address(settings), wiring.names(settings), name="roomsync ledger")
    try:
        is_known = await session.depth(wiring.names(settings).ledger) is not None
        seat = await read_registration(session) if is_known else None
    finally:
        await session.close()
    return {
        "ledger_id": identity.ledger_id,
        "generation": identity.generation,
        "holds": counts,
        "broker_knows": None if seat is None else {"ledger_id": seat.ledger_id, "generation": seat.generation},
        "in_use": seat is not None and (seat.ledger_id, seat.generation) == (identity.ledger_id, identity.generation),
    }


def _lines(told: dict[str, Any]) -> str:
    seat = told["broker_knows"]
    held = ", ".join(f"{count} {what}" for what, count in told["holds"].items())
    known = "none" if seat is None else f"{seat['ledger_id']}, generation {seat['generation']}"
    return "\n".join(
        [
            f"ledger {told['ledger_id']}, generation {told['generation']}: {held}",
            f"the broker knows: {known}",
            "This ledger is in use." if told["in_use"] else "This ledger is not in use.",
        ]
    )


async def _adopt(settings: Settings) -> str:
    ledger = await wiring.ledger(settings)
    try:
        names = wiring.names(settings)
        session = await Session.open(wiring.broker_address(settings), names, name="roomsync ledger")
        try:
            return (await adopt_seat(session, names, ledger, wiring.clocks())).ledger_id
        finally:
            await session.close()
    finally:
        await ledger.close()
