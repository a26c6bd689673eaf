"""`roomsync config check`: every complaint about the configuration at once, before the worker meets it."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from worker.settings import Settings, WrongSettings, find_settings, read_settings

app = typer.Typer(help="Look at the configuration.", no_args_is_help=True)


def register(cli: typer.Typer) -> None:
    """Add the command to the command line."""
    cli.add_typer(app, name="config")


@app.callback()
def config() -> None:
    """Look at the configuration."""


@app.command()
def check(
    file: Annotated[Path | None, typer.Option("--config", help="Configuration file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Check the configuration, its files and the environment variables it names; exit 2 if anything is wrong."""
    path = find_settings(file, os.environ)
    try:
        settings = read_settings(path, os.environ)
    except WrongSettings as wrong:
        _refuse(wrong, as_json=as_json)
        raise typer.Exit(2) from None
    typer.echo(json.dumps(_summary(settings), indent=2) if as_json else _lines(settings))


def _refuse(wrong: WrongSettings, *, as_json: bool) -> None:
    if as_json:
        complaints = [{"file": str(c.file), "key": c.key, "message": c.message} for c in wrong.complaints]
        typer.echo(json.dumps({"ok": False, "complaints": complaints}, indent=2))
        return
    typer.echo(str(wrong), err=True)
    typer.echo(f"{len(wrong.complaints)} to mend.", err=True)


def _summary(settings: Settings) -> dict[str, object]:
    tenants = [
        {
            "name": tenant.name,
            "backend": tenant.backend,
            "service_url": tenant.url,
            "auth": tenant.auth.kind,
            "domains": tenant.domains,
        }
        for tenant in settings.tenants
    ]
    return {"ok": True, "file": str(settings.file), "tenants": tenants}


def _lines(settings: Settings) -> str:
    tenants = [
        f"  {tenant.name}: {tenant.backend}, {tenant.auth.kind}, {tenant.url}, rooms of {', '.join(tenant.domains)}"
        for tenant in settings.tenants
    ]
    return "\n".join([f"{settings.file} is fine. Tenants: {len(tenants)}", *tenants])
