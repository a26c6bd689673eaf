"""A simulator for each test, and an EWS calendar on it."""

from collections.abc import AsyncIterator

import pytest

from adapters.ews.calendar import EwsCalendar
from adapters.simulator import Simulator
from tests.unit.ews.on_simulator import connected, running_simulator


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with running_simulator() as simulator:
        yield simulator


@pytest.fixture
async def calendar(simulator: Simulator) -> AsyncIterator[EwsCalendar]:
    async with connected(simulator) as calendar:
        yield calendar
