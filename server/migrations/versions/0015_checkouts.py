"""What a checkout of a cart buys, kept for its key."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A table of its own."""
    op.create_table(
        "checkout_plans",
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "room_id", "key", name=op.f("pk_checkout_plans")),
    )
    op.create_index(
        op.f("ix_checkout_plans_created_ms"), "checkout_plans", ["created_ms"], unique=False
    )


def downgrade() -> None:
    """A key asked again then makes a new plan of what is in the cart."""
    op.drop_index(op.f("ix_checkout_plans_created_ms"), table_name="checkout_plans")
    op.drop_table("checkout_plans")
