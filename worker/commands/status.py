"""`roomsync status`: queues, lanes and breakers; or everything that is known about a booking."""

import asyncio
import json
import urllib.error
import urllib.request
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from adapters.calendar import BookingId, TenantName
from adapters.ledger import LedgerRow
from consumers.intake.names import Names
from consumers.intake.session import Session
from worker import wiring
from worker.commands.loading import ConfigOption, JsonOption, load, spoken_errors
from worker.settings import HttpSettings, Settings

HTTP_TIMEOUT_S = 3.0


def register(cli: typer.Typer) -> None:
    """Add the command to the command line."""
    cli.command("status")(status)


def status(
    config: ConfigOption = None,
    booking: Annotated[str | None, typer.Option(help="Show what is known about this booking.")] = None,
    tenant: Annotated[str | None, typer.Option(help="With --booking: only of this tenant.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show queues, lanes and breakers; or, with --booking, what the ledger knows about a booking in each room."""
    settings = load(config)
    with spoken_errors():
        if booking is not None:
            told: dict[str, Any] = {"booking": booking, "rooms": asyncio.run(_booking(settings, booking, tenant))}
        else:
            told = {"queues": asyncio.run(_queues(settings)), "worker": _worker(settings.http)}
    if as_json:
        typer.echo(json.dumps(told, indent=2))
    elif booking is not None:
        _show_booking(told)
    else:
        _show_all(told)
    if booking is not None and not told["rooms"]:
        raise typer.Exit(1)


async def _booking(settings: Settings, booking: str, tenant: str | None) -> list[dict[str, Any]]:
    ledger = await wiring.ledger(settings)
    try:
        rows = await ledger.history(TenantName(tenant) if tenant else None, BookingId(booking))
    finally:
        await ledger.close()
    return [_told(row) for row in rows]


def _told(row: LedgerRow) -> dict[str, Any]:
    return {
        "tenant": row.key.tenant,
        "room": row.key.room,
        "state": row.state.value,
        "version": row.version,
        "removed_version": row.removed_version,
        "item_id": row.item.item_id if row.item else None,
        "event_ends_at": row.event_ends_at.isoformat() if row.event_ends_at else None,
        "claimed_version": row.claim.version if row.claim else None,
        "claimed_for_s": round(row.claim.remaining_s, 1) if row.claim else None,
    }


async def _queues(settings: Settings) -> list[dict[str, Any]]:
    names = wiring.names(settings)
    session = await Session.open(wiring.broker_address(settings), names, name="roomsync status")
    try:
        return [await _queue(session, queue) for queue in _all_queues(names, settings.broker.partitions)]
    finally:
        await session.close()


async def _queue(session: Session, queue: str) -> dict[str, Any]:
    depth = await session.depth(queue)
    messages, consumers = depth if depth is not None else (None, None)
    return {"queue": queue, "messages": messages, "consumers": consumers}


def _all_queues(names: Names, partitions: int) -> list[str]:
    return [*(names.partition(number) for number in range(partitions)), *names.all_deferred(), names.failed]


def _worker(http: HttpSettings) -> dict[str, Any] | None:
    """What the worker on this machine says of itself, or None where none answers."""
    try:
        # The address comes from our own configuration, and its scheme from here.
        with urllib.request.urlopen(f"http://{http.bind}/status", timeout=HTTP_TIMEOUT_S) as answer:
            told: dict[str, Any] = json.load(answer)
            return told
    except (OSError, ValueError):
        return None


def _show_booking(told: dict[str, Any]) -> None:
    if not told["rooms"]:
        typer.echo(f"The ledger knows nothing about the booking {told['booking']}.")
        return
    table = Table(title=f"booking {told['booking']}")
    columns = ["tenant", "room", "state", "version", "removed_version", "claimed_version"]
    for column in columns:
        table.add_column(column.replace("_", " "))
    for row in told["rooms"]:
        table.add_row(*("" if row[column] is None else str(row[column]) for column in columns))
    Console().print(table)


def _show_all(told: dict[str, Any]) -> None:
    console = Console()
    queues = Table("queue", "messages", "consumers", title="queues")
    for queue in told["queues"]:
        messages, consumers = queue["messages"], queue["consumers"]
        queues.add_row(queue["queue"], *(["missing", ""] if messages is None else [str(messages), str(consumers)]))
    console.print(queues)
    worker = told["worker"]
    if worker is None:
        typer.echo("No worker answers where [http] bind says.")
        return
    obstacles = "; ".join(worker["obstacles"])
    console.print("The worker is ready." if worker["ready"] else f"The worker is not ready: {obstacles}")
    lanes = Table("tenant", "room", "waiting", "in work", title="lanes")
    for lane in worker["lanes"]:
        lanes.add_row(lane["tenant"], lane["room"], str(lane["waiting"]), str(lane["in_work"]))
    console.print(lanes)
    tenants = Table("tenant", "breaker", "why", "since", "next probe in", "throttled rooms", title="tenants")
    for name, tenant in worker["tenants"].items():
        throttled = ", ".join(f"{room} ({left_s} s)" for room, left_s in tenant["throttled_rooms"].items())
        why, since, probe_in_s = tenant["why"], tenant["since"], tenant["next_probe_in_s"]
        stopped = ["", "", ""] if why is None else [why["message"], since, f"{probe_in_s} s"]
        tenants.add_row(name, tenant["breaker"], *stopped, throttled)
    console.print(tenants)
