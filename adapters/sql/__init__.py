"""The ledger in an SQL database: SQLite embedded, PostgreSQL for several replicas."""

from adapters.sql.ledger import SqlLedger
from adapters.sql.opening import open_audit, open_ledger

__all__ = ["SqlLedger", "open_audit", "open_ledger"]
