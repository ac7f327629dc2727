"""Coupons that paid orders bring their buyers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A column and a table; coupons of before are given to nobody by themselves."""
    op.add_column(
        "coupons",
        sa.Column("repurchase", sa.String(length=16), server_default="", nullable=False),
    )
    op.create_table(
        "repurchase_grants",
        sa.Column("coupon_id", sa.String(length=64), nullable=False),
        sa.Column("order_id", sa.String(length=64), nullable=False),
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("paid_ms", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.PrimaryKeyConstraint("coupon_id", "order_id", name=op.f("pk_repurchase_grants")),
    )
    op.create_index(
        "ix_repurchase_grants_outcome", "repurchase_grants", ["outcome", "paid_ms"], unique=False
    )


def downgrade() -> None:
    """Forget who was given what by an order; the coupons themselves stay claimed."""
    op.drop_index("ix_repurchase_grants_outcome", table_name="repurchase_grants")
    op.drop_table("repurchase_grants")
    op.drop_column("coupons", "repurchase")
