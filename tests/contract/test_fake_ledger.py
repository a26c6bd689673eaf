"""The ledger in memory keeps the contract, so that tests which use it say something about the real ones."""

from datetime import timedelta

import pytest

from adapters.ledger import Ledger, LedgerUnavailable
from tests.contract.ledger_contract import LedgerContract
from tests.contract.ledger_harness import MovableClock, a_key, read
from tests.fake_ledger import FakeLedger


class FakeWorld:
    """A store in memory."""

    def __init__(self) -> None:
        self.clock = MovableClock()
        self.first = FakeLedger(clock=self.clock)

    async def open(self) -> Ledger:
        return self.first.beside()

    async def elapse(self, duration: timedelta) -> None:
        self.clock.ahead += duration


class TestFakeLedger(LedgerContract):
    @pytest.fixture
    def harness(self) -> FakeWorld:
        return FakeWorld()


async def test_told_trouble_comes_once_and_changes_nothing() -> None:
    ledger, key = FakeLedger(), a_key()
    ledger.troubles.append(LedgerUnavailable("locked"))
    with pytest.raises(LedgerUnavailable):
        await ledger.bar([(key, 1)])
    assert await read(ledger, key) is None
