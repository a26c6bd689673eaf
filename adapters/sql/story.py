"""The story in SQL: gathered in memory, written by the ledger's writer thread between its transactions.

It has a connection of its own, so that nothing that befalls the story touches a transaction of the ledger, and its
commits wait for no disk: what a crash of the machine takes along is told by nobody, and missed by nobody but a reader.
"""

import time
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import structlog
from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from adapters.calendar import BookingId, RoomAddress, TenantName
from adapters.ledger import BookingKey
from adapters.sql.database import Database
from adapters.sql.prepared import Prepared, as_rows
from adapters.sql.schema import DAY_US, as_us, from_us, story
from adapters.story import Entry, What

log = structlog.get_logger(__name__)

WRITE_EVERY_S = 0.25
AT_ONCE = 500
WAITING_MAX = 20_000
"""What is kept while the database is away; what comes after it is lost."""
AWAY_S = 5.0
"""How long the database is left alone after trouble: each try may cost the writer thread its time-out."""
EXPIRED_AT_ONCE = 5_000

_COLUMNS = [column for column in story.c if not column.primary_key]


class StoryWriter:
    """Takes entries in one thread and writes them in another."""

    def __init__(self, database: Database) -> None:
        self._database = database
        new = select(database.listed(_COLUMNS))
        self._statement = Prepared(insert(story).from_select(_COLUMNS, new), database.engine.dialect)
        self._connection: Connection | None = None
        self._waiting: deque[Entry] = deque()
        self._next_write_s = 0.0
        self._is_in_trouble = False

    @property
    def is_waiting(self) -> bool:
        """Whether anything is not written yet."""
        return bool(self._waiting)

    def take(self, entries: Iterable[Entry]) -> None:
        """Take entries, as many as there is room for. From any thread."""
        if len(self._waiting) < WAITING_MAX:
            self._waiting.extend(entries)
        else:
            self._say("no room for more until the database is back", lost=1)

    def hasten(self) -> None:
        """Let what has gathered be due now."""
        self._next_write_s = 0.0

    def write_if_due(self) -> None:
        """Write what has gathered, when it is enough or has waited long enough. Never raises."""
        if self._waiting and (time.monotonic() >= self._next_write_s or AT_ONCE <= len(self._waiting) < WAITING_MAX):
            self.write()

    def write(self) -> None:
        """Write what has gathered. Never raises."""
        self._next_write_s = time.monotonic() + WRITE_EVERY_S
        self._write([self._waiting.popleft() for _ in range(len(self._waiting))])

    def close(self) -> None:
        """Write what is left and let go of the connection."""
        if self._waiting:
            self.write()
        self._disconnect()

    def _write(self, entries: list[Entry]) -> None:
        try:
            self._insert([_record_of(entry) for entry in entries])
        except Exception as error:  # noqa: BLE001  a story that cannot be kept must not cost the ledger its thread
            self._disconnect()
            self._not_written(entries, error)
        else:
            self._is_in_trouble = False

    def _insert(self, records: Sequence[Sequence[object]]) -> None:
        if self._connection is None:
            self._connection = self._database.engine.connect()
            self._database.relax(self._connection)
            self._connection.commit()
        with self._connection.begin():
            self._database.begin(self._connection, writes=True)
            self._statement.execute(self._connection, as_rows(records))

    def _not_written(self, entries: list[Entry], error: Exception) -> None:
        if isinstance(error, DBAPIError) and (self._database.is_trouble(error) or self._database.is_broken(error)):
            self._next_write_s = time.monotonic() + AWAY_S
            self._waiting.extendleft(reversed(entries))
            self._say(self._database.words(error), lost=0)
        elif len(entries) > 1:
            # One of them holds what the database cannot (a NUL in a message id): it must not cost the others.
            half = len(entries) // 2
            self._write(entries[:half])
            self._write(entries[half:])
        else:
            words = self._database.words(error) if isinstance(error, DBAPIError) else type(error).__name__
            self._say(words, lost=1)

    def _say(self, why: str, *, lost: int) -> None:
        # Once for each time of trouble: thousands of entries may follow.
        if not self._is_in_trouble:
            log.warning("story.not_kept", why=why, lost=lost)
        self._is_in_trouble = True

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(SQLAlchemyError):
                connection.close()


def read(connection: Connection, tenant: TenantName | None, booking: BookingId) -> list[Entry]:
    """The entries of a booking, the oldest first."""
    statement = select(story).where(story.c.booking_id == booking).order_by(story.c.at_us, story.c.entry_id)
    # A newer roomsync on the same ledger may have words that this one does not know.
    statement = statement.where(story.c.what.in_([what.value for what in What]))
    if tenant is not None:
        statement = statement.where(story.c.tenant == tenant)
    return [_entry_of(record) for record in connection.execute(statement)]


def expire(connection: Connection, now_us: int, keep_days: int) -> int:
    """Drop some of the entries that are too old, `EXPIRED_AT_ONCE` at most; returns how many."""
    old = select(story.c.entry_id).where(story.c.at_us < now_us - keep_days * DAY_US)
    some = old.order_by(story.c.at_us).limit(EXPIRED_AT_ONCE)
    return connection.execute(delete(story).where(story.c.entry_id.in_(some))).rowcount


def _record_of(entry: Entry) -> Sequence[object]:
    key = entry.key
    return (
        key.tenant,
        key.room,
        key.booking_id,
        as_us(entry.at),
        entry.what.value,
        entry.version,
        entry.command,
        entry.code,
        entry.detail,
        entry.wait_s,
        entry.attempt,
        # The publisher's own, and the one text that may hold what no database takes.
        entry.message_id and entry.message_id.replace("\0", "\N{SYMBOL FOR NULL}"),
        entry.actor,
    )


def _entry_of(record: Sequence[Any]) -> Entry:
    _, tenant, room, booking_id, at_us, what, version = record[:7]
    command, code, detail, wait_s, attempt, message_id, actor = record[7:]
    return Entry(
        key=BookingKey(tenant=TenantName(tenant), room=RoomAddress(room), booking_id=BookingId(booking_id)),
        at=from_us(at_us),
        what=What(what),
        version=version,
        command=command,
        code=code,
        detail=detail,
        wait_s=wait_s,
        attempt=attempt,
        message_id=message_id,
        actor=actor,
    )
