"""A table for what befell each booking: one row an entry, only ever added, dropped when old."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "roomsync_story",
        # SQLite numbers rows by itself only where the key is its own INTEGER.
        sa.Column("entry_id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("room", sa.Text, nullable=False),
        sa.Column("booking_id", sa.Text, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger),
        sa.Column("command", sa.Text),
        sa.Column("code", sa.Text),
        sa.Column("detail", sa.Text),
        sa.Column("wait_s", sa.BigInteger),
        sa.Column("attempt", sa.BigInteger),
        sa.Column("message_id", sa.Text),
        sa.Column("actor", sa.Text),
    )
    op.create_index("roomsync_story_by_booking", "roomsync_story", ["booking_id", "tenant"])
    op.create_index("roomsync_story_by_age", "roomsync_story", ["at_us"])
