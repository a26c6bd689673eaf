"""Two sizes of one contestant, measured by turns: both are worked off and exact at the end."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.rabbitmq.installation import RabbitmqInstallation
from adapters.rabbitmq.node import BrokerNode
from tests.bench.bench_harness import BenchHarness
from tests.bench.roomsync import Roomsync
from tests.bench.scenarios.turns import drained_by_turns

pytestmark = [pytest.mark.broker, pytest.mark.timeout(180)]


@pytest.fixture
def node(rabbitmq: RabbitmqInstallation) -> Iterator[BrokerNode]:
    with BrokerNode(installation=rabbitmq) as node:
        yield node


async def test_two_sizes_take_turns_until_one_is_done_and_both_are_exact(node: BrokerNode, tmp_path: Path) -> None:
    harness = BenchHarness(tmp_path, node, lambda _: None)

    both, sizes = (Roomsync(), Roomsync()), ((10, 3_000), (300, 3_000))

    few, many = await drained_by_turns(harness, both, sizes, turn_s=1.0, within_s=120)

    assert min(few.per_s, many.per_s) > 0
    assert min(few.cpu_ms, many.cpu_ms) > 0
    assert few.requests < many.requests
    assert min(few.peak_mib, many.peak_mib) > 20
