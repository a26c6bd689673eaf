"""How limits move: counting, without a clock."""

import pytest

from consumers.policy import OWN_BACK_OFF_MAX_S
from consumers.throttling.limits import AdaptiveLimit, BatchSize, TenantThrottleDetector, own_back_off_s
from tests.room_harness import BOARD


def least(low: float, _high: float) -> float:
    return low


def most(_low: float, high: float) -> float:
    return high


def succeed(limit: AdaptiveLimit, times: int) -> None:
    for _ in range(times):
        limit.succeeded(limit.epoch)


def test_a_throttle_halves_a_limit_and_a_run_of_successes_raises_it_by_one() -> None:
    limit = AdaptiveLimit(8)
    limit.throttled(limit.epoch)
    assert limit.value == 4
    succeed(limit, 3)
    assert limit.value == 4
    succeed(limit, 1)
    assert limit.value == 5


def test_requests_that_were_throttled_together_halve_it_once() -> None:
    limit = AdaptiveLimit(8)
    sent_in = limit.epoch
    assert [limit.throttled(sent_in) for _ in range(4)] == [True, False, False, False]
    assert limit.value == 4


def test_a_success_of_before_the_throttle_does_not_count() -> None:
    limit = AdaptiveLimit(2)
    before = limit.epoch
    limit.throttled(before)
    assert not limit.succeeded(before)
    assert limit.value == 1


def test_a_whole_limit_follows_its_ceiling_and_a_lowered_one_is_only_cut() -> None:
    whole, lowered = AdaptiveLimit(4), AdaptiveLimit(16)
    whole.resize(6)
    lowered.throttled(lowered.epoch)
    lowered.resize(12)
    assert (whole.value, lowered.value) == (6, 8)
    lowered.resize(3)
    assert lowered.value == 3


def test_batches_halve_after_a_busy_answer_and_grow_by_a_quarter() -> None:
    size = BatchSize()
    size.shrink(20, least=5)
    assert size.within(20) == 10
    size.grow()
    assert size.within(20) == 12
    for _ in range(20):
        size.grow()
    assert size.is_whole


def test_batches_that_were_slow_together_halve_once() -> None:
    size = BatchSize()
    for _ in range(4):
        size.shrink(20, least=1)
    assert size.within(20) == 10


def test_a_slow_batch_may_shrink_to_one_and_a_busy_one_does_not() -> None:
    slow, busy = BatchSize(), BatchSize()
    for _ in range(10):
        slow.shrink(slow.within(20), least=1)
        busy.shrink(busy.within(20), least=5)
    assert (slow.within(20), busy.within(20), busy.within(3)) == (1, 5, 3)


@pytest.mark.parametrize(("throttles", "least_s", "most_s"), [(1, 0.5, 1), (2, 1, 2), (4, 4, 8), (5, 4, 8), (99, 4, 8)])
def test_our_own_wait_doubles_up_to_a_limit(throttles: int, least_s: float, most_s: float) -> None:
    assert own_back_off_s(throttles, least) == least_s
    assert own_back_off_s(throttles, most) == most_s <= OWN_BACK_OFF_MAX_S


def test_throttles_of_most_rooms_within_seconds_are_the_tenants() -> None:
    crowd = TenantThrottleDetector()
    assert [crowd.note(f"r{n}", 0.0, throttled=True) for n in range(4)] == [False, False, True, True]  # type: ignore[arg-type]  # any word will do


def test_throttles_of_a_few_rooms_among_many_are_theirs() -> None:
    crowd = TenantThrottleDetector()
    for n in range(95):
        crowd.note(f"r{n}", 0.0, throttled=False)  # type: ignore[arg-type]  # any word will do
    assert not any(crowd.note(f"s{n}", 1.0, throttled=True) for n in range(5))  # type: ignore[arg-type]  # as above


def test_throttles_of_long_ago_are_forgotten() -> None:
    crowd = TenantThrottleDetector()
    for n in range(3):
        crowd.note(f"r{n}", 0.0, throttled=True)  # type: ignore[arg-type]  # any word will do
    assert not crowd.note(BOARD, 11.0, throttled=True)
