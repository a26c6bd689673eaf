"""Tables for what operators did with failed messages: the actions, and the messages that each one touched."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "roomsync_audit",
        sa.Column("record_id", sa.Text, primary_key=True),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("operator", sa.Text, nullable=False),
        sa.Column("begun_us", sa.BigInteger, nullable=False),
        sa.Column("selection", sa.Text, nullable=False),
        sa.Column("planned_count", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("finished_us", sa.BigInteger),
        sa.Column("counts", sa.Text, nullable=False),
    )
    op.create_index("roomsync_audit_by_age", "roomsync_audit", ["begun_us"])
    op.create_table(
        "roomsync_audit_messages",
        # SQLite numbers rows by itself only where the key is its own INTEGER.
        sa.Column("entry_id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("record_id", sa.Text, nullable=False),
        sa.Column("failed_id", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("tenant", sa.Text),
        sa.Column("room", sa.Text),
        sa.Column("booking_id", sa.Text),
        sa.Column("version", sa.BigInteger),
        sa.Column("message_id", sa.Text),
        sa.Column("changes", sa.Text),
    )
    op.create_index("roomsync_audit_messages_by_record", "roomsync_audit_messages", ["record_id"])
