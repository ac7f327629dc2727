"""Several refunds a payment, each with its own end; providers' own ids; wider order status."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Widen, add, and make `refunds` anew with what is in it."""
    _set_width_of_order_status(32)
    op.add_column("payments", sa.Column("reference", sa.String(length=255), nullable=True))
    op.add_column(
        "payments",
        sa.Column("refunded_cents", sa.BigInteger(), server_default="0", nullable=False),
    )
    op.execute("UPDATE payments SET refunded_cents = amount_cents WHERE resolution = 'refund'")
    op.add_column("sandbox_bank", sa.Column("amount_cents", sa.BigInteger(), nullable=True))
    op.execute("CREATE TABLE refunds_before AS SELECT * FROM refunds")
    op.drop_table("refunds")
    op.create_table(
        "refunds",
        sa.Column("refund_id", sa.String(length=64), nullable=False),
        sa.Column("payment_id", sa.String(length=64), nullable=False),
        sa.Column("order_id", sa.String(length=64), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("key", sa.String(length=128), nullable=True),
        sa.Column("fingerprint", sa.String(length=24), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("lines", sa.Text(), nullable=False),
        sa.Column("stock", sa.String(length=16), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("asked_ms", sa.BigInteger(), nullable=False),
        sa.Column("ended_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payments.payment_id"], name=op.f("fk_refunds_payment_id_payments")
        ),
        sa.PrimaryKeyConstraint("refund_id", name=op.f("pk_refunds")),
        sa.UniqueConstraint("payment_id", "key", name="uq_refunds_request"),
    )
    op.create_index("ix_refunds_status", "refunds", ["status", "asked_ms"], unique=False)
    op.create_index(op.f("ix_refunds_order_id"), "refunds", ["order_id"], unique=False)
    op.create_index(op.f("ix_refunds_stock"), "refunds", ["stock"], unique=False)
    op.execute(
        "INSERT INTO refunds (refund_id, payment_id, order_id, amount_cents, currency, reason, "
        "status, fingerprint, actor, lines, stock, created_ms, asked_ms) "
        "SELECT refund_id, payment_id, order_id, amount_cents, currency, reason, "
        "CASE sent WHEN 'yes' THEN 'succeeded' ELSE 'pending' END, '', '', '[]', 'kept', "
        "created_ms, 0 FROM refunds_before"
    )
    op.drop_table("refunds_before")


def downgrade() -> None:
    """Back to one refund a payment; the later ones of a payment are forgotten."""
    op.execute("CREATE TABLE refunds_after AS SELECT * FROM refunds")
    op.drop_table("refunds")
    op.create_table(
        "refunds",
        sa.Column("refund_id", sa.String(length=64), nullable=False),
        sa.Column("payment_id", sa.String(length=64), nullable=True),
        sa.Column("order_id", sa.String(length=64), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("sent", sa.String(length=3), nullable=False),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payments.payment_id"], name=op.f("fk_refunds_payment_id_payments")
        ),
        sa.PrimaryKeyConstraint("refund_id", name=op.f("pk_refunds")),
        sa.UniqueConstraint("payment_id"),
    )
    op.create_index(op.f("ix_refunds_sent"), "refunds", ["sent"], unique=False)
    op.execute(
        "INSERT INTO refunds SELECT refund_id, payment_id, order_id, amount_cents, currency, "
        "reason, created_ms, CASE status WHEN 'pending' THEN 'no' ELSE 'yes' END "
        "FROM refunds_after WHERE refund_id IN "
        "(SELECT MIN(refund_id) FROM refunds_after GROUP BY payment_id)"
    )
    op.drop_table("refunds_after")
    op.drop_column("sandbox_bank", "amount_cents")
    op.drop_column("payments", "refunded_cents")
    op.drop_column("payments", "reference")
    op.execute("UPDATE orders SET status = 'paid' WHERE status = 'partially_refunded'")
    _set_width_of_order_status(16)


def _set_width_of_order_status(chars: int) -> None:
    """SQLite cannot change a column, and a table with references to it cannot be made anew."""
    if op.get_bind().dialect.name != "sqlite":
        op.alter_column("orders", "status", type_=sa.String(length=chars), existing_nullable=False)
        return
    op.execute("ALTER TABLE orders RENAME COLUMN status TO status_before")
    op.add_column(
        "orders",
        sa.Column("status", sa.String(length=chars), server_default="placed", nullable=False),
    )
    op.execute("UPDATE orders SET status = status_before")
    op.execute("ALTER TABLE orders DROP COLUMN status_before")
