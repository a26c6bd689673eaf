"""The tables, and how a ledger row lies in them; instants are microseconds since 1970, the same in every database."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, MetaData, Table, Text

from adapters.calendar import BookingId, ItemRef, RoomAddress, TenantName
from adapters.ledger import BookingKey, Claim, LedgerRow, State

metadata = MetaData()

bookings = Table(
    "roomsync_bookings",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("room", Text, primary_key=True),
    Column("booking_id", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("removed_version", BigInteger, nullable=False),
    Column("backend", Text),
    Column("item_id", Text),
    Column("change_key", Text),
    Column("command_digest", Text),
    Column("written_digest", Text),
    Column("snapshot", Text),
    Column("event_ends_us", BigInteger),
    Column("claim_token", Text),
    Column("claim_version", BigInteger),
    Column("claim_until_us", BigInteger),
    Column("recorded_us", BigInteger, nullable=False),
    CheckConstraint("state IN ('writing', 'present', 'absent')", name="roomsync_bookings_state"),
    CheckConstraint(
        "state <> 'absent' OR (snapshot IS NULL AND written_digest IS NULL)", name="roomsync_bookings_tombstone"
    ),
    CheckConstraint(
        "(claim_token IS NULL) = (claim_until_us IS NULL) AND (claim_token IS NULL) = (claim_version IS NULL)",
        name="roomsync_bookings_claim",
    ),
    Index("roomsync_bookings_by_booking", "booking_id"),
)

rooms = Table(
    "roomsync_rooms",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("room", Text, primary_key=True),
    Column("scanned_us", BigInteger, nullable=False),
)

breakers = Table(
    "roomsync_breakers",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("code", Text, nullable=False),
    Column("detail", Text),
    Column("opened_us", BigInteger, nullable=False),
    Column("next_probe_us", BigInteger, nullable=False),
    Column("probes", BigInteger, nullable=False),
    Column("tried", Text, nullable=False),
)

ledgers = Table(
    "roomsync_ledger",
    metadata,
    Column("ledger_id", Text, primary_key=True),
    Column("generation", BigInteger, nullable=False),
    Column("made_us", BigInteger, nullable=False),
)

story = Table(
    "roomsync_story",
    metadata,
    Column("entry_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("room", Text, nullable=False),
    Column("booking_id", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("what", Text, nullable=False),
    Column("version", BigInteger),
    Column("command", Text),
    Column("code", Text),
    Column("detail", Text),
    Column("wait_s", BigInteger),
    Column("attempt", BigInteger),
    Column("message_id", Text),
    Column("actor", Text),
    Index("roomsync_story_by_booking", "booking_id", "tenant"),
    Index("roomsync_story_by_age", "at_us"),
)

audits = Table(
    "roomsync_audit",
    metadata,
    Column("record_id", Text, primary_key=True),
    Column("action", Text, nullable=False),
    Column("operator", Text, nullable=False),
    Column("begun_us", BigInteger, nullable=False),
    Column("selection", Text, nullable=False),
    Column("planned_count", BigInteger, nullable=False),
    Column("reason", Text),
    Column("finished_us", BigInteger),
    Column("counts", Text, nullable=False),
    Index("roomsync_audit_by_age", "begun_us"),
)

audit_messages = Table(
    "roomsync_audit_messages",
    metadata,
    Column("entry_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("record_id", Text, nullable=False),
    Column("failed_id", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("tenant", Text),
    Column("room", Text),
    Column("booking_id", Text),
    Column("version", BigInteger),
    Column("message_id", Text),
    Column("changes", Text),
    Index("roomsync_audit_messages_by_record", "record_id"),
)

_EPOCH_AT = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND_US = 1_000_000
DAY_US = 86_400 * _SECOND_US


def as_us(at: datetime) -> int:
    """The instant in microseconds since 1970, exactly."""
    return (at - _EPOCH_AT) // timedelta(microseconds=1)


def from_us(at_us: int) -> datetime:
    """The instant, in UTC, that lies `at_us` microseconds after 1970."""
    return _EPOCH_AT + timedelta(microseconds=at_us)


def row_of(record: Sequence[Any], now_us: int) -> LedgerRow:
    """The ledger row that a record of `bookings` (all columns, in their order) holds, as of `now_us`."""
    (tenant, room, booking_id, state, version, removed_version, backend, item_id, change_key) = record[:9]
    (command_digest, written_digest, snapshot, ends_us, token, claim_version, until_us) = record[9:16]
    return LedgerRow(
        key=BookingKey(tenant=TenantName(tenant), room=RoomAddress(room), booking_id=BookingId(booking_id)),
        state=State(state),
        version=version,
        removed_version=removed_version,
        backend=backend,
        item=None if item_id is None else ItemRef(item_id=item_id, change_key=change_key),
        command_digest=command_digest,
        written_digest=written_digest,
        snapshot=snapshot,
        event_ends_at=None if ends_us is None else from_us(ends_us),
        claim=None
        if token is None
        else Claim(token=token, version=claim_version, remaining_s=(until_us - now_us) / _SECOND_US),
    )


def record_of(row: LedgerRow, now_us: int) -> Sequence[object]:
    """The record of `bookings` (all columns, in their order) that holds the row, recorded at `now_us`.

    A claim's end survives reading and writing unchanged: both reckon from the same `now_us`, and rounding takes
    back what the division lost.
    """
    key, item, claim = row.key, row.item, row.claim
    return (
        key.tenant,
        key.room,
        key.booking_id,
        row.state.value,
        row.version,
        row.removed_version,
        row.backend,
        item.item_id if item else None,
        item.change_key if item else None,
        row.command_digest,
        row.written_digest,
        row.snapshot,
        None if row.event_ends_at is None else as_us(row.event_ends_at),
        claim.token if claim else None,
        claim.version if claim else None,
        now_us + round(claim.remaining_s * _SECOND_US) if claim else None,
        now_us,
    )
