"""The EWS calendar keeps the contract, against the simulator, for each way of access and of authentication."""

from collections.abc import AsyncIterator

import pytest

from adapters.ews.calendar import EwsCalendar
from adapters.ews.settings import Access, NtlmAuth
from adapters.simulator import Simulator
from tests.contract.calendar_contract import CalendarContract
from tests.contract.calendar_harness import BOARD, LOBBY
from tests.unit.ews.on_simulator import ACCOUNT, PASSWORD, SimulatorWorld, connected, running_simulator


class EwsContract(CalendarContract):
    access: Access = "impersonation"

    @pytest.fixture
    async def simulator(self) -> AsyncIterator[Simulator]:
        async with running_simulator(access=self.access) as simulator:
            for room in (BOARD, LOBBY):
                simulator.access.grant(ACCOUNT, room, "mailbox")
            yield simulator

    @pytest.fixture
    def harness(self, simulator: Simulator) -> SimulatorWorld:
        return SimulatorWorld(simulator)

    @pytest.fixture
    async def calendar(self, simulator: Simulator) -> AsyncIterator[EwsCalendar]:
        async with connected(simulator, access=self.access) as calendar:
            yield calendar


class TestEwsCalendar(EwsContract):
    """Impersonation, Basic."""


class TestEwsCalendarAsDelegate(EwsContract):
    """A delegate with rights on the whole mailbox."""

    access: Access = "delegate"


class TestEwsCalendarWithNtlm(EwsContract):
    """Impersonation, NTLM."""

    @pytest.fixture
    async def calendar(self, simulator: Simulator) -> AsyncIterator[EwsCalendar]:
        async with connected(simulator, auth=NtlmAuth(username=ACCOUNT, password=PASSWORD)) as calendar:
            yield calendar
