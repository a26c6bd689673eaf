"""The ledger's first tables: bookings by room, scanned rooms, the ledger's own id."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    _make_bookings()
    op.create_table(
        "roomsync_rooms",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("room", sa.Text, primary_key=True),
        sa.Column("scanned_us", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "roomsync_ledger",
        sa.Column("ledger_id", sa.Text, primary_key=True),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("made_us", sa.BigInteger, nullable=False),
    )


def _make_bookings() -> None:
    op.create_table(
        "roomsync_bookings",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("room", sa.Text, primary_key=True),
        sa.Column("booking_id", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("removed_version", sa.BigInteger, nullable=False),
        sa.Column("backend", sa.Text),
        sa.Column("item_id", sa.Text),
        sa.Column("change_key", sa.Text),
        sa.Column("command_digest", sa.Text),
        sa.Column("written_digest", sa.Text),
        sa.Column("snapshot", sa.Text),
        sa.Column("event_ends_us", sa.BigInteger),
        sa.Column("claim_token", sa.Text),
        sa.Column("claim_version", sa.BigInteger),
        sa.Column("claim_until_us", sa.BigInteger),
        sa.Column("recorded_us", sa.BigInteger, nullable=False),
        sa.CheckConstraint("state IN ('writing', 'present', 'absent')", name="roomsync_bookings_state"),
        sa.CheckConstraint(
            "state <> 'absent' OR (snapshot IS NULL AND written_digest IS NULL)", name="roomsync_bookings_tombstone"
        ),
        sa.CheckConstraint(
            "(claim_token IS NULL) = (claim_until_us IS NULL) AND (claim_token IS NULL) = (claim_version IS NULL)",
            name="roomsync_bookings_claim",
        ),
    )
    op.create_index("roomsync_bookings_by_booking", "roomsync_bookings", ["booking_id"])
