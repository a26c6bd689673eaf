"""Figures and what is computed from them; all pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Value = float | None


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table: what was measured, of each contestant. None: it did not happen."""

    label: str
    unit: str
    values: Mapping[str, Value]
    better: Literal["more", "less"] | None = field(default=None, kw_only=True)
    """None: no contest, only to be told."""
    promised: str = field(default="", kw_only=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a scenario found."""

    scenario: str
    sentence: str
    figures: Sequence[Figure] = ()
    unfinished: Sequence[str] = ()
    """A sentence about each contestant that got stuck."""
    series: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """For the plot."""

    @property
    def is_unfinished(self) -> bool:
        """Whether somebody got stuck."""
        return bool(self.unfinished)

    def contestants(self) -> list[str]:
        """Everybody in it, in the order of their first appearance."""
        return list(dict.fromkeys(name for figure in self.figures for name in figure.values))


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share (0 … 1) of all do not exceed: the nearest rank. Raises ValueError without values."""
    if not values:
        raise ValueError("no values")
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def rate_per_s(times: Sequence[float]) -> float:
    """How many a second there were between the first and the last of these instants; 0 when they are one."""
    took_s = max(times) - min(times)
    return (len(times) - 1) / took_s if took_s > 0 else 0.0


def within(times: Sequence[float], windows: Sequence[tuple[float, float]]) -> int:
    """How many of these instants lie in one of these windows."""
    return sum(1 for time in times for began, ended in windows if began <= time < ended)


def rate_within_per_s(times: Sequence[float], windows: Sequence[tuple[float, float]]) -> float:
    """How many of these instants there were a second of these windows, from the first instant to the last; 0 where that
    is no time."""
    first, last = min(times), max(times)
    taken_s = sum(max(0.0, min(ended, last) - max(began, first)) for began, ended in windows)
    return within(times, windows) / taken_s if taken_s > 0 else 0.0


def times_better(figure: Figure, ours: str) -> float | None:
    """How many times better we are than the best of the others; None where there is nothing to compare."""
    mine = figure.values.get(ours)
    others = [value for name, value in figure.values.items() if name != ours and value is not None]
    if mine is None or not others or figure.better is None:
        return None
    if figure.better == "more":
        return mine / max(others) if max(others) else None
    return min(others) / mine if mine else None


def up_again_after_s(writes: Sequence[float], since: float, wanted_per_s: float, window_s: float = 1.0) -> float | None:
    """How long after an instant the writes of one window first come at the wanted rate; None: never."""
    times = sorted(time for time in writes if time >= since)
    wanted_count = max(1, math.ceil(wanted_per_s * window_s))
    for first, last in zip(times, times[wanted_count - 1 :], strict=False):
        if last < first + window_s:
            return first - since
    return None
