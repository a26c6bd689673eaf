"""How the bench tells what it found: the table, the file, and the picture that may be missing."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from tests.bench.figures import Figure, Report
from tests.bench.load import Load
from tests.bench.record import record, write_record
from tests.bench.roomsync import Roomsync
from tests.bench.scenarios.drain import Cost
from tests.bench.scenarios.growth import sizes_of
from tests.bench.scenarios.other_tree import figures_of
from tests.bench.table import figure_text, show

DRAIN = Report(
    scenario="drain",
    sentence="much waits",
    figures=[
        Figure("rate", "events/s", {"roomsync": 812.4, "Celery": 130.0}, better="more", promised="5 times"),
        Figure("lost", "events", {"roomsync": 0, "Celery": None}),
    ],
    unfinished=["Celery did not finish: it wrote 1 of 2."],
)


def test_the_table_holds_each_figure_beside_its_rivals_ratio_and_promise() -> None:
    lines = table_of([DRAIN])

    assert cells(lines, "rate") == ["rate", "events/s", "812", "130", "6.2 times", "5 times"]
    assert cells(lines, "lost") == ["lost", "events", "0", "-", "", ""]
    assert any("drain: much waits" in line for line in lines)
    assert any("Celery did not finish" in line for line in lines)


def test_alone_there_is_no_column_for_a_ratio() -> None:
    alone = Report(
        scenario="drain", sentence="", figures=[Figure("rate", "events/s", {"roomsync": 1.0}, better="more")]
    )

    assert cells(table_of([alone]), "rate") == ["rate", "events/s", "1", ""]


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (0.0, "0"), (3.0, "3"), (0.1334, "0.133"), (12.345, "12.3"), (812.4, "812"), (20498.7, "20499")],
)
def test_a_figure_shows_the_digits_that_count(value: float | None, text: str) -> None:
    assert figure_text(value) == text


def test_the_file_says_where_when_and_with_what_it_was_measured(tmp_path: Path) -> None:
    file = tmp_path / "new" / "bench.json"

    write_record(record([DRAIN], Load(is_quick=True), "3.13.7"), file)

    told = json.loads(file.read_text())
    assert told["quick"] is True
    assert told["versions"]["rabbitmq"] == "3.13.7"
    assert {"python", "roomsync", "exchangelib"} <= told["versions"].keys()
    assert {"cpus", "cpu", "memory_mib", "system"} <= told["machine"].keys()
    assert told["at"].endswith("+00:00")
    (scenario,) = told["scenarios"]
    assert scenario["figures"][0]["values"] == {"roomsync": 812.4, "Celery": 130.0}
    assert scenario["figures"][0]["times_better_than_best_rival"] == pytest.approx(6.249, abs=0.001)
    assert scenario["unfinished"] == DRAIN.unfinished


def test_a_quick_run_has_a_tenth_of_everything_and_no_size_twice() -> None:
    whole, quick = sizes_of(Load()), sizes_of(Load(is_quick=True))

    assert whole[-2:] == [(100, 100_000), (10_000, 100_000)]
    assert quick[-2:] == [(100, 10_000), (1_000, 10_000)]
    assert len(set(quick)) == len(quick)


def table_of(reports: list[Report]) -> list[str]:
    written = io.StringIO()
    show(Console(file=written, width=160), reports)
    return written.getvalue().splitlines()


def cells(lines: list[str], label: str) -> list[str]:
    (line,) = [line for line in lines if line.startswith(f"| {label} ")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_two_trees_are_compared_round_by_round() -> None:
    def cost(per_s: float, cpu_ms: float) -> Cost:
        return Cost(per_s=per_s, cpu_ms=cpu_ms, requests=0.1, peak_mib=100)

    # The machine was half as fast in the second round.
    drained = [(cost(900, 1.1), cost(1000, 1.0)), (cost(450, 2.2), cost(500, 2.0)), (cost(1800, 0.5), cost(1000, 1.0))]
    both = (Roomsync(), Roomsync(name="before"))

    figures = figures_of(both, drained, ([5.0, 9.0], [4.0, 8.0]))

    ratios = [figure.values for figure in figures if "ratios" in figure.label]
    assert ratios == [{"roomsync": 0.9}, {"roomsync": 1.1}]
    singles = [figure.values for figure in figures if "single" in figure.label]
    assert singles == [{"roomsync": 5.0, "before": 4.0}, {"roomsync": 9.0, "before": 8.0}]
