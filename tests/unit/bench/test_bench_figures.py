"""What the bench computes from what it saw."""

import pytest

from tests.bench.figures import (
    Figure,
    Report,
    percentile,
    rate_per_s,
    rate_within_per_s,
    times_better,
    up_again_after_s,
)


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        pytest.param(0.5, 50, id="the median"),
        pytest.param(0.99, 99, id="p99"),
        pytest.param(1.0, 100, id="the largest"),
        pytest.param(0.0, 1, id="the smallest"),
        pytest.param(0.505, 51, id="never an invented value between two"),
    ],
)
def test_a_percentile_is_a_value_that_this_share_does_not_exceed(share: float, expected: float) -> None:
    assert percentile([*range(100, 0, -1)], share) == expected


def test_a_percentile_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_a_rate_counts_the_steps_between_the_first_and_the_last() -> None:
    assert rate_per_s([10.0, 10.5, 11.0]) == 2.0


def test_a_single_instant_has_no_rate() -> None:
    assert rate_per_s([10.0]) == 0.0


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        pytest.param([(9.0, 14.0)], 4 / 3, id="from the first instant to the last, not the whole window"),
        pytest.param([(9.0, 11.5), (12.5, 13.5)], 3 / 2, id="without the time between windows and what came in it"),
        pytest.param([(9.0, 11.0)], 1.0, id="without what comes later"),
        pytest.param([(13.5, 14.0)], 0.0, id="no time"),
    ],
)
def test_a_rate_within_windows_counts_no_other_time(windows: list[tuple[float, float]], expected: float) -> None:
    assert rate_within_per_s([10.0, 11.0, 12.0, 13.0], windows) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("better", "values", "expected"),
    [
        pytest.param("more", {"roomsync": 600.0, "a": 100.0, "b": 150.0}, 4.0, id="more: against the largest"),
        pytest.param("less", {"roomsync": 2.0, "a": 8.0, "b": 4.0}, 2.0, id="less: against the smallest"),
        pytest.param("less", {"roomsync": 4.0, "a": 2.0}, 0.5, id="worse is told too"),
        pytest.param("more", {"roomsync": 2.0, "a": None, "b": 1.0}, 2.0, id="who did not finish is left out"),
        pytest.param("more", {"roomsync": 2.0}, None, id="nobody to compare with"),
        pytest.param(None, {"roomsync": 2.0, "a": 1.0}, None, id="no contest"),
        pytest.param("less", {"roomsync": 0.0, "a": 1.0}, None, id="nothing to divide by"),
    ],
)
def test_a_figure_is_held_against_the_best_of_the_others(
    better: str, values: dict[str, float | None], expected: float | None
) -> None:
    assert times_better(Figure("speed", "events/s", values, better=better), "roomsync") == expected


def test_full_speed_is_back_with_the_first_window_that_reaches_it() -> None:
    slow = [100 + 0.5 * number for number in range(10)]
    fast = [105 + 0.1 * number for number in range(30)]

    assert up_again_after_s([*slow, *fast], 100.0, wanted_per_s=9) == pytest.approx(4.5, abs=0.6)


def test_writes_before_the_end_of_the_storm_are_no_full_speed() -> None:
    assert up_again_after_s([99 + 0.01 * number for number in range(100)], 100.0, wanted_per_s=50) is None


def test_a_report_names_everybody_once_and_in_order() -> None:
    figures = [Figure("one", "", {"roomsync": 1.0, "b": 1.0}), Figure("two", "", {"roomsync": 1.0, "a": 2.0})]

    assert Report(scenario="s", sentence="", figures=figures).contestants() == ["roomsync", "b", "a"]
