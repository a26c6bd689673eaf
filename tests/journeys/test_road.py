"""The road of a single create, traced in a warm worker: a reader follows it without turning back."""

import sys

import pytest
import pytest_asyncio

from adapters.rabbitmq.node import BrokerNode
from tests.builders import a_command
from tests.program_harness import ProgramHarness
from tests.road.reading import ROOT, Road
from tests.road.traced_worker import BEGIN, END

pytestmark = [pytest.mark.broker, pytest.mark.timeout(120)]

FILES_MAX = 78
LINES_MAX = 300
CROSSINGS_MAX = 17


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def road(broker: BrokerNode, tmp_path_factory: pytest.TempPathFactory) -> Road:
    """Of a create for an idle room that the worker knows."""
    folder = tmp_path_factory.mktemp("road")
    trace = folder / "trace.txt"
    async with ProgramHarness(folder, broker.url) as harness:
        command = (sys.executable, "-m", "tests.road.traced_worker", str(trace))
        worker = await harness.worker(command=command)
        for number in range(3):
            result = await harness.sync(a_command(booking_id=f"warm-{number}"))
            assert result["outcome"] == "synced"
        worker.signal(BEGIN)
        # The result comes before the acknowledgement: that of the first is certain once the second has its own.
        for number in range(2):
            assert (await harness.sync(a_command(booking_id=f"traced-{number}")))["outcome"] == "synced"
        worker.signal(END)
        await harness.until(trace.exists, "the trace")
    return Road.read(trace)


def test_a_create_enters_few_files_and_none_is_long(road: Road) -> None:
    assert len(road.files_of_all) <= FILES_MAX, "\n".join(road.files_of_all)
    long = [file for file in road.files_of_all if len((ROOT / file).read_text().splitlines()) > LINES_MAX]
    assert not long


def test_the_road_crosses_few_borders_and_never_goes_back_to_the_broker(road: Road) -> None:
    assert len(road.crossings) <= CROSSINGS_MAX, road.crossings
    assert not road.back_to_broker
