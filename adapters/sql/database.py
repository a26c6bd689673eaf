"""What SQLite and PostgreSQL do differently: connecting, the clock, locks, and what their errors mean."""

from collections.abc import Sequence
from typing import Any, Protocol

from sqlalchemy import Column, Connection, CursorResult, Engine, Select, Subquery
from sqlalchemy.exc import DBAPIError


class Database(Protocol):
    """A place for a ledger. Its engine pools nothing: who connects, keeps the connection or closes it."""

    name: str
    """Where it is, for error texts: no credentials."""
    engine: Engine

    def prepare(self) -> None:
        """Make it ready to hold a ledger, before the first transaction. Raises `LedgerError`."""
        ...

    def begin(self, connection: Connection, *, writes: bool) -> None:
        """What must be said at the beginning of a transaction."""
        ...

    def relax(self, connection: Connection) -> None:
        """Let the commits of this connection wait for no disk; a crash of the machine takes the last ones back."""
        ...

    def lock_schema(self, connection: Connection) -> None:
        """Keep everybody else from changing tables until the transaction ends."""
        ...

    def now_us(self, connection: Connection) -> int:
        """The ledger's clock, in microseconds since 1970."""
        ...

    def listed(self, columns: Sequence[Column[Any]]) -> Subquery:
        """Rows with these columns, taken from the parameter `rows`: a JSON array of arrays in their order."""
        ...

    def in_few_steps(self, read: Select[Any]) -> Select[Any]:
        """The same as `read`, to be executed and given to `records`."""
        ...

    def records(self, result: CursorResult[Any]) -> Sequence[Sequence[Any]]:
        """The records that the statement of `in_few_steps` read."""
        ...

    def is_conflict(self, error: DBAPIError) -> bool:
        """Whether two transactions met, this one was undone, and doing it again will work."""
        ...

    def is_trouble(self, error: DBAPIError) -> bool:
        """Whether the database is in trouble, rather than what it was asked for wrong."""
        ...

    def is_broken(self, error: DBAPIError) -> bool:
        """Whether the database is damaged, or its tables are not ours: waiting does not help."""
        ...

    def words(self, error: DBAPIError) -> str:
        """What the database said, safe to show: no credentials, no values of a row."""
        ...
