"""What every ledger does, whatever keeps it: inherit `LedgerContract` and give a fixture `world`."""

from tests.contract.ledger_breakers_contract import BreakersContract
from tests.contract.ledger_histories_contract import HistoriesContract
from tests.contract.ledger_rooms_contract import (
    BarringContract,
    IdentityContract,
    OverviewContract,
    ScanningContract,
)
from tests.contract.ledger_rows_contract import ClaimingContract, ReadingContract, SwappingContract


class LedgerContract(
    ReadingContract,
    ClaimingContract,
    SwappingContract,
    BarringContract,
    ScanningContract,
    IdentityContract,
    OverviewContract,
    BreakersContract,
    HistoriesContract,
):
    """The whole contract of `adapters.ledger.Ledger`."""
