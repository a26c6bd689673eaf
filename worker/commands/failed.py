"""`roomsync failed`: the messages that need a person: seen, understood, replayed with proof, discarded, exported."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from consumers.failed.operator_lock import SeatTaken
from consumers.failed.planning import ReplayPlan, TooMuchAtOnce
from consumers.failed.selection import GroupBy, NotOneMessage
from worker.commands.loading import ConfigOption, JsonOption, load, spoken_errors
from worker.commands.progress import progress
from worker.failed import acting, looking, reading, show, show_one, show_plan
from worker.failed.options import (
    RATE,
    WAIT_S,
    WAIT_SEAT_S,
    BookingOption,
    CodeOption,
    DryRunOption,
    ForceOption,
    FromOption,
    Ids,
    LimitOption,
    OperatorOption,
    PersonalOption,
    RateOption,
    RoomOption,
    SeatOption,
    SetOption,
    SinceOption,
    TenantOption,
    UntilOption,
    WaitOption,
    WaitWithinOption,
    YesOption,
    corrections_of,
    operator_of,
    selection_of,
)
from worker.settings import Settings
from worker.terminal import say, say_json

AUDIT_SHOWN = 50
AUDIT_MAX = 100_000

app = typer.Typer(help="Messages that need a person.", no_args_is_help=True)


def register(cli: typer.Typer) -> None:
    """Add the commands to the command line."""
    cli.add_typer(app, name="failed")


@app.command("list")
def list_messages(  # noqa: PLR0913, PLR0917 - the options of a command
    config: ConfigOption = None,
    tenant: TenantOption = None,
    room: RoomOption = None,
    booking: BookingOption = None,
    code: CodeOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: LimitOption = None,
    group_by: Annotated[GroupBy | None, typer.Option("--group-by", help="Count them instead.")] = None,
    wait_seat: SeatOption = WAIT_SEAT_S,
    as_json: JsonOption = False,
) -> None:
    """List failed messages, the oldest failure first, or count them. They stay where they are."""
    selection = selection_of(None, tenant, room, booking, code, since, until, limit)
    settings = load(config)
    with _spoken():
        if group_by is not None:
            groups = asyncio.run(looking.list_groups(settings, selection, group_by, patience_s=wait_seat))
            _tell(show.groups_json(groups, group_by)) if as_json else show.show_groups(groups, group_by)
        else:
            listing = asyncio.run(looking.list_messages(settings, selection, patience_s=wait_seat))
            show.tell_listing(listing) if as_json else show.show_listing(listing)


@app.command("show")
def show_message(
    message: Annotated[str, typer.Argument(help="The message's id, or its beginning.")],
    config: ConfigOption = None,
    personal: PersonalOption = False,
    wait_seat: SeatOption = WAIT_SEAT_S,
    as_json: JsonOption = False,
) -> None:
    """Show one failed message: what it asks for, why it failed, what to do, what the ledger knows now."""
    selection = selection_of([message], None, None, None, None, None, None, None)
    settings = load(config)
    with _spoken():
        found = asyncio.run(looking.look_up(settings, selection, patience_s=wait_seat))
    if as_json:
        _tell(show_one.one_json(found, personal=personal))
    else:
        show_one.show_one(found, personal=personal)


@app.command()
def replay(  # noqa: PLR0913, PLR0917 - the options of a command
    messages: Ids = None,
    config: ConfigOption = None,
    tenant: TenantOption = None,
    room: RoomOption = None,
    booking: BookingOption = None,
    code: CodeOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: LimitOption = None,
    from_file: FromOption = None,
    corrections: SetOption = None,
    rate: RateOption = RATE,
    force: ForceOption = False,
    wait: WaitOption = False,
    wait_within: WaitWithinOption = WAIT_S,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    operator: OperatorOption = None,
    wait_seat: SeatOption = WAIT_SEAT_S,
    as_json: JsonOption = False,
) -> None:
    """Publish failed messages again, at a pace that live traffic does not feel; first what will become of each.

    What would be refused again stays in the queue. Interrupted at any moment nothing is lost: what was not confirmed
    yet stays, and what was published twice changes nothing.
    """
    selection = selection_of(messages, tenant, room, booking, code, since, until, limit)
    with _spoken():
        wish = acting.Wish(
            selection=selection,
            operator=operator_of(operator),
            patience_s=wait_seat,
            from_file=None if from_file is None else reading.read_export(from_file),
            corrections=corrections_of(corrections),
            force=force,
            rate=rate,
            wait_s=wait_within if wait else None,
        )
        _replay(load(config), wish, dry_run=dry_run, yes=yes, as_json=as_json)


def _replay(settings: Settings, wish: acting.Wish, *, dry_run: bool, yes: bool, as_json: bool) -> None:
    plan = asyncio.run(acting.plan_replay(settings, wish))
    if not as_json:
        show_plan.show_plan(plan, wish.rate, whole=dry_run)
    ended = None
    if plan.planned and not dry_run and _agreed(plan, yes=yes, as_json=as_json):
        ended = asyncio.run(acting.replay(settings, wish, plan, partial(progress, "replaying")))
    if as_json:
        _tell({"plan": show_plan.plan_json(plan, wish.rate), "replay": ended and show_plan.ended_json(ended)})
    elif ended is not None:
        show_plan.show_ended(ended, "published again")
    if not dry_run and (plan.left or (plan.planned and not (ended and show_plan.is_well(ended)))):
        raise typer.Exit(1)


@app.command()
def discard(  # noqa: PLR0913, PLR0917 - the options of a command
    reason: Annotated[str, typer.Option(help="Why, for the audit.")],
    messages: Ids = None,
    config: ConfigOption = None,
    tenant: TenantOption = None,
    room: RoomOption = None,
    booking: BookingOption = None,
    code: CodeOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: LimitOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    operator: OperatorOption = None,
    wait_seat: SeatOption = WAIT_SEAT_S,
) -> None:
    """Drop failed messages for good. `failed export` first keeps what they hold; the audit keeps which they were."""
    if not reason.strip():
        raise typer.BadParameter("say why, in a word", param_hint="--reason")
    settings = load(config)
    selection = selection_of(messages, tenant, room, booking, code, since, until, limit)
    wish = acting.Wish(selection=selection, operator=operator_of(operator), patience_s=wait_seat)
    with _spoken():
        seen = asyncio.run(acting.find(settings, wish))
        count = sum(each.count for each in seen)
        say(f"{show.counted(count, 'message')} selected: {selection.words()}.")
        if dry_run or not seen:
            return
        if not yes and not _asked(f"Discard {show.counted(count, 'message')} for good?"):
            raise typer.Exit(1)
        ended = asyncio.run(acting.discard(settings, wish, seen, reason, partial(progress, "discarding")))
    show_plan.show_ended(ended, "discarded")
    if not show_plan.is_well(ended):
        raise typer.Exit(1)


@app.command()
def export(  # noqa: PLR0913, PLR0917 - the options of a command
    file: Annotated[Path, typer.Argument(help="A new file; it will hold subjects and people.")],
    config: ConfigOption = None,
    tenant: TenantOption = None,
    room: RoomOption = None,
    booking: BookingOption = None,
    code: CodeOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: LimitOption = None,
    wait_seat: SeatOption = WAIT_SEAT_S,
) -> None:
    """Write failed messages into a file that `publish` and `failed replay --from` take back. They stay in the queue."""
    selection = selection_of(None, tenant, room, booking, code, since, until, limit)
    settings = load(config)
    with _spoken():
        try:
            count = asyncio.run(looking.export(settings, selection, file, patience_s=wait_seat))
        except OSError as error:
            if isinstance(error, ConnectionError):
                raise
            say(f"{file}: {error.strerror}.", err=True)
            raise typer.Exit(1) from None
    say(f"{show.counted(count, 'message')} written to {file}.")


@app.command()
def audit(
    record: Annotated[str | None, typer.Argument(help="Show this record with its messages.")] = None,
    config: ConfigOption = None,
    limit: Annotated[int, typer.Option(min=1, help="The latest so many.")] = AUDIT_SHOWN,
    personal: PersonalOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show who replayed, corrected and discarded what, and when; the newest first."""
    settings = load(config)
    with _spoken():
        if record is not None:
            found = asyncio.run(reading.audit_record(settings, record, limit=AUDIT_MAX))
            if found is None:
                say(f"There is no audit record {record}.", err=True)
                raise typer.Exit(1)
            tell = show_plan.audit_json(*found, personal=personal)
            _tell(tell) if as_json else show_plan.show_audit(*found, personal=personal)
            return
        records = asyncio.run(reading.audit_records(settings, limit=limit))
    if as_json:
        _tell([show_plan.audit_json(each, [], personal=personal) for each in records])
    else:
        show_plan.show_records(records)


def _agreed(plan: ReplayPlan, *, yes: bool, as_json: bool) -> bool:
    if yes:
        return True
    if as_json:
        say("Nothing was published: --json asks no questions, --yes answers them.", err=True)
        return False
    return _asked(f"Publish {show.counted(plan.message_count, 'message')} again?")


def _asked(question: str) -> bool:
    if not sys.stdin.isatty():
        say("Nothing was done: --yes does it without asking.", err=True)
        return False
    return typer.confirm(question, err=True)


def _tell(told: object) -> None:
    say_json(told)


@contextmanager
def _spoken() -> Iterator[None]:
    """Ends with exit code 1 and a sentence on what an operator can meet here."""
    with spoken_errors():
        try:
            yield
        except (NotOneMessage, SeatTaken, TooMuchAtOnce, reading.WrongFile) as told:
            say(str(told), err=True)
            raise typer.Exit(1) from None
