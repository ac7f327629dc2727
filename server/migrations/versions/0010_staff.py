"""Who did what by name and role, and the sensitive words of a room."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two columns with a default, and one new table."""
    for name, size in (("actor_name", 256), ("actor_role", 16)):
        column = sa.Column(name, sa.String(length=size), server_default="", nullable=False)
        op.add_column("staff_acts", column)
    op.create_table(
        "room_words",
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("lists", sa.LargeBinary(), nullable=False),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("room_id", name=op.f("pk_room_words")),
    )


def downgrade() -> None:
    """Back to ids alone."""
    op.drop_table("room_words")
    for name in ("actor_role", "actor_name"):
        op.drop_column("staff_acts", name)
