"""`roomsync config check`: every complaint about the configuration at once, before the worker meets it."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from worker.settings import Settings, SettingsComplaint, WrongSettings, find_settings, read_usable_settings
from worker.settings.warnings import warnings_about
from worker.terminal import say, say_json

Complaints = Sequence[SettingsComplaint]

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
    """Check the configuration, its files and the environment variables it names; exit 2 if anything is wrong.

    Warnings are of what works and should not be so.
    """
    path = find_settings(file, os.environ)
    try:
        settings = read_usable_settings(path, os.environ)
    except WrongSettings as wrong:
        _refuse(wrong.complaints, (), as_json=as_json)
    warnings = warnings_about(settings)
    if settings.troubles:
        _refuse(settings.troubles, warnings, as_json=as_json)
    if as_json:
        say_json(_summary(settings) | {"warnings": _members(warnings)})
        return
    say(_lines(settings))
    _warn(warnings)


def _refuse(complaints: Complaints, warnings: Complaints, *, as_json: bool) -> NoReturn:
    if as_json:
        say_json({"ok": False, "complaints": _members(complaints), "warnings": _members(warnings)})
    else:
        say("\n".join(map(str, complaints)), err=True)
        _warn(warnings)
        say(f"{len(complaints)} to mend.", err=True)
    raise typer.Exit(2)


def _warn(warnings: Complaints) -> None:
    for warning in warnings:
        say(f"warning: {warning}", err=True)


def _members(complaints: Complaints) -> list[dict[str, str]]:
    return [{"file": str(c.file), "key": c.key, "message": c.message} for c in complaints]


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
