"""The SQL tables of rooms. Migrations are made from `metadata`; queries live in `sql.py`.

All `*_ms` columns are Unix epoch milliseconds. Blobs are JSON or MessagePack bytes made by the
package, never read by SQL.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, String, Table

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
    Column("op", String(32), nullable=False),
    Column("detail", LargeBinary, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Index("staff_acts_by_room", "room_id", "act_id"),
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
