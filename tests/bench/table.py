"""The table that a person reads: a line for each figure, a column for each contestant, the ratio to the best rival."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from tests.bench.figures import Figure, Report, Value, times_better

OURS = "roomsync"
FIRST_COLUMN_WIDTH = 60


def show(console: Console, reports: Sequence[Report]) -> None:
    """Print every scenario into one table."""
    names = list(dict.fromkeys(name for report in reports for name in report.contestants()))
    first = Column(max_width=FIRST_COLUMN_WIDTH)
    table = Table(first, *_heads(names), box=box.ROUNDED if console.is_terminal else box.ASCII2, title="bench")
    for report in reports:
        table.add_section()
        table.add_row(f"[bold]{report.scenario}[/]: {escape(report.sentence)}")
        for figure in report.figures:
            table.add_row(*_line(figure, names))
        for sentence in report.unfinished:
            table.add_row(f"[red]{escape(sentence)}[/]")
    console.print(table, highlight=False)


def _heads(names: Sequence[str]) -> list[str]:
    return ["unit", *names, *(["against the best rival"] if len(names) > 1 else []), "promised"]


def _line(figure: Figure, names: Sequence[str]) -> list[str]:
    values = [figure_text(figure.values.get(name)) for name in names]
    ratio = times_better(figure, OURS)
    compared = ["" if ratio is None else f"{ratio:.2g} times"] if len(names) > 1 else []
    return [escape(figure.label), figure.unit, *values, *compared, figure.promised]


def figure_text(value: Value) -> str:
    """Three digits that count; a whole number as it is."""
    if value is None:
        return "-"
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
