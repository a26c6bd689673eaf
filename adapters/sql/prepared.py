"""Statements whose text is made once for a database, and rows that go into one as a whole.

SQLAlchemy (2.1) expands texts and converts parameters anew for each execution: a quarter of what a batch's reads, claim
and record cost over SQLite. And sqlite3 lets go of Python's lock for each row that it reads or writes: between busy
threads it then waits for each row anew, up to five milliseconds (`sys.setswitchinterval`). So rows come and go as JSON.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import Any

from sqlalchemy import ClauseElement, Connection, CursorResult, Dialect
from sqlalchemy.sql.compiler import SQLCompiler

_NUMBER_MAX = 2**63 - 1


class Prepared:
    """One statement with named parameters, none of which changes its text; made when it is first executed."""

    def __init__(self, statement: ClauseElement, dialect: Dialect) -> None:
        self._statement = statement
        self._dialect = dialect

    @cached_property
    def _text_and_names(self) -> tuple[str, Sequence[str] | None]:
        """The text, and the names of its parameters in their order where the driver takes them by order."""
        compiled = self._statement.compile(dialect=self._dialect)
        assert isinstance(compiled, SQLCompiler)  # noqa: S101 - what is no DDL
        return str(compiled), compiled.positiontup if compiled.positional else None

    def execute(self, connection: Connection, parameters: Mapping[str, object]) -> CursorResult[Any]:
        """Execute it."""
        text, names = self._text_and_names
        in_order = None if names is None else tuple([parameters[name] for name in names])
        return connection.exec_driver_sql(text, dict(parameters) if in_order is None else in_order)


def as_rows(records: Iterable[Sequence[object]]) -> dict[str, str]:
    """Records of texts, numbers and None as the parameter that `Database.listed` reads.

    Raises:
        OverflowError, UnicodeError: SQLite's JSON would round a number or cut a text.
    """
    rows = list(records)
    for value in chain.from_iterable(rows):
        if isinstance(value, int) and not -_NUMBER_MAX <= value <= _NUMBER_MAX:
            raise OverflowError
        if isinstance(value, str) and "\0" in value:
            raise UnicodeError
    return {"rows": json.dumps(rows, ensure_ascii=False)}
