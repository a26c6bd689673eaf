"""`roomsync reconcile`: compare calendars with the ledger, and have what differs mended."""

import asyncio
import os
import sys
from collections.abc import Sequence
from functools import partial
from typing import Annotated

import typer

from adapters.calendar import RoomAddress, TenantName
from consumers.reconcile.report import RoomReport, beyond_share
from worker.commands.loading import ConfigOption, JsonOption, load, spoken_errors
from worker.commands.progress import progress
from worker.option_checks import finite
from worker.reconcile import show
from worker.reconcile.rooms import Choice, Mending, compare_rooms, mend_rooms
from worker.settings import Settings
from worker.tenants import TenantRegistry
from worker.terminal import say, say_json

SHARE_PERCENT = 20.0


def register(cli: typer.Typer) -> None:
    """Add the command to the command line."""
    cli.command("reconcile")(reconcile)


def reconcile(  # noqa: PLR0913, PLR0917 - the options of a command
    config: ConfigOption = None,
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's rooms.")] = None,
    room: Annotated[str | None, typer.Option(help="Only this room.")] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Ask the workers to mend what differs.")] = False,
    share: Annotated[
        float,
        typer.Option(
            min=0, max=100, callback=finite, help="Percent of a room's bookings that a repair may touch unasked."
        ),
    ] = SHARE_PERCENT,
    yes: Annotated[bool, typer.Option("--yes", help="Repair more than that share, without asking.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Compare rooms with the ledger: events that are missing, edited, outdated, copied or unknown.

    With --repair they are mended by the workers, through the queues. Events without our mark are never touched; HTML
    texts are not compared, Exchange rewrites them. Exit 1 where something differs and is not mended.
    """
    settings = load(config)
    choice = _choice(settings, tenant, room)
    with spoken_errors():
        comparison = asyncio.run(compare_rooms(settings, choice, partial(progress, "comparing rooms")))
    reports = comparison.reports
    for name, address in comparison.left_out:
        say(f"{name} {address}: left out, its tenant is not configured or not served by this version.", err=True)
    if not as_json:
        show.show(reports)
    mending = _repair(settings, reports, share, yes=yes, as_json=as_json) if repair else None
    if as_json:
        say_json(show.as_json(reports, mending))
    elif mending is not None:
        say(show.mended(mending))
    if not _is_well(reports, mending):
        raise typer.Exit(1)


def _choice(settings: Settings, tenant: str | None, room: str | None) -> Choice:
    registry = TenantRegistry(settings, os.environ)
    if tenant is not None and registry.settings(tenant) is None:
        known = registry.troubles().get(tenant)
        say(known.why if known else f"No tenant {tenant} is configured.", err=True)
        raise typer.Exit(2)
    address = None if room is None else RoomAddress(room.lower())
    tenants = [each for each in registry.tenants() if tenant in (None, each.name)]
    if address is not None and not any(address.rpartition("@")[2] in each.domains for each in tenants):
        say(f"No tenant has the domain of {address}.", err=True)
        raise typer.Exit(2)
    return Choice(tenant=None if tenant is None else TenantName(tenant), room=address)


def _repair(
    settings: Settings, reports: Sequence[RoomReport], percent: float, *, yes: bool, as_json: bool
) -> Mending | None:
    """Ask for the repair; None where it was refused or there is nothing to ask for."""
    beyond = [] if yes else beyond_share(reports, percent)
    if beyond:
        say(show.refusal(beyond, percent), err=True)
        may_ask = sys.stdin.isatty() and not as_json
        if not (may_ask and typer.confirm("Something larger may be wrong. Repair all the same?", err=True)):
            say("Nothing was asked for: --yes repairs all the same, --share sets another share.", err=True)
            return None
    if not any(report.mendable for report in reports):
        return None
    with spoken_errors():
        return asyncio.run(mend_rooms(settings, reports))


def _is_well(reports: Sequence[RoomReport], mending: Mending | None) -> bool:
    """Whether nothing differs, or all of it is being mended."""
    if any(report.error is not None for report in reports):
        return False
    if mending is None:
        return not any(report.findings for report in reports)
    is_all = all(finding.is_mendable for report in reports for finding in report.findings)
    return is_all and not any(asked.postponed for asked in mending.asked)
