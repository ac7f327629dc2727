"""Channels of stock, pauses, eligibility, and more than one key for a hold."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Only new columns with a default, and one new table."""
    for name, kind, default in (
        ("paused", sa.Integer(), "0"),
        ("announced_rev", sa.BigInteger(), "0"),
        ("eligibility", sa.Text(), "{}"),
    ):
        op.add_column("sales", sa.Column(name, kind, server_default=default, nullable=False))
    op.execute("UPDATE sales SET announced_rev = stage_seq")
    for table, name, default in (
        ("sale_skus", "channels", "{}"),
        ("stock_changes", "channel", "live"),
        ("orders", "channel", "live"),
    ):
        kind = sa.Text() if name == "channels" else sa.String(length=64)
        op.add_column(table, sa.Column(name, kind, server_default=default, nullable=False))
    op.add_column("stock_changes", sa.Column("to_channel", sa.String(length=64), nullable=True))
    op.create_table(
        "order_keys",
        sa.Column("sale_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("order_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["sale_id"], ["sales.sale_id"], name=op.f("fk_order_keys_sale_id_sales")
        ),
        sa.PrimaryKeyConstraint("sale_id", "user_id", "key", name=op.f("pk_order_keys")),
    )
    op.create_index(op.f("ix_order_keys_order_id"), "order_keys", ["order_id"], unique=False)


def downgrade() -> None:
    """Back to one channel; what other channels had is not told apart any more."""
    op.drop_table("order_keys")
    for table, name in (
        ("stock_changes", "to_channel"),
        ("orders", "channel"),
        ("stock_changes", "channel"),
        ("sale_skus", "channels"),
        ("sales", "eligibility"),
        ("sales", "announced_rev"),
        ("sales", "paused"),
    ):
        op.drop_column(table, name)
