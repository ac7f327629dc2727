"""The SQL tables of sales, orders and money. Only shapes; the statements are in `sql*.py`.

Times are epoch milliseconds, money is integer cents. Migrations read `metadata`.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers rows by itself only in a column that is exactly INTEGER.
RowNumber = BigInteger().with_variant(Integer, "sqlite")

sales = Table(
    "sales",
    metadata,
    Column("number", RowNumber, primary_key=True, autoincrement=True),
    Column("sale_id", String(64), nullable=False, unique=True),
    Column("room_id", String(64), nullable=False, index=True),
    Column("stage", String(16), nullable=False),
    Column("stage_seq", BigInteger, nullable=False, default=0),
    Column("start_ms", BigInteger),
    Column("end_ms", BigInteger),
    Column("duration_s", Integer, nullable=False),
    Column("hold_s", Integer, nullable=False),
    Column("pay_s", Integer, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("journal_seq", BigInteger, nullable=False),
    Column("announced", String(16), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("retired", Integer, nullable=False, default=0, index=True),
    Column("paused", Integer, nullable=False, server_default="0"),
    Column("announced_rev", BigInteger, nullable=False, server_default="0"),
    Column("eligibility", Text, nullable=False, server_default="{}"),  # JSON: what is asked for
    Column("life", Integer, nullable=False, server_default="0"),  # grows when Redis begins anew
    sqlite_autoincrement=True,
)

sale_skus = Table(
    "sale_skus",
    metadata,
    Column("sale_id", String(64), ForeignKey("sales.sale_id"), primary_key=True),
    Column("sku_id", String(64), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("product_id", String(64), nullable=False),
    Column("title", Text, nullable=False),
    Column("image", Text, nullable=False),
    Column("list_cents", BigInteger, nullable=False),
    Column("sale_cents", BigInteger, nullable=False),
    Column("per_user", Integer, nullable=False),
    Column("stock", Integer, nullable=False),
    Column("channels", Text, nullable=False, server_default="{}"),  # JSON: pieces not live at first
)

# How people get to a sale; no row: it is open to everybody. The seed is secret until the start.
sale_doors = Table(
    "sale_doors",
    metadata,
    Column("sale_id", String(64), primary_key=True),
    Column("seed", String(64), nullable=False),
    Column("rate_per_s", Integer, nullable=False),
    Column("opens_before_s", Integer, nullable=False),
    Column("puzzle_bits", Integer, nullable=False),
    Column("limit_user", Integer, nullable=False),
    Column("limit_device", Integer, nullable=False),
    Column("limit_address", Integer, nullable=False),
)

stock_changes = Table(
    "stock_changes",
    metadata,
    Column("sale_id", String(64), ForeignKey("sales.sale_id"), primary_key=True),
    Column("journal_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("sku_id", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("qty", Integer, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("key", String(128), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("channel", String(64), nullable=False, server_default="live"),  # of a transfer: from
    Column("to_channel", String(64)),  # of a transfer
    Column("order_id", String(64)),  # of a restock: whose buyer gave the pieces back
)

# An order is the reservation that became a row: one per reservation, by construction.
orders = Table(
    "orders",
    metadata,
    Column("order_id", String(64), primary_key=True),
    Column("sale_id", String(64), ForeignKey("sales.sale_id"), nullable=False),
    Column("room_id", String(64), nullable=False),
    Column("user_id", String(64), nullable=False),
    Column("key", String(128), nullable=False),
    Column("fingerprint", String(24)),
    Column("answer", Text),
    Column("status", String(32), nullable=False),
    Column("amount_cents", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("pay_by_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("paid_ms", BigInteger),
    Column("payment_id", String(64)),
    Column("journal_seq", BigInteger, nullable=False),
    Column("channel", String(64), nullable=False, server_default="live"),
    UniqueConstraint("sale_id", "user_id", "key", name="uq_orders_request"),
    Index("ix_orders_sale_seq", "sale_id", "journal_seq"),
    Index("ix_orders_user_created", "user_id", "created_ms"),
    Index("ix_orders_room_created", "room_id", "created_ms"),
)

order_lines = Table(
    "order_lines",
    metadata,
    Column("order_id", String(64), ForeignKey("orders.order_id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("sku_id", String(64), nullable=False),
    Column("product_id", String(64), nullable=False),
    Column("title", Text, nullable=False),
    Column("qty", Integer, nullable=False),
    Column("unit_cents", BigInteger, nullable=False),
    Column("origin", String(64)),  # the reservation that took the pieces, unless it is this one
)

# Other keys under which a person was given the same hold again: they must answer the same for ever.
order_keys = Table(
    "order_keys",
    metadata,
    Column("sale_id", String(64), ForeignKey("sales.sale_id"), primary_key=True),
    Column("user_id", String(64), primary_key=True),
    Column("key", String(128), primary_key=True),
    Column("order_id", String(64), nullable=False, index=True),
)

# Journal entries SQL would not take; the others flow on. Each one is an alarm.
parked_entries = Table(
    "parked_entries",
    metadata,
    Column("sale_id", String(64), ForeignKey("sales.sale_id"), primary_key=True),
    Column("journal_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(16), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("fields", LargeBinary, nullable=False),
    Column("error", Text, nullable=False),
)

payments = Table(
    "payments",
    metadata,
    Column("payment_id", String(64), primary_key=True),
    Column("order_id", String(64), ForeignKey("orders.order_id"), nullable=False, index=True),
    Column("provider", String(32), nullable=False),
    Column("amount_cents", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("status", String(16), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("captured_ms", BigInteger),
    Column("resolution", String(16)),
    Column("reference", String(255)),
    Column("refunded_cents", BigInteger, nullable=False, server_default="0"),
    Column("captured_cents", BigInteger),  # what was really taken; none: what was due
    Column("captured_currency", String(8)),
    Index("ix_payments_status", "status", "resolution", "created_ms"),
)

payment_events = Table(
    "payment_events",
    metadata,
    Column("provider", String(32), primary_key=True),
    Column("event_id", String(128), primary_key=True),
    Column("payment_id", String(64), nullable=False),
    Column("outcome", String(32), nullable=False),
    Column("amount_cents", BigInteger, nullable=False),
    Column("received_ms", BigInteger, nullable=False),
)

refunds = Table(
    "refunds",
    metadata,
    Column("refund_id", String(64), primary_key=True),
    Column("payment_id", String(64), ForeignKey("payments.payment_id"), nullable=False),
    Column("order_id", String(64), nullable=False, index=True),
    Column("amount_cents", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("reason", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("key", String(128)),  # none: the server's own decision
    Column("fingerprint", String(24), nullable=False),
    Column("actor", String(64), nullable=False),
    Column("lines", Text, nullable=False),
    Column("stock", String(16), nullable=False, index=True),
    Column("created_ms", BigInteger, nullable=False),
    Column("asked_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger),
    Column("settled_ms", BigInteger),  # a person has seen to one that failed
    Column("settled_by", String(64)),
    Column("note", Text),
    Column("coupons", String(16), nullable=False, server_default="used"),
    UniqueConstraint("payment_id", "key", name="uq_refunds_request"),
    Index("ix_refunds_status", "status", "asked_ms"),
)

# What buyers ask back. One of an order is open at a time.
refund_requests = Table(
    "refund_requests",
    metadata,
    Column("request_id", String(64), primary_key=True),
    Column("order_id", String(64), nullable=False),
    Column("room_id", String(64), nullable=False),
    Column("user_id", String(64), nullable=False),
    Column("key", String(128), nullable=False),
    Column("fingerprint", String(24), nullable=False),
    Column("reason", String(64), nullable=False),
    Column("note", Text, nullable=False),
    Column("lines", Text, nullable=False),
    Column("amount_cents", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("status", String(16), nullable=False),
    Column("answer", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("decided_ms", BigInteger),
    Column("decided_by", String(64)),
    Column("refund_id", String(64)),
    UniqueConstraint("order_id", "key", name="uq_refund_requests_request"),
    Index("ix_refund_requests_room", "room_id", "status", "created_ms"),
)

# The sandbox bank's own books: what its customer pressed. A real bank keeps these itself.
sandbox_bank = Table(
    "sandbox_bank",
    metadata,
    Column("payment_id", String(64), primary_key=True),
    Column("status", String(16), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("amount_cents", BigInteger),  # none: what was due
)
