"""Red-packet rains and gifts, and who got what."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two new tables."""
    op.create_table(
        "handouts",
        sa.Column("handout_id", sa.String(length=64), nullable=False),
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.Column("claimed_count", sa.Integer(), nullable=False),
        sa.Column("claimed_cents", sa.BigInteger(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("ended_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("handout_id"),
    )
    op.create_index("handouts_by_room", "handouts", ["room_id", "created_ms"], unique=False)
    op.create_table(
        "handout_claims",
        sa.Column("handout_id", sa.String(length=64), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=480), nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("running_hash", sa.String(length=64), nullable=False),
        sa.Column("claimed_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("handout_id", "place"),
        sa.UniqueConstraint("handout_id", "user_id", "key", name="handout_claims_once"),
    )
    op.create_index(
        "handout_claims_by_user", "handout_claims", ["user_id", "claimed_ms"], unique=False
    )


def downgrade() -> None:
    """Who got what is forgotten."""
    op.drop_table("handout_claims")
    op.drop_table("handouts")
