"""Followers of hosts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two new tables."""
    op.create_table(
        "follows",
        sa.Column("host_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("host_id", "user_id", name=op.f("pk_follows")),
    )
    op.create_index("follows_by_user", "follows", ["user_id"], unique=False)
    op.create_table(
        "follow_counts",
        sa.Column("host_id", sa.String(length=64), nullable=False),
        sa.Column("followers", sa.BigInteger(), nullable=False),
        sa.Column("rev", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("host_id", name=op.f("pk_follow_counts")),
    )


def downgrade() -> None:
    """Nobody follows anybody."""
    op.drop_table("follow_counts")
    op.drop_index("follows_by_user", table_name="follows")
    op.drop_table("follows")
