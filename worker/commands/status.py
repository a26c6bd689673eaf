"""`roomsync status`: queues, lanes and breakers; or everything that is known about a booking."""

import asyncio
from typing import Annotated, Any

import typer

from adapters.calendar import BookingId, TenantName
from consumers.broker.queue_names import QueueNames
from consumers.broker.session import Session
from worker import wiring
from worker.commands.loading import ConfigOption, JsonOption, load, spoken_errors
from worker.settings import Settings
from worker.story import show
from worker.story.booking import booking_story, worker_status
from worker.terminal import say, say_json, table


def register(cli: typer.Typer) -> None:
    """Add the command to the command line."""
    cli.command("status")(status)


def status(
    config: ConfigOption = None,
    booking: Annotated[str | None, typer.Option(help="Tell this booking's story.")] = None,
    tenant: Annotated[str | None, typer.Option(help="With --booking: only of this tenant.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show queues, lanes and breakers; or, with --booking, why its room is free or booked, and all that befell it."""
    settings = load(config)
    with spoken_errors():
        if booking is not None:
            _tell_booking(settings, TenantName(tenant) if tenant else None, BookingId(booking), as_json=as_json)
            return
        told = {"queues": asyncio.run(_queues(settings)), "worker": worker_status(settings.http)}
    if as_json:
        say_json(told)
    else:
        show_all(told)


def _tell_booking(settings: Settings, tenant: TenantName | None, booking: BookingId, *, as_json: bool) -> None:
    story = asyncio.run(booking_story(settings, tenant, booking))
    say_json(show.as_json(story)) if as_json else say("\n".join(show.as_lines(story)))
    if not story.rooms:
        raise typer.Exit(1)


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


def _all_queues(names: QueueNames, partitions: int) -> list[str]:
    return [*(names.partition(number) for number in range(partitions)), *names.all_deferred(), names.failed]


def show_all(told: dict[str, Any]) -> None:
    """Queues, and what the worker on this machine says of itself."""
    table(("queue", "messages", "consumers"), [_queue_row(queue) for queue in told["queues"]], title="queues")
    worker = told["worker"]
    if worker is None:
        say("No worker answers where [http] bind says.")
        return
    obstacles = "; ".join(worker["obstacles"])
    say("The worker is ready." if worker["ready"] else f"The worker is not ready: {obstacles}")
    lanes = [(lane["tenant"], lane["room"], lane["waiting"], lane["in_work"]) for lane in worker["lanes"]]
    table(("tenant", "room", "waiting", "in work"), lanes, title="lanes", caption=_left_out(worker, "lanes"))
    for name, why in worker.get("misconfigured_tenants", {}).items():
        say(f"The settings of the tenant {name} cannot be used: {why}")
    columns = ("tenant", "breaker", "why", "since", "next probe in", "requests", "throttled rooms")
    tenants = [_tenant_row(name, tenant) for name, tenant in worker["tenants"].items()]
    table(columns, tenants, title="tenants", caption=_left_out(worker, "tenants"))


def _queue_row(queue: dict[str, Any]) -> tuple[object, ...]:
    return queue["queue"], *(("missing",) if queue["messages"] is None else (queue["messages"], queue["consumers"]))


def _tenant_row(name: str, tenant: dict[str, Any]) -> tuple[object, ...]:
    throttled = [f"{room} ({left_s} s)" for room, left_s in tenant["throttled_rooms"].items()]
    if more := _left_out(tenant, "throttled_rooms"):
        throttled.append(more)
    why, since, probe_in_s = tenant["why"], tenant["since"], tenant["next_probe_in_s"]
    stopped = ("", "", "") if why is None else (why["message"], since, f"{probe_in_s} s")
    requests = "{in_flight} of {limit}".format_map(tenant["requests"])
    return name, tenant["breaker"], *stopped, requests, ", ".join(throttled)


def _left_out(told: dict[str, Any], what: str) -> str | None:
    """How many of them the worker did not name."""
    count = told.get(f"{what}_left_out", 0)
    return f"and {count:,} more" if count else None
