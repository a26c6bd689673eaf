"""A worker dies at every point between taking a command and acknowledging it, and nobody can tell afterwards.

`make kill-matrix` plays every cell (ROOMSYNC_KILL_MATRIX=full); by default a part of them is played.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from adapters.rabbitmq.node import BrokerNode
from tests.chaos.judge import Judgement
from tests.kill.cells import Cell, Takeover, every_cell, some_cells
from tests.kill.chain import Chain
from tests.kill.kill_harness import KillHarness
from tests.program_harness import QUICK_CLAIMS, ProgramHarness

IS_FULL = os.environ.get("ROOMSYNC_KILL_MATRIX") == "full"
pytestmark = [pytest.mark.broker, pytest.mark.timeout(1800 if IS_FULL else 600)]

CELLS = list(every_cell() if IS_FULL else some_cells())
CHAINS_EACH = 3 if IS_FULL else 1
SYNC = QUICK_CLAIMS | {"hold_s": 1}
"""A command that cannot be done within a second is sent away."""

Judgements = dict[Takeover, list[Judgement]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def judgements(
    broker: BrokerNode, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> AsyncIterator[Judgements]:
    """All cells, those of a chain one after the other, the chains side by side."""
    begun_s = time.monotonic()
    playing: dict[Takeover, list[asyncio.Task[Judgement]]] = {takeover: [] for takeover in Takeover}
    async with AsyncExitStack() as ending:
        workers = await ending.enter_async_context(KillHarness())
        async with asyncio.TaskGroup() as chains:
            for cells in chained():
                folder = tmp_path_factory.mktemp(f"kill-{cells[0].takeover}")
                harness = await ending.enter_async_context(ProgramHarness(folder, broker.url, partitions=2, sync=SYNC))
                playing[cells[0].takeover].append(chains.create_task(Chain(harness, workers).play(cells)))
        taken_s = time.monotonic() - begun_s
        say(request, f"{len(CELLS)} cells, {workers.started_count} workers, {taken_s:.0f} s")
        yield {takeover: [task.result() for task in tasks] for takeover, tasks in playing.items()}


def chained() -> list[list[Cell]]:
    """The cells of each chain."""
    by_takeover = [[cell for cell in CELLS if cell.takeover is takeover] for takeover in Takeover]
    return [cells[first::CHAINS_EACH] for cells in by_takeover for first in range(CHAINS_EACH)]


def say(request: pytest.FixtureRequest, line: str) -> None:
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")
    capture = request.config.pluginmanager.get_plugin("capturemanager")
    if reporter is not None and capture is not None:
        with capture.global_and_fixture_disabled():
            reporter.write_line(f"\nkill matrix: {line}")


@pytest.mark.parametrize("takeover", Takeover)
async def test_no_booking_stands_twice(takeover: Takeover, judgements: Judgements) -> None:
    assert [complaint for judgement in judgements[takeover] for complaint in judgement.duplicates] == []


@pytest.mark.parametrize("takeover", Takeover)
async def test_no_event_and_no_result_is_lost(takeover: Takeover, judgements: Judgements) -> None:
    assert [complaint for judgement in judgements[takeover] for complaint in judgement.lost] == []


@pytest.mark.parametrize("takeover", Takeover)
async def test_nothing_comes_back_that_was_removed(takeover: Takeover, judgements: Judgements) -> None:
    assert [complaint for judgement in judgements[takeover] for complaint in judgement.resurrected] == []


@pytest.mark.parametrize("takeover", Takeover)
async def test_every_member_of_every_event_is_right(takeover: Takeover, judgements: Judgements) -> None:
    assert [complaint for judgement in judgements[takeover] for complaint in judgement.wrong] == []


def test_every_point_has_its_turn_with_each_takeover_and_every_command_has_its_own() -> None:
    everything = list(every_cell())
    assert {(cell.point, cell.takeover) for cell in CELLS} == {(cell.point, cell.takeover) for cell in everything}
    assert {cell.kind for cell in CELLS} == {cell.kind for cell in everything}
