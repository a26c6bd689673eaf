"""A bounded run of every fuzz target; the long one is `make fuzz`."""

import os

import pytest

from tests.fuzz.fuzz_harness import Target, attack
from tests.fuzz.targets import TARGETS

SEED = int(os.environ.get("ROOMSYNC_FUZZ_SEED", "1"))


@pytest.mark.parametrize("target", [pytest.param(target, id=name) for name, target in TARGETS.items()])
@pytest.mark.timeout(120)
def test_nothing_from_outside_raises_what_is_not_declared(target: Target) -> None:
    report = attack(target, seed=SEED, count=target.bounded_count)
    assert not report.findings, str(report)
