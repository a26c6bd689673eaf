"""What a transaction costs in statements, and that a record keeps what it was given, to the microsecond."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, event

from adapters.calendar import BookingId, ItemRef, RoomAddress, TenantName
from adapters.ledger import BookingKey, Claim, ClaimRequest, CompareAndSwap, LedgerRow, State
from adapters.sql import SqlLedger, open_ledger
from adapters.sql.schema import as_us, bookings, from_us, record_of, row_of

READ = "SELECT json_group_array(json_array(anon_1.tenant,"
ACME, BOARD = TenantName("acme"), RoomAddress("board@acme.example")
KEY = BookingKey(tenant=ACME, room=BOARD, booking_id=BookingId("B-1"))
ZONES = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))])  # fixed: in a gap of a zone none is equal
INSTANTS = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=ZONES)  # noqa: DTZ001  zone given
TEXTS = st.none() | st.text()
ROWS = st.builds(
    LedgerRow,
    key=st.just(BookingKey(tenant=ACME, room=BOARD, booking_id=BookingId("B-1"))),
    state=st.sampled_from(State),
    version=st.integers(0, 2**53 - 1),
    removed_version=st.integers(0, 2**53 - 1),
    backend=TEXTS,
    item=st.none() | st.builds(ItemRef, item_id=st.text(), change_key=TEXTS),
    command_digest=TEXTS,
    written_digest=TEXTS,
    snapshot=TEXTS,
    event_ends_at=st.none() | INSTANTS,
)


@given(row=ROWS, now_at=INSTANTS)
def test_a_record_holds_the_whole_row(row: LedgerRow, now_at: datetime) -> None:
    assert row_of(record_of(row, as_us(now_at)), as_us(now_at)) == row


@given(until_us=st.integers(0, 2**51), read_us=st.integers(0, 2**51))
def test_a_claim_s_end_survives_being_read_and_written(until_us: int, read_us: int) -> None:
    claim = Claim(token="t", version=1, remaining_s=(until_us - read_us) / 1_000_000)
    row = LedgerRow(key=BookingKey(tenant=ACME, room=BOARD, booking_id=BookingId("B-1")), claim=claim)
    assert dict(zip(bookings.c.keys(), record_of(row, read_us), strict=True))["claim_until_us"] == until_us


@given(at=INSTANTS)
def test_an_instant_survives_as_microseconds(at: datetime) -> None:
    assert from_us(as_us(at)) == at
    assert from_us(as_us(at)).utcoffset() == timedelta()


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SqlLedger]:
    ledger = await open_ledger(f"sqlite:///{tmp_path}/ledger.db")
    yield ledger
    await ledger.close()


async def test_twenty_bookings_of_a_room_cost_as_many_statements_as_one(ledger: SqlLedger) -> None:
    fresh = [
        LedgerRow(key=BookingKey(tenant=ACME, room=BOARD, booking_id=BookingId(f"B-{number}"))) for number in range(20)
    ]
    with statements(ledger) as seen:
        rows = await ledger.claim([ClaimRequest(row=row, version=1, state=State.WRITING) for row in fresh], for_s=90)
        swaps = [CompareAndSwap(before=row, after=row.settled(state=State.PRESENT, version=1)) for row in rows if row]
        assert await ledger.swap(swaps) == [True] * 20
        assert len(await ledger.rows(ACME, BOARD, [row.key.booking_id for row in fresh])) == 20
    assert [words(statement) for statement in seen] == [
        *("BEGIN IMMEDIATE", READ, "INSERT INTO"),
        *("BEGIN IMMEDIATE", READ, "UPDATE roomsync_bookings"),
        *("BEGIN", READ),
    ]


async def test_bookings_of_many_rooms_are_read_and_locked_by_one_statement(ledger: SqlLedger) -> None:
    keys = [
        BookingKey(tenant=ACME, room=RoomAddress(f"room-{number}@acme.example"), booking_id=BookingId("B-1"))
        for number in range(20)
    ]
    with statements(ledger) as seen:
        await ledger.bar([(key, 1) for key in keys])
    assert [words(statement) for statement in seen] == [
        *("BEGIN IMMEDIATE", READ, "INSERT INTO"),
    ]
    await ledger.bar([(key, 2) for key in reversed(keys)])
    rows = [row for key in keys for row in await ledger.rows(key.tenant, key.room, [key.booking_id])]
    assert [(row.key, row.removed_version) for row in rows] == [(key, 2) for key in keys]


async def test_reading_bookings_uses_the_key_and_never_the_whole_table(ledger: SqlLedger) -> None:
    with statements(ledger) as seen:
        await ledger.rows(ACME, BOARD, [BookingId("B-1"), BookingId("B-2")])
        await ledger.claim([ClaimRequest(row=LedgerRow(key=KEY), version=1, state=State.WRITING)], for_s=90)
    reads = [statement for statement in seen if statement.startswith("SELECT")]
    assert len(reads) == 2
    for read in reads:
        with ledger._database.engine.connect() as connection:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {read}", ('[["a", "b", "c"]]',)).all()
        steps = [step.detail for step in plan if "roomsync" in step.detail]
        assert steps == [
            "SEARCH roomsync_bookings USING INDEX sqlite_autoindex_roomsync_bookings_1"
            " (tenant=? AND room=? AND booking_id=?)"
        ]


async def test_a_change_that_changes_nothing_is_not_written(ledger: SqlLedger) -> None:
    await ledger.bar([(KEY, 3)])
    with statements(ledger) as seen:
        await ledger.bar([(KEY, 2)])
    assert [words(statement) for statement in seen] == [
        "BEGIN IMMEDIATE",
        READ,
    ]


@contextmanager
def statements(ledger: SqlLedger) -> Iterator[list[str]]:
    """The statements that the ledger's connections run meanwhile."""
    seen: list[str] = []

    def remember(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    engine: Engine = ledger._database.engine
    event.listen(engine, "before_cursor_execute", remember)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", remember)


def words(statement: str) -> str:
    return " ".join(statement.split()[:2])
