"""`roomsync publish`: commands from a JSON Lines file, checked as a whole, published with confirms."""

import asyncio
import os
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from aio_pika import DeliveryMode, Message

from adapters.calendar import RoomAddress
from consumers.broker.session import Session
from consumers.failed.export import WrongLine, is_exported, read_line
from consumers.messages.command import parse_command
from consumers.messages.violations import BadMessage
from consumers.tenants import TenantDirectory
from worker import wiring
from worker.commands.loading import ConfigOption, load, spoken_errors
from worker.commands.progress import progress
from worker.files import FileUnusable, bounded_lines, without_byte_order_mark
from worker.option_checks import finite
from worker.settings import Settings
from worker.tenants import TenantRegistry
from worker.terminal import say

UNCONFIRMED_MAX = 256
LINE_MAX_BYTES = 8 * 1024 * 1024
"""More than an export writes of the largest command, each of its characters as an escape of six."""
LINE_GIVE_UP_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Line:
    """A command of the file, with its number."""

    number: int
    body: bytes
    room: RoomAddress


def register(cli: typer.Typer) -> None:
    """Add the command to the command line."""
    cli.command("publish")(publish)


def publish(
    file: Annotated[
        str, typer.Argument(help="JSON Lines, one command a line, or a `failed export`; - is standard input.")
    ],
    config: ConfigOption = None,
    rate: Annotated[float | None, typer.Option(min=0.01, callback=finite, help="Commands a second, at most.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check only; no broker is needed.")] = False,
    skip_invalid: Annotated[bool, typer.Option("--skip-invalid", help="Publish the valid lines of a file.")] = False,
) -> None:
    """Publish booking commands, confirmed by the broker. With an invalid line nothing of the file is published."""
    settings = load(config)
    lines, invalid = _read(_bytes_of(file), TenantRegistry(settings, os.environ))
    if invalid and not skip_invalid:
        say(f"{invalid} invalid lines; nothing was published (--skip-invalid publishes the others).", err=True)
        raise typer.Exit(1)
    if dry_run:
        say(f"{len(lines)} valid commands; nothing was published.")
    else:
        with spoken_errors():
            asyncio.run(_publish(settings, lines, rate))
        say(f"{len(lines)} commands published and confirmed.")
    if invalid:
        raise typer.Exit(1)


def _bytes_of(file: str) -> Iterator[bytes]:
    try:
        with nullcontext(sys.stdin.buffer) if file == "-" else Path(file).open("rb") as opened:
            lines = bounded_lines(opened, max_bytes=LINE_MAX_BYTES, give_up_bytes=LINE_GIVE_UP_BYTES)
            yield from without_byte_order_mark(lines)
    except OSError as error:
        say(f"{file}: {error.strerror}.", err=True)
        raise typer.Exit(2) from None
    except FileUnusable as why:
        say(f"{file}: {why}; nothing was published.", err=True)
        raise typer.Exit(2) from None


def _read(raw: Iterable[bytes], tenants: TenantDirectory) -> tuple[list[Line], int]:
    """The valid commands, and how many lines are invalid; each of those is reported with number and reason."""
    lines: list[Line] = []
    invalid = 0
    for number, text in enumerate(raw, start=1):
        body = text.strip()
        if not body and len(text) <= LINE_MAX_BYTES:
            continue
        try:
            if len(text) > LINE_MAX_BYTES:
                raise WrongLine(f"The line has more than {LINE_MAX_BYTES >> 20} MiB.")
            body = read_line(body).body if is_exported(body) else body
            command = parse_command(body, tenants)
        except (BadMessage, WrongLine) as bad:
            invalid += 1
            say(f"line {number}: {bad}", err=True)
        else:
            lines.append(Line(number, body, command.room))
    return lines, invalid


async def _publish(settings: Settings, lines: list[Line], rate: float | None) -> None:
    session = await Session.open(wiring.broker_address(settings), wiring.names(settings), name="roomsync publish")
    try:
        with progress("publishing", len(lines)) as advance:
            await _send_all(session, lines, rate, advance)
    finally:
        await session.close()


async def _send_all(session: Session, lines: list[Line], rate: float | None, advance: Callable[[], None]) -> None:
    """In the order of the file; a window of unconfirmed messages keeps the broker busy and memory small."""
    loop = asyncio.get_running_loop()
    window = asyncio.Semaphore(UNCONFIRMED_MAX)
    started_s = loop.time()

    async def send(line: Line) -> None:
        try:
            await session.to_commands(_message(line), line.room)
        finally:
            window.release()
        advance()

    async with asyncio.TaskGroup() as sending:
        for index, line in enumerate(lines):
            if rate is not None:
                await asyncio.sleep(max(0.0, started_s + index / rate - loop.time()))
            await window.acquire()
            sending.create_task(send(line))


def _message(line: Line) -> Message:
    return Message(
        line.body,
        content_type="application/json",
        delivery_mode=DeliveryMode.PERSISTENT,
        message_id=str(uuid.uuid4()),
    )
