"""The SQL tables of what goes with an order: coupons, points, commissions, carts, webhooks.

Only shapes, in the same metadata as `tables.py`. Times are epoch milliseconds, money is integer
cents, rates are hundredths of a percent.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from flash_sale.storage.tables import RowNumber, metadata

coupons = Table(
    "coupons",
    metadata,
    Column("coupon_id", String(64), primary_key=True),
    Column("room_id", String(64), nullable=False, index=True),
    Column("title", Text, nullable=False),
    Column("scope", String(16), nullable=False),
    Column("off_cents", BigInteger, nullable=False),
    Column("percent", Integer, nullable=False),
    Column("threshold_cents", BigInteger, nullable=False),
    Column("quota", Integer, nullable=False),
    Column("per_user", Integer, nullable=False),
    Column("valid_s", Integer, nullable=False),
    Column("task", String(16), nullable=False),
    Column("watch_s", Integer, nullable=False),
    Column("segment", String(16), nullable=False),
    Column("repurchase", String(16), nullable=False, server_default=""),
    Column("created_ms", BigInteger, nullable=False),
    Column("closes_ms", BigInteger, nullable=False, index=True),
)

coupon_claims = Table(
    "coupon_claims",
    metadata,
    Column("claim_id", String(160), primary_key=True),
    Column("coupon_id", String(64), nullable=False),
    Column("user_id", String(64), nullable=False),
    Column("number", Integer, nullable=False),
    Column("key", String(128), nullable=False),
    Column("claimed_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("hold_id", String(64), index=True),
    Index("ix_coupon_claims_user", "user_id", "claimed_ms"),
    Index("ix_coupon_claims_coupon", "coupon_id", "user_id"),
)

# A coupon that a paid order may bring its buyer, written with the payment; `outcome` NULL: not yet
# looked at.
repurchase_grants = Table(
    "repurchase_grants",
    metadata,
    Column("coupon_id", String(64), primary_key=True),
    Column("order_id", String(64), primary_key=True),
    Column("room_id", String(64), nullable=False),
    Column("user_id", String(64), nullable=False),
    Column("paid_ms", BigInteger, nullable=False),
    Column("outcome", String(16)),
    Index("ix_repurchase_grants_outcome", "outcome", "paid_ms"),
)

# What a buy took with it: coupons and points, kept for one reservation.
benefit_holds = Table(
    "benefit_holds",
    metadata,
    Column("hold_id", String(64), primary_key=True),
    Column("sale_id", String(64), nullable=False),
    Column("user_id", String(64), nullable=False),
    Column("key", String(128), nullable=False),
    Column("ask", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("in_flight", Integer, nullable=False),
    Column("round", Integer, nullable=False),
    Column("points", BigInteger, nullable=False),
    Column("off_cents", BigInteger, nullable=False),
    Column("discounts", Text, nullable=False),
    Column("order_id", String(64), index=True),
    Column("created_ms", BigInteger, nullable=False),
    Column("looked_ms", BigInteger, nullable=False),
    UniqueConstraint("sale_id", "user_id", "key", name="uq_benefit_holds_request"),
    Index("ix_benefit_holds_state", "state", "looked_ms"),
)

# Orders that were split or merged share what their holds took: who has which points of it, by the
# old order they came from ("": the hold's own). `benefit_holds.state` is then "parted".
benefit_parts = Table(
    "benefit_parts",
    metadata,
    Column("hold_id", String(64), primary_key=True),
    Column("order_id", String(64), primary_key=True),
    Column("from_order", String(64), primary_key=True),
    Column("user_id", String(64), nullable=False),
    Column("points", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("round", Integer, nullable=False),
    Index("ix_benefit_parts_order", "order_id"),
    Index("ix_benefit_parts_from", "from_order"),
)

# What an order that is being made of others takes over, written before it is made.
regroup_plans = Table(
    "regroup_plans",
    metadata,
    Column("order_id", String(64), primary_key=True),
    Column("sale_id", String(64), nullable=False),
    Column("olds", Text, nullable=False),
    Column("commissions", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("looked_ms", BigInteger, nullable=False),
    Index("ix_regroup_plans_state", "state", "looked_ms"),
)

points_ledger = Table(
    "points_ledger",
    metadata,
    Column("entry_key", String(200), primary_key=True),
    Column("user_id", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("points", BigInteger, nullable=False),
    Column("order_id", String(64), index=True),
    Column("at_ms", BigInteger, nullable=False),
    Index("ix_points_ledger_user", "user_id", "at_ms"),
)

points_balances = Table(
    "points_balances",
    metadata,
    Column("user_id", String(64), primary_key=True),
    Column("points", BigInteger, nullable=False),
)

commission_rates = Table(
    "commission_rates",
    metadata,
    Column("number", RowNumber, primary_key=True, autoincrement=True),
    Column("room_id", String(64), nullable=False, index=True),
    Column("product_id", String(64), nullable=False),  # "" is every other product
    Column("host_id", String(64), nullable=False),
    Column("rate_bp", Integer, nullable=False),
    Column("from_ms", BigInteger, nullable=False),
    Column("actor", String(64), nullable=False),
    sqlite_autoincrement=True,
)

commissions = Table(
    "commissions",
    metadata,
    Column("order_id", String(64), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("room_id", String(64), nullable=False),
    Column("host_id", String(64), nullable=False),
    Column("product_id", String(64), nullable=False),
    Column("sku_id", String(64), nullable=False),
    Column("base_cents", BigInteger, nullable=False),
    Column("rate_bp", Integer, nullable=False),
    Column("commission_cents", BigInteger, nullable=False),
    Column("reversed_cents", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Index("ix_commissions_room", "room_id", "created_ms"),
)

carts = Table(
    "carts",
    metadata,
    Column("user_id", String(64), primary_key=True),
    Column("room_id", String(64), primary_key=True),
    Column("sale_id", String(64), primary_key=True),
    Column("sku_id", String(64), primary_key=True),
    Column("qty", Integer, nullable=False),
    Column("put_ms", BigInteger, nullable=False),
)

# What a checkout's key buys, written before its first sale is asked; bit n of `done`: the lines of
# its n-th sale have left the cart.
checkout_plans = Table(
    "checkout_plans",
    metadata,
    Column("user_id", String(64), primary_key=True),
    Column("room_id", String(64), primary_key=True),
    Column("key", String(128), primary_key=True),
    Column("plan", Text, nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False, index=True),
)

add_ons = Table(
    "add_ons",
    metadata,
    Column("sale_id", String(64), primary_key=True),
    Column("sku_id", String(64), primary_key=True),
    Column("room_id", String(64), nullable=False, index=True),
    Column("unit_cents", BigInteger, nullable=False),
    Column("threshold_cents", BigInteger, nullable=False),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("webhook_id", String(64), primary_key=True),
    Column("room_id", String(64), nullable=False),  # "*" is every room
    Column("url", Text, nullable=False),
    Column("secret", String(128), nullable=False),
    Column("events", Text, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
)

# One row a fact, written with the order's own move.
webhook_outbox = Table(
    "webhook_outbox",
    metadata,
    Column("number", RowNumber, primary_key=True, autoincrement=True),
    Column("event_id", String(160), nullable=False, unique=True),
    Column("event", String(32), nullable=False),
    Column("room_id", String(64), nullable=False),
    Column("body", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False, index=True),
    Column("spread", Integer, nullable=False, index=True),
    sqlite_autoincrement=True,
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("webhook_id", String(64), primary_key=True),
    Column("event_id", String(160), primary_key=True),
    Column("event", String(32), nullable=False),
    Column("body", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_ms", BigInteger, nullable=False),
    Column("answer", Integer),
    Column("error", Text),
    Column("at_ms", BigInteger, nullable=False),
    Index("ix_webhook_deliveries_due", "state", "next_ms"),
)
