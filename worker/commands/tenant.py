"""`roomsync tenant`: which tenants are stopped and why, and asking again at once when the cause is mended."""

import asyncio
from typing import Annotated, Any

import typer

from adapters.calendar import TenantName
from adapters.errors import CODES
from adapters.ledger import BreakerRow
from worker import wiring
from worker.commands.loading import ConfigOption, JsonOption, load, spoken_errors
from worker.settings import Settings
from worker.terminal import say, say_json, table

app = typer.Typer(help="Tenants and their breakers.", no_args_is_help=True)


def register(cli: typer.Typer) -> None:
    """Add the commands to the command line."""
    cli.add_typer(app, name="tenant")


@app.command("list")
def list_tenants(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the tenants, and why a stopped one is stopped, for all workers on this ledger. Exit 1 where one is."""
    settings = load(config)
    with spoken_errors():
        rows = asyncio.run(_open_breakers(settings))
    configured = {tenant.name for tenant in settings.tenants}
    unusable = _unusable(settings)
    names = sorted(configured | rows.keys() | unusable.keys())
    told = [_told(name, rows.get(name), unusable.get(name)) for name in names]
    if as_json:
        say_json(told)
    else:
        _show(told)
    if rows:
        raise typer.Exit(1)


@app.command()
def retry(
    name: Annotated[str, typer.Argument(help="The tenant's name, as it is configured.")], config: ConfigOption = None
) -> None:
    """Let the next command of a stopped tenant ask its Exchange, whenever the next probe would have been due."""
    settings = load(config)
    with spoken_errors():
        was_open = asyncio.run(_hasten(settings, name))
    if was_open:
        say(
            f"The next command of {name} asks Exchange again, and if that works all go on. Commands that were sent "
            "away come back within five minutes; a new one is taken at once."
        )
    elif name in (unusable := _unusable(settings)):
        say(f"The settings of {name} cannot be used: {unusable[name]}", err=True)
        raise typer.Exit(2)
    elif name in {tenant.name for tenant in settings.tenants}:
        say(f"{name} is not stopped.")
    else:
        say(f"There is no tenant {name}.", err=True)
        raise typer.Exit(2)


def _unusable(settings: Settings) -> dict[str, str]:
    """Why settings cannot be used, by the tenant's name or that of its file."""
    return {reading.label: "; ".join(map(str, reading.troubles)) for reading in settings.unusable}


async def _open_breakers(settings: Settings) -> dict[str, BreakerRow]:
    ledger = await wiring.ledger(settings)
    try:
        return {row.tenant: row for row in await ledger.open_breakers()}
    finally:
        await ledger.close()


async def _hasten(settings: Settings, name: str) -> bool:
    ledger = await wiring.ledger(settings)
    try:
        return await ledger.hasten_probe(TenantName(name))
    finally:
        await ledger.close()


def _told(name: str, row: BreakerRow | None, unusable: str | None) -> dict[str, Any]:
    misconfigured = {} if unusable is None else {"misconfigured": unusable}
    if row is None:
        return {"tenant": name, "breaker": "closed"} | misconfigured
    known = CODES.get(row.code)
    return misconfigured | {
        "tenant": name,
        "breaker": "open",
        "code": row.code,
        "detail": row.detail,
        "message": known.sentence if known else None,
        "advice": known.advice if known else None,
        "open_for_s": round(row.open_for_s),
        "probes": row.probes,
        "next_probe_in_s": round(max(0.0, row.next_probe_in_s)),
    }


def _show(told: list[dict[str, Any]]) -> None:
    rows: list[tuple[str, ...]] = []
    for tenant in told:
        if tenant["breaker"] == "closed":
            waits = "misconfigured" in tenant
            rows.append((tenant["tenant"], *(("waits", tenant["misconfigured"]) if waits else ("closed",))))
            continue
        why = " ".join(text for text in (tenant["message"], tenant["detail"] and f"[{tenant['detail']}]") if text)
        open_for, next_in = f"{tenant['open_for_s']} s", f"{tenant['next_probe_in_s']} s"
        rows.append((tenant["tenant"], "open", f"{why} {tenant['advice'] or ''}".strip(), open_for, next_in))
    table(("tenant", "breaker", "why", "open for", "next probe in"), rows)
