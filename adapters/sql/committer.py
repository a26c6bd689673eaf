"""Group commit: one thread with one connection; what is handed in while a transaction runs shares the next one."""

import asyncio
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import groupby
from queue import Empty, SimpleQueue
from typing import Any, Generic, NamedTuple, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from adapters.ledger import BookingKey, LedgerBroken, LedgerError, LedgerUnavailable
from adapters.sql.database import Database
from adapters.sql.transaction import RoomKey, Statements, Transaction

Result = TypeVar("Result")
Committed = Callable[[float], None]
"""Told by the ledger's thread how many seconds a transaction took, its commit included."""

_GATHERED_MAX = 256
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Work(Generic[Result]):
    """Something to do in a transaction that has read `keys` and `rooms`; `alone`: it speaks SQL of its own.

    It may be run again in another transaction, and has no effect but through its transaction.
    """

    run: Callable[[Transaction], Result]
    keys: Collection[BookingKey] = ()
    rooms: Collection[RoomKey] = ()
    alone: bool = False


class Call(NamedTuple):
    """Work, and who waits for its result."""

    work: Work[Any]
    future: asyncio.Future[Any]


class Committer:
    """Carries out work in the order in which it was handed in, and answers once the commit is durable.

    Work that fails by its own fault fails alone. Trouble with the database fails all of a transaction, nothing of
    it being committed, and the next transaction begins on a fresh connection.
    """

    def __init__(
        self,
        database: Database,
        *,
        writes: bool,
        between: Callable[[], None] = lambda: None,
        committed: Committed = lambda _seconds: None,
    ) -> None:
        """`between`: run by the thread between transactions; `committed`: told of each. Neither may raise."""
        self._database = database
        self._between = between
        self._committed = committed
        self._writes = writes
        self._statements = Statements(database, writes=writes)
        self._connection: Connection | None = None
        self._queue: SimpleQueue[Call | None] = SimpleQueue()
        self._is_closed = False
        self._thread = threading.Thread(target=self._serve, name="ledger", daemon=True)
        self._thread.start()

    async def do(self, work: Work[Result]) -> Result:
        """Hand in work and wait for the commit. If the caller is cancelled, the work may be committed or not."""
        if self._is_closed:
            raise LedgerUnavailable(f"{self._database.name}: the ledger is closed.")
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._queue.put(Call(work, future))
        return await future

    async def close(self) -> None:
        """Finish what was handed in and let go of the connection."""
        if not self._is_closed:
            self._is_closed = True
            self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _serve(self) -> None:
        while gathered := self._gather():
            for _, group in groupby(gathered, key=lambda call: id(call) if call.work.alone else 0):
                if calls := [call for call in group if not call.future.cancelled()]:
                    self._settle(calls)
            self._between()
        self._disconnect()

    def _gather(self) -> list[Call]:
        """Wait for a call, then take what else is there. Empty when closed: None is the last thing handed in."""
        call = self._queue.get()
        gathered = []
        while call is not None:
            gathered.append(call)
            if len(gathered) == _GATHERED_MAX:
                break
            try:
                call = self._queue.get_nowait()
            except Empty:
                break
        else:
            if gathered:
                self._queue.put(None)
        return gathered

    def _settle(self, calls: list[Call]) -> None:
        try:
            results = self._commit([call.work for call in calls])
        except (LedgerUnavailable, LedgerBroken) as error:
            _answer(calls, [error] * len(calls))
        except Exception as error:  # noqa: BLE001  whatever it was, the callers wait and the thread must live on
            if len(calls) == 1:
                _answer(calls, [error])
            else:
                for call in calls:
                    self._settle([call])
        else:
            _answer(calls, results)

    def _commit(self, works: list[Work[Any]]) -> list[Any]:
        for tries_left in reversed(range(_TRIES)):
            try:
                return self._transact(works)
            except DBAPIError as error:
                if not (tries_left and self._database.is_conflict(error)):
                    raise as_ledger_error(self._database, error) from None  # its text may hold rows and credentials
            except (OverflowError, UnicodeError) as error:
                wrong = type(error).__name__
                raise LedgerError(f"{self._database.name}: refused a change: {wrong}.") from None
        return []

    def _transact(self, works: list[Work[Any]]) -> list[Any]:
        begun_s = time.monotonic()
        with self._connected() as connection, connection.begin():
            self._database.begin(connection, writes=self._writes)
            transaction = Transaction(self._database, connection, self._statements)
            transaction.read(
                (key for work in works for key in work.keys), (room for work in works for room in work.rooms)
            )
            results = [work.run(transaction) for work in works]
            transaction.write()
        self._committed(time.monotonic() - begun_s)
        return results

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        try:
            if self._connection is None:
                self._connection = self._database.engine.connect()
            yield self._connection
        except BaseException:
            self._disconnect()
            raise

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(SQLAlchemyError):
                connection.close()


def _answer(calls: list[Call], results: list[Any]) -> None:
    def answer() -> None:
        for call, result in zip(calls, results, strict=True):
            if call.future.done():
                continue
            if isinstance(result, Exception):
                call.future.set_exception(result)
            else:
                call.future.set_result(result)

    # All at once: waking the event loop costs more than anything else that a call does.
    with suppress(RuntimeError):  # the loop is closed: nobody waits any more
        calls[0].future.get_loop().call_soon_threadsafe(answer)


def as_ledger_error(database: Database, error: DBAPIError) -> LedgerError:
    """What the database's error means to the ledger's callers."""
    if database.is_broken(error):
        return LedgerBroken(f"{database.name}: {database.words(error)}; put a good ledger in its place.")
    if database.is_trouble(error) or database.is_conflict(error):
        return LedgerUnavailable(f"{database.name}: {database.words(error)}.")
    return LedgerError(f"{database.name}: refused a change: {database.words(error)}.")
