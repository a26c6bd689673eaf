"""What a person sees: colours, pauses and tables on a terminal, plain lines elsewhere."""

import asyncio
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from zoneinfo import ZoneInfo

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from adapters.simulator import Counters, SimEvent
from consumers.messages.result import Outcome, ResultEvent
from worker.demo.check import Finding
from worker.demo.story import ACTS, ROOMS, TENANT, Act, Room

PAUSE_S = 4.0
"""For whoever reads along; nobody does where there is no terminal."""

_COLOURS = {"synced": "green", "removed": "magenta", "superseded": "yellow", "failed": "red", "delayed": "cyan"}
_NAMES = {room.address: room.name for room in ROOMS}
_REMARKS: dict[tuple[str | None, str | None, int | None], str] = {
    (command.meeting.booking_id, command.meeting.room.address, command.version): command.remark
    for act in ACTS
    for command in act.commands
}


class DemoConsole(Console):
    """A console whose reader may leave (`roomsync demo | head`): the story goes on unseen and clears up in order."""

    def on_broken_pipe(self) -> None:
        """Print nothing more, not even what Python still holds back at its end."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Show:
    """Prints the demo."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def opening(self) -> None:
        """Say what there will be to see."""
        self._line("[bold]Bookings on their way into room calendars[/]")
        self._line("SpaceIQ publishes bookings to RabbitMQ, roomsync writes them into the rooms' Exchange calendars")
        self._line("and reports what became of each: one line below, with the time it took.\n")

    def note(self, sentence: str) -> None:
        """Say something about the stage."""
        self._line(f"[dim]{escape(sentence)}[/]")

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Show that something takes its time."""
        if self._console.is_terminal:
            with self._console.status(f"{what} ..."):
                yield
        else:
            self._line(f"{what} ...")
            yield

    async def pause(self) -> None:
        """Let the reader follow."""
        if self._console.is_terminal:
            await asyncio.sleep(PAUSE_S)

    def act(self, act: Act) -> None:
        """Begin an act."""
        self._line(f"\n[bold cyan]{act.clock}[/] [bold]{escape(act.sentence)}[/]")

    def then(self, sentence: str) -> None:
        """Say what came of it."""
        self._line(f"      [italic]{escape(sentence)}[/]")

    def result(self, result: ResultEvent) -> None:
        """A result event, as it arrives."""
        room = _NAMES.get(result.room or "", str(result.room))
        what = f"{result.booking_id} version {result.version} in the {room}"
        why = " (it moved away)" if result.derived else ""
        colour = _COLOURS[result.outcome]
        self._line(f"      [{colour}]{result.outcome:<10}[/] {escape(what)}{why}, {result.took_ms} ms")
        remark = _REMARKS.get((result.booking_id, result.room, result.version))
        if remark and result.outcome is Outcome.SYNCED:
            self.then(remark)

    def calendar(self, room: Room, events: Sequence[SimEvent]) -> None:
        """A room's calendar as a table, by the clock on its wall."""
        table = self._table("time", "subject", "booking", "version")
        for event in events:
            times = f"{_clock(event.start, room)}-{_clock(event.end, room)}"
            table.add_row(times, escape(event.subject), _booking(event), event.version or "")
        self._titled(f"{room.name} ({room.zone})", table)

    def counts(self, counts: Counters, outcomes: Mapping[str, int]) -> None:
        """What Exchange was asked, and what SpaceIQ was told."""
        asked = self._table("request", "times", "items written")
        for operation, times in sorted(counts.requests.items()):
            asked.add_row(operation, str(times), str(counts.applied[operation]))
        self._titled("what Exchange was asked", asked)
        told = self._table("outcome", "times")
        for outcome, times in sorted(outcomes.items()):
            told.add_row(outcome, str(times))
        self._titled("what SpaceIQ was told", told)

    def findings(self, findings: Sequence[Finding], day: date) -> None:
        """The check, claim by claim."""
        self._line(f"\n[bold]Is everything exactly right on {day.isoformat()}?[/]")
        for finding in findings:
            word = "[green]yes  [/]" if finding.holds else "[bold red]WRONG[/]"
            self._line(f"  {word} {escape(finding.claim)}")
            for complaint in finding.complaints:
                self._line(f"          {escape(complaint)}")

    def verdict(self, *, is_right: bool, took_s: float) -> None:
        """The last line."""
        word = "[bold green]Everything is exactly right[/]" if is_right else "[bold red]Something is wrong[/]"
        self._line(f"\n{word} (after {took_s:.0f} s).")

    def _line(self, text: str) -> None:
        # Off a terminal a line is a line, however long it is.
        self._console.print(text, highlight=False, soft_wrap=not self._console.is_terminal)

    def _table(self, *columns: str) -> Table:
        return Table(*columns, box=box.ROUNDED if self._console.is_terminal else box.ASCII2)

    def _titled(self, title: str, table: Table) -> None:
        self._line(f"\n[bold]{escape(title)}[/]")
        self._console.print(table, highlight=False)


def _clock(instant: datetime, room: Room) -> str:
    return instant.astimezone(ZoneInfo(room.zone)).strftime("%H:%M")


def _booking(event: SimEvent) -> str:
    return escape((event.booking or "").removeprefix(f"{TENANT}/"))
