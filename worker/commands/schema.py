"""`roomsync schema`: what may be published and what is reported, for publishers and their tools."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from consumers.bookings.codes import all_codes
from consumers.bookings.json_schema import command_schema, result_schema, schema_text

app = typer.Typer(help="Print the JSON Schema of a command (default), of a result event, or every code.")


def register(cli: typer.Typer) -> None:
    """Add the command to the command line."""
    cli.add_typer(app, name="schema")


@app.callback(invoke_without_command=True)
def schema(context: typer.Context) -> None:
    """Print the JSON Schema of a command (default), of a result event, or every code."""
    if context.invoked_subcommand is None:
        command()


@app.command()
def command() -> None:
    """Print the JSON Schema of a booking command."""
    typer.echo(schema_text(command_schema()), nl=False)


@app.command()
def result() -> None:
    """Print the JSON Schema of a result event."""
    typer.echo(schema_text(result_schema()), nl=False)


@app.command()
def codes(as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False) -> None:
    """List every code of results, warnings and failed messages, with what to do about it."""
    if as_json:
        typer.echo(json.dumps({name: asdict(code) for name, code in all_codes().items()}, indent=2))
        return
    table = Table("code", "scope", "what it means", "what to do")
    for name, code in all_codes().items():
        table.add_row(name, code.scope, code.sentence, code.advice)
    Console().print(table)
