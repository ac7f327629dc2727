"""How people get to a sale: lines, puzzles and limits."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One row for each sale that is not open to everybody."""
    op.create_table(
        "sale_doors",
        sa.Column("sale_id", sa.String(length=64), nullable=False),
        sa.Column("seed", sa.String(length=64), nullable=False),
        sa.Column("rate_per_s", sa.Integer(), nullable=False),
        sa.Column("opens_before_s", sa.Integer(), nullable=False),
        sa.Column("puzzle_bits", sa.Integer(), nullable=False),
        sa.Column("limit_user", sa.Integer(), nullable=False),
        sa.Column("limit_device", sa.Integer(), nullable=False),
        sa.Column("limit_address", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("sale_id", name=op.f("pk_sale_doors")),
    )


def downgrade() -> None:
    op.drop_table("sale_doors")
