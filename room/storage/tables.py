"""The SQL tables of rooms. Migrations are made from `metadata`; queries live in `sql.py`.

All `*_ms` columns are Unix epoch milliseconds. Blobs are JSON or MessagePack bytes made by the
package, never read by SQL.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata: Final = MetaData()

rooms: Final = Table(
    "rooms",
    metadata,
    Column("room_id", String(64), primary_key=True),
    Column("epoch", String(64), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("title", String(480), nullable=False),
    Column("status", String(16), nullable=False),
    Column("state", LargeBinary, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    Index("rooms_by_update", "updated_ms"),
)

room_events: Final = Table(
    "room_events",
    metadata,
    Column("room_id", String(64), primary_key=True),
    Column("epoch", String(64), primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("ts_ms", BigInteger, nullable=False),
    Column("t", String(32), nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Index("room_events_by_time", "room_id", "ts_ms"),
)

staff_acts: Final = Table(
    "staff_acts",
    metadata,
    Column(
        "act_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
    Column("room_id", String(64), nullable=False),
    Column("actor_id", String(64), nullable=False),
    Column("actor_name", String(256), nullable=False, server_default=""),
    Column("actor_role", String(16), nullable=False, server_default=""),
    Column("op", String(32), nullable=False),
    Column("detail", LargeBinary, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Index("staff_acts_by_room", "room_id", "act_id"),
)

room_words: Final = Table(
    "room_words",
    metadata,
    Column("room_id", String(64), primary_key=True),
    Column("lists", LargeBinary, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
)

lottery_wins: Final = Table(
    "lottery_wins",
    metadata,
    Column("user_id", String(64), primary_key=True),
    Column("lottery_id", String(64), primary_key=True),
    Column("room_id", String(64), nullable=False),
    Column("rank", Integer, nullable=False),
    Column("won_ms", BigInteger, nullable=False),
)

lotteries: Final = Table(
    "lotteries",
    metadata,
    Column("lottery_id", String(64), primary_key=True),
    Column("room_id", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("record", LargeBinary, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    Index("lotteries_by_room", "room_id"),
)

follows: Final = Table(
    "follows",
    metadata,
    Column("host_id", String(64), primary_key=True),
    Column("user_id", String(64), primary_key=True),
    Column("since_ms", BigInteger, nullable=False),
    Index("follows_by_user", "user_id"),
)

# `rev` counts the changes of a host's followers; its row is what changes queue up at.
follow_counts: Final = Table(
    "follow_counts",
    metadata,
    Column("host_id", String(64), primary_key=True),
    Column("followers", BigInteger, nullable=False),
    Column("rev", BigInteger, nullable=False),
)

# Rains and gifts, and who got what. What is claimed here was handed out, whatever Redis forgets.
handouts: Final = Table(
    "handouts",
    metadata,
    Column("handout_id", String(64), primary_key=True),
    Column("room_id", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("record", LargeBinary, nullable=False),
    Column("claimed_count", Integer, nullable=False),
    Column("claimed_cents", BigInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger, nullable=True),
    Index("handouts_by_room", "room_id", "created_ms"),
)

handout_claims: Final = Table(
    "handout_claims",
    metadata,
    Column("handout_id", String(64), primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("user_id", String(64), nullable=False),
    Column("name", String(480), nullable=False),
    Column("key", String(128), nullable=False),
    Column("amount_cents", BigInteger, nullable=False),
    Column("running_hash", String(64), nullable=False),
    Column("claimed_ms", BigInteger, nullable=False),
    UniqueConstraint("handout_id", "user_id", "key", name="handout_claims_once"),
    Index("handout_claims_by_user", "user_id", "claimed_ms"),
)

# Receipts given out, before they are told; forgotten when the lottery is drawn.
lottery_entries: Final = Table(
    "lottery_entries",
    metadata,
    Column("lottery_id", String(64), primary_key=True),
    Column("idx", Integer, primary_key=True),
    Column("user_id", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("running_hash", String(64), nullable=False),
    Index("lottery_entries_by_user", "lottery_id", "user_id", unique=True),
)

# Everybody who ever won. `form` is sealed; `told` 0 is a removal the room has not heard of.
lottery_claims: Final = Table(
    "lottery_claims",
    metadata,
    Column("lottery_id", String(64), primary_key=True),
    Column("rank", Integer, primary_key=True),
    Column("user_id", String(64), nullable=False),
    Column("room_id", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("score", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("claim_by_ms", BigInteger, nullable=False),
    Column("claimed_ms", BigInteger, nullable=False),
    Column("form", LargeBinary, nullable=True),
    Column("removal", Integer, nullable=True),
    Column("removed_ms", BigInteger, nullable=False),
    Column("note", String(800), nullable=False),
    Column("told", Integer, nullable=False),
    Index("lottery_claims_by_user", "user_id", "lottery_id", unique=True),
    Index("lottery_claims_by_removal", "lottery_id", "removal", unique=True),
    Index("lottery_claims_due", "state", "claim_by_ms"),
    Index("lottery_claims_untold", "told"),
)

auction_wins: Final = Table(
    "auction_wins",
    metadata,
    Column("auction_id", String(64), primary_key=True),
    Column("user_id", String(64), nullable=False),
    Column("room_id", String(64), nullable=False),
    Column("product_id", String(64), nullable=False),
    Column("title", String(480), nullable=False),
    Column("amount_cents", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("won_ms", BigInteger, nullable=False),
    Index("auction_wins_by_user", "user_id"),
)

# What a host means to do. `done` counts the items that were run; `rev` orders changes of the plan.
run_sheets: Final = Table(
    "run_sheets",
    metadata,
    Column("room_id", String(64), primary_key=True),
    Column("rev", BigInteger, nullable=False),
    Column("done", Integer, nullable=False),
    Column("sheet", LargeBinary, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
)

# Questions of the crowd, and who wants the open ones answered, for when Redis loses them.
questions: Final = Table(
    "questions",
    metadata,
    Column("question_id", String(64), primary_key=True),
    Column("room_id", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("question", LargeBinary, nullable=False),
    Column("end", LargeBinary, nullable=True),
    Column("asked_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger, nullable=True),
    Index("questions_by_room", "room_id", "state", "ended_ms"),
)

question_votes: Final = Table(
    "question_votes",
    metadata,
    Column("question_id", String(64), primary_key=True),
    Column("user_id", String(64), primary_key=True),
)
