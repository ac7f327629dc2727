"""Auctions that were won, and run-sheets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two tables of their own."""
    op.create_table(
        "auction_wins",
        sa.Column("auction_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("product_id", sa.String(length=64), nullable=False),
        sa.Column("title", sa.String(length=480), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("won_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("auction_id", name=op.f("pk_auction_wins")),
    )
    op.create_index("auction_wins_by_user", "auction_wins", ["user_id"], unique=False)
    op.create_table(
        "run_sheets",
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("rev", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("sheet", sa.LargeBinary(), nullable=False),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("room_id", name=op.f("pk_run_sheets")),
    )


def downgrade() -> None:
    """Forget both."""
    op.drop_table("run_sheets")
    op.drop_index("auction_wins_by_user", table_name="auction_wins")
    op.drop_table("auction_wins")
