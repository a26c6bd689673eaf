"""Options that the commands of `roomsync failed` share, and how their texts are read."""

import getpass
import re
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from consumers.failed.correction import Correction, WrongCorrection
from consumers.failed.message import ID_DIGITS
from consumers.failed.selection import ID_PREFIX_MIN, Selection
from consumers.messages.codes import all_codes
from worker.option_checks import finite
from worker.terminal import visible

WAIT_SEAT_S = 60.0
RATE = 4.0
WAIT_S = 600.0
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

Ids = Annotated[list[str] | None, typer.Argument(help="Ids of messages, or beginnings of them; none: all that match.")]
TenantOption = Annotated[str | None, typer.Option(help="Only this tenant's.")]
RoomOption = Annotated[str | None, typer.Option(help="Only this room's.")]
BookingOption = Annotated[str | None, typer.Option(help="Only this booking's.")]
CodeOption = Annotated[str | None, typer.Option(help="Only those that failed with this code.")]
SinceOption = Annotated[
    str | None, typer.Option(help="Only those that failed since then: 2026-11-20T08:00Z, or 30m, 12h, 7d ago.")
]
UntilOption = Annotated[str | None, typer.Option(help="Only those that failed before then, given like --since.")]
LimitOption = Annotated[int | None, typer.Option(min=1, help="Only so many, the oldest failures first.")]
SeatOption = Annotated[
    float,
    typer.Option(
        "--wait-seat", min=0, callback=finite, help="Seconds to wait while another operator has the queue in hand."
    ),
]
OperatorOption = Annotated[str | None, typer.Option(help="Who acts, for the audit; else the user and this machine.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
PersonalOption = Annotated[bool, typer.Option("--personal", help="Show subjects, texts and people too.")]
FromOption = Annotated[
    Path | None, typer.Option("--from", help="Replay an exported file; the failed queue is not touched.")
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="Correct a member: event.MEMBER=VALUE, as JSON or as text.")
]
RateOption = Annotated[float, typer.Option(min=0.01, callback=finite, help="Messages a second, at most.")]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Also what would be refused again, or is too old for the ledger.")
]
WaitOption = Annotated[bool, typer.Option("--wait", help="Follow the results: exit 1 where one fails again.")]
WaitWithinOption = Annotated[
    float, typer.Option(min=1, callback=finite, help="With --wait: seconds without news to give up after.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")]


def selection_of(  # noqa: PLR0913, PLR0917 - the options of a command
    ids: list[str] | None,
    tenant: str | None,
    room: str | None,
    booking: str | None,
    code: str | None,
    since: str | None,
    until: str | None,
    limit: int | None,
) -> Selection:
    """The selection that was given. Raises `typer.BadParameter`, which ends with exit code 2."""
    if code is not None and code not in all_codes():
        raise typer.BadParameter(f"{visible(code)} is no code; `roomsync schema codes` lists them", param_hint="--code")
    return Selection(
        ids=tuple(_id_of(text) for text in ids or ()),
        tenant=tenant,
        room=None if room is None else room.lower(),
        booking_id=booking,
        code=code,
        since=None if since is None else _instant_of(since, "--since"),
        until=None if until is None else _instant_of(until, "--until"),
        limit=limit,
    )


def corrections_of(texts: list[str] | None) -> list[Correction]:
    """What `--set` says. Raises `typer.BadParameter`."""
    try:
        return [Correction.read(text) for text in texts or ()]
    except WrongCorrection as wrong:
        raise typer.BadParameter(visible(wrong), param_hint="--set") from None


def operator_of(given: str | None) -> str:
    """Who acts: as given, else the user of the operating system on this machine."""
    if given:
        return given
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (OSError, KeyError):  # a container's user may have no name
        return f"unknown@{socket.gethostname()}"


def _id_of(text: str) -> str:
    given = text.lower()
    if not re.fullmatch(rf"[0-9a-f]{{{ID_PREFIX_MIN},{ID_DIGITS}}}", given):
        raise typer.BadParameter(
            f"{visible(text)}: an id has {ID_DIGITS} hexadecimal digits; give {ID_PREFIX_MIN} or more"
        )
    return given


def _instant_of(text: str, option: str) -> datetime:
    ago = re.fullmatch(r"([0-9]{1,6})([smhd])", text)
    try:
        if ago:
            return datetime.now(UTC) - timedelta(seconds=int(ago[1]) * _UNITS_S[ago[2]])
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is not None:
            return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter("expected 2026-11-20T08:00Z, or 30m, 12h, 7d", param_hint=option) from None
    raise typer.BadParameter("the time needs an offset: Z or +01:00", param_hint=option)
