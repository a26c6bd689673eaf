"""`roomsync schema`: what may be published and what is reported, for publishers and their tools."""

from dataclasses import asdict
from typing import Annotated

import typer

from consumers.messages.codes import all_codes
from consumers.messages.json_schema import command_schema, result_schema, schema_text
from worker.terminal import say, say_json, table

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
    say(schema_text(command_schema()).removesuffix("\n"))


@app.command()
def result() -> None:
    """Print the JSON Schema of a result event."""
    say(schema_text(result_schema()).removesuffix("\n"))


@app.command()
def codes(as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False) -> None:
    """List every code of results, warnings and failed messages, with what to do about it."""
    if as_json:
        say_json({name: asdict(code) for name, code in all_codes().items()})
        return
    rows = [(name, code.scope, code.sentence, code.advice) for name, code in all_codes().items()]
    table(("code", "scope", "what it means", "what to do"), rows)
