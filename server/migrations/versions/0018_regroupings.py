"""Orders that were split or merged share what was kept for them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two tables; orders split before had no discounts to share."""
    op.create_table(
        "benefit_parts",
        sa.Column("hold_id", sa.String(length=64), nullable=False),
        sa.Column("order_id", sa.String(length=64), nullable=False),
        sa.Column("from_order", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("hold_id", "order_id", "from_order", name=op.f("pk_benefit_parts")),
    )
    op.create_index("ix_benefit_parts_order", "benefit_parts", ["order_id"], unique=False)
    op.create_index("ix_benefit_parts_from", "benefit_parts", ["from_order"], unique=False)
    op.create_table(
        "regroup_plans",
        sa.Column("order_id", sa.String(length=64), nullable=False),
        sa.Column("sale_id", sa.String(length=64), nullable=False),
        sa.Column("olds", sa.Text(), nullable=False),
        sa.Column("commissions", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("looked_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_regroup_plans")),
    )
    op.create_index("ix_regroup_plans_state", "regroup_plans", ["state", "looked_ms"], unique=False)


def downgrade() -> None:
    """Forget the shares; coupons and points of orders that are still open stay taken."""
    op.drop_index("ix_regroup_plans_state", table_name="regroup_plans")
    op.drop_table("regroup_plans")
    op.drop_index("ix_benefit_parts_from", table_name="benefit_parts")
    op.drop_index("ix_benefit_parts_order", table_name="benefit_parts")
    op.drop_table("benefit_parts")
