"""Coupons, points, commissions, carts and webhooks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """New tables only."""
    op.create_table(
        "add_ons",
        sa.Column("sale_id", sa.String(length=64), nullable=False),
        sa.Column("sku_id", sa.String(length=64), nullable=False),
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("unit_cents", sa.BigInteger(), nullable=False),
        sa.Column("threshold_cents", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sale_id", "sku_id", name=op.f("pk_add_ons")),
    )
    op.create_index(op.f("ix_add_ons_room_id"), "add_ons", ["room_id"], unique=False)
    op.create_table(
        "benefit_holds",
        sa.Column("hold_id", sa.String(length=64), nullable=False),
        sa.Column("sale_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("ask", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("in_flight", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("off_cents", sa.BigInteger(), nullable=False),
        sa.Column("discounts", sa.Text(), nullable=False),
        sa.Column("order_id", sa.String(length=64), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("looked_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hold_id", name=op.f("pk_benefit_holds")),
        sa.UniqueConstraint("sale_id", "user_id", "key", name="uq_benefit_holds_request"),
    )
    op.create_index(op.f("ix_benefit_holds_order_id"), "benefit_holds", ["order_id"], unique=False)
    op.create_index("ix_benefit_holds_state", "benefit_holds", ["state", "looked_ms"], unique=False)
    op.create_table(
        "carts",
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("sale_id", sa.String(length=64), nullable=False),
        sa.Column("sku_id", sa.String(length=64), nullable=False),
        sa.Column("qty", sa.Integer(), nullable=False),
        sa.Column("put_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "room_id", "sale_id", "sku_id", name=op.f("pk_carts")),
    )
    op.create_table(
        "commission_rates",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("product_id", sa.String(length=64), nullable=False),
        sa.Column("host_id", sa.String(length=64), nullable=False),
        sa.Column("rate_bp", sa.Integer(), nullable=False),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_commission_rates")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_commission_rates_room_id"), "commission_rates", ["room_id"], unique=False
    )
    op.create_table(
        "commissions",
        sa.Column("order_id", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("host_id", sa.String(length=64), nullable=False),
        sa.Column("product_id", sa.String(length=64), nullable=False),
        sa.Column("sku_id", sa.String(length=64), nullable=False),
        sa.Column("base_cents", sa.BigInteger(), nullable=False),
        sa.Column("rate_bp", sa.Integer(), nullable=False),
        sa.Column("commission_cents", sa.BigInteger(), nullable=False),
        sa.Column("reversed_cents", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("order_id", "position", name=op.f("pk_commissions")),
    )
    op.create_index("ix_commissions_room", "commissions", ["room_id", "created_ms"], unique=False)
    op.create_table(
        "coupon_claims",
        sa.Column("claim_id", sa.String(length=160), nullable=False),
        sa.Column("coupon_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("claimed_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("hold_id", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("claim_id", name=op.f("pk_coupon_claims")),
    )
    op.create_index(
        "ix_coupon_claims_coupon", "coupon_claims", ["coupon_id", "user_id"], unique=False
    )
    op.create_index(op.f("ix_coupon_claims_hold_id"), "coupon_claims", ["hold_id"], unique=False)
    op.create_index(
        "ix_coupon_claims_user", "coupon_claims", ["user_id", "claimed_ms"], unique=False
    )
    op.create_table(
        "coupons",
        sa.Column("coupon_id", sa.String(length=64), nullable=False),
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column("off_cents", sa.BigInteger(), nullable=False),
        sa.Column("percent", sa.Integer(), nullable=False),
        sa.Column("threshold_cents", sa.BigInteger(), nullable=False),
        sa.Column("quota", sa.Integer(), nullable=False),
        sa.Column("per_user", sa.Integer(), nullable=False),
        sa.Column("valid_s", sa.Integer(), nullable=False),
        sa.Column("task", sa.String(length=16), nullable=False),
        sa.Column("watch_s", sa.Integer(), nullable=False),
        sa.Column("segment", sa.String(length=16), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("closes_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("coupon_id", name=op.f("pk_coupons")),
    )
    op.create_index(op.f("ix_coupons_closes_ms"), "coupons", ["closes_ms"], unique=False)
    op.create_index(op.f("ix_coupons_room_id"), "coupons", ["room_id"], unique=False)
    op.create_table(
        "lottery_wins",
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("lottery_id", sa.String(length=64), nullable=False),
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("won_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "lottery_id"),
    )
    op.create_table(
        "points_balances",
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_points_balances")),
    )
    op.create_table(
        "points_ledger",
        sa.Column("entry_key", sa.String(length=200), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.String(length=64), nullable=True),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("entry_key", name=op.f("pk_points_ledger")),
    )
    op.create_index(op.f("ix_points_ledger_order_id"), "points_ledger", ["order_id"], unique=False)
    op.create_index("ix_points_ledger_user", "points_ledger", ["user_id", "at_ms"], unique=False)
    op.create_table(
        "webhook_deliveries",
        sa.Column("webhook_id", sa.String(length=64), nullable=False),
        sa.Column("event_id", sa.String(length=160), nullable=False),
        sa.Column("event", sa.String(length=32), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_ms", sa.BigInteger(), nullable=False),
        sa.Column("answer", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("webhook_id", "event_id", name=op.f("pk_webhook_deliveries")),
    )
    op.create_index(
        "ix_webhook_deliveries_due", "webhook_deliveries", ["state", "next_ms"], unique=False
    )
    op.create_table(
        "webhook_outbox",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("event_id", sa.String(length=160), nullable=False),
        sa.Column("event", sa.String(length=32), nullable=False),
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("spread", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_webhook_outbox")),
        sa.UniqueConstraint("event_id"),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_webhook_outbox_at_ms"), "webhook_outbox", ["at_ms"], unique=False)
    op.create_index(op.f("ix_webhook_outbox_spread"), "webhook_outbox", ["spread"], unique=False)
    op.create_table(
        "webhooks",
        sa.Column("webhook_id", sa.String(length=64), nullable=False),
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.String(length=128), nullable=False),
        sa.Column("events", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("webhook_id", name=op.f("pk_webhooks")),
    )


def downgrade() -> None:
    """Forget them."""
    op.drop_table("webhooks")
    op.drop_table("webhook_outbox")
    op.drop_table("webhook_deliveries")
    op.drop_table("points_ledger")
    op.drop_table("points_balances")
    op.drop_table("lottery_wins")
    op.drop_table("coupons")
    op.drop_table("coupon_claims")
    op.drop_table("commissions")
    op.drop_table("commission_rates")
    op.drop_table("carts")
    op.drop_table("benefit_holds")
    op.drop_table("add_ons")
