"""Draws the figures, where matplotlib is installed: it comes with the rivals, for `make bench` only."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.bench.figures import Figure, Report

BARS = (
    ("drain", "first to last write"),
    ("drain", "CPU"),
    ("latency", "p99"),
    ("healthy", "relative"),
)
GROWTH = (("rate, events/s", 2), ("CPU, ms/event", 3), ("peak memory, MiB", 4))
"""What to draw of growth, and where it stands in a size's row."""
COLUMNS = 4


def can_draw() -> bool:
    """Whether there is something to draw with."""
    return find_spec("matplotlib") is not None


def draw(reports: Sequence[Report], file: Path) -> bool:
    """Write a PNG with a panel for each thing that was measured; returns whether there was any."""
    import_module("matplotlib").use("Agg")
    pyplot = import_module("matplotlib.pyplot")
    by_name = {report.scenario: report for report in reports}
    bars = [(name, figure) for name, label in BARS if (figure := _figure(by_name.get(name), label)) is not None]
    growth = by_name["growth"].series if "growth" in by_name else {}
    panels = len(bars) + (len(GROWTH) if growth else 0)
    if not panels:
        return False
    columns = min(panels, COLUMNS)
    rows = -(-panels // columns)
    picture, axes = pyplot.subplots(rows, columns, figsize=(4 * columns, 3.2 * rows), squeeze=False)
    free = [axis for row in axes for axis in row]
    for name, figure in bars:
        _bars(free.pop(0), name, figure)
    if growth:
        for label, place in GROWTH:
            _growth(free.pop(0), label, growth, place)
    for axis in free:
        axis.set_axis_off()
    picture.tight_layout()
    file.parent.mkdir(parents=True, exist_ok=True)
    picture.savefig(file, dpi=110)
    pyplot.close(picture)
    return True


def _figure(report: Report | None, label: str) -> Figure | None:
    return next((figure for figure in report.figures if figure.label == label), None) if report else None


def _bars(axis: Any, name: str, figure: Figure) -> None:  # noqa: ANN401 - matplotlib is not typed here
    known = {contestant: value for contestant, value in figure.values.items() if value is not None}
    drawn = axis.bar(list(known), list(known.values()), color=["#1f6f8b", *["#b9b9b9"] * (len(known) - 1)])
    axis.bar_label(drawn, fmt="%.3g")
    axis.set_title(f"{name}: {figure.label}, {figure.unit}", fontsize=9)
    axis.tick_params(axis="x", labelsize=8)


def _growth(axis: Any, label: str, sizes: Mapping[str, Sequence[float]], place: int) -> None:  # noqa: ANN401
    by_rooms = sorted(sizes.values(), key=lambda size: (size[0], size[1]))
    for rooms in dict.fromkeys(size[0] for size in by_rooms):
        line = [size for size in by_rooms if size[0] == rooms]
        axis.plot([size[1] for size in line], [size[place] for size in line], marker="o", label=f"{rooms:.0f} rooms")
    axis.set_xscale("log")
    axis.set_ylim(bottom=0)
    axis.set_xlabel("waiting commands", fontsize=8)
    axis.set_title(f"growth: {label}", fontsize=9)
    axis.legend(fontsize=7)
