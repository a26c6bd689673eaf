"""A table for open breakers: tenants that nobody asks but now and then a probe, for all workers together."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "roomsync_breakers",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("detail", sa.Text),
        sa.Column("opened_us", sa.BigInteger, nullable=False),
        sa.Column("next_probe_us", sa.BigInteger, nullable=False),
        sa.Column("probes", sa.BigInteger, nullable=False),
        sa.Column("tried", sa.Text, nullable=False),
    )
