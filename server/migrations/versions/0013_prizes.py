"""Receipts of open lotteries, and the standings of winners."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two new tables."""
    op.create_table(
        "lottery_entries",
        sa.Column("lottery_id", sa.String(length=64), nullable=False),
        sa.Column("idx", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("running_hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("lottery_id", "idx", name=op.f("pk_lottery_entries")),
    )
    op.create_index(
        "lottery_entries_by_user", "lottery_entries", ["lottery_id", "user_id"], unique=True
    )
    op.create_table(
        "lottery_claims",
        sa.Column("lottery_id", sa.String(length=64), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("score", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("claim_by_ms", sa.BigInteger(), nullable=False),
        sa.Column("claimed_ms", sa.BigInteger(), nullable=False),
        sa.Column("form", sa.LargeBinary(), nullable=True),
        sa.Column("removal", sa.Integer(), nullable=True),
        sa.Column("removed_ms", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.String(length=800), nullable=False),
        sa.Column("told", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("lottery_id", "rank", name=op.f("pk_lottery_claims")),
    )
    for name, columns, unique in (
        ("lottery_claims_by_user", ["user_id", "lottery_id"], True),
        ("lottery_claims_by_removal", ["lottery_id", "removal"], True),
        ("lottery_claims_due", ["state", "claim_by_ms"], False),
        ("lottery_claims_untold", ["told"], False),
    ):
        op.create_index(name, "lottery_claims", columns, unique=unique)


def downgrade() -> None:
    """Winners keep their wins; how their claims stood is forgotten."""
    op.drop_table("lottery_claims")
    op.drop_table("lottery_entries")
