"""`roomsync simulator`: an Exchange to rehearse with, on this machine."""

import asyncio
import os
import re
import signal
from pathlib import Path
from typing import Annotated

import typer

from adapters.simulator import Simulator
from worker.option_checks import finite
from worker.terminal import say

PORT_MAX = 65535
_LOOPBACK_ONLY = (
    "expected an address of this machine alone, such as 127.0.0.1:8443: who reaches the simulator commands it"
)
DEFAULT_PASSWORD_ENV = "ROOMSYNC_SIMULATOR_PASSWORD"  # noqa: S105 - the name of a variable


def register(cli: typer.Typer) -> None:
    """Add the command to the command line."""
    cli.command("simulator")(simulator)


def _known_access(access: str) -> str:
    if access not in ("impersonation", "delegate"):
        raise typer.BadParameter("expected impersonation or delegate")
    return access


def simulator(  # noqa: PLR0913, PLR0917 - the options of a server
    listen: Annotated[str, typer.Option(help="Loopback address and port.")] = "127.0.0.1:8443",
    domain: Annotated[list[str] | None, typer.Option(help="Domain whose addresses are all rooms; repeatable.")] = None,
    account: Annotated[str, typer.Option(help="The service account.")] = "svc-rooms@acme.example",
    password_env: Annotated[
        str, typer.Option(help="Environment variable that holds the account's password.")
    ] = DEFAULT_PASSWORD_ENV,
    directory: Annotated[
        Path, typer.Option(help="Where the certificate authority is kept, to be named as ca_file.")
    ] = Path("var/simulator"),
    access: Annotated[str, typer.Option(callback=_known_access, help="impersonation or delegate.")] = "impersonation",
    latency_ms: Annotated[float, typer.Option(min=0, callback=finite, help="How long each request takes.")] = 0,
    mailbox_concurrency: Annotated[int, typer.Option(min=1, help="Requests at once that a mailbox bears.")] = 27,
    plain_http: Annotated[bool, typer.Option("--plain-http", help="HTTP without TLS.")] = False,
) -> None:
    """Run the Exchange stand-in until SIGTERM or SIGINT: every address of its domains is a room with an empty calendar.

    Look at it under /simulator/rooms in a browser; /simulator/counts says what it was asked.
    """
    password = os.environ.get(password_env)
    if not password:
        say(f"Set the environment variable {password_env} to a password for {account}.", err=True)
        raise typer.Exit(2)
    host, port = _place(listen)
    try:
        server = Simulator(
            {account: password},
            domains=domain or ["acme.example"],
            access="delegate" if access == "delegate" else "impersonation",
            latency_ms=latency_ms,
            mailbox_concurrency=mailbox_concurrency,
            tls=not plain_http,
            bind=host,
            port=port,
            ca_directory=directory,
        )
    except ValueError:
        raise typer.BadParameter(_LOOPBACK_ONLY, param_hint="--listen") from None
    asyncio.run(_serve(server, tls=not plain_http))


def _place(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > PORT_MAX:
        raise typer.BadParameter("expected host:port, such as 127.0.0.1:8443", param_hint="--listen")
    return host.strip("[]"), int(port)


async def _serve(server: Simulator, *, tls: bool) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        await server.start()
    except OSError as error:
        say(f"Cannot listen: {error.filename or ''} {error.strerror or error}.", err=True)
        raise typer.Exit(1) from None
    say(f'service_url = "{server.url}"')
    say(f'ca_file = "{server.ca_file}"' if tls else "allow_plain_http = true")
    say(f"look at the rooms: {server.control_url}/rooms")
    try:
        await stop.wait()
    finally:
        await server.stop()
