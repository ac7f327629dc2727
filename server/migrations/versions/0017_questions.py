"""Questions of the crowd, so that they outlive Redis."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two tables; questions that are open now stand in Redis alone until they end."""
    op.create_table(
        "questions",
        sa.Column("question_id", sa.String(length=64), nullable=False),
        sa.Column("room_id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("question", sa.LargeBinary(), nullable=False),
        sa.Column("end", sa.LargeBinary(), nullable=True),
        sa.Column("asked_ms", sa.BigInteger(), nullable=False),
        sa.Column("ended_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("question_id", name=op.f("pk_questions")),
    )
    op.create_index(
        "questions_by_room", "questions", ["room_id", "state", "ended_ms"], unique=False
    )
    op.create_table(
        "question_votes",
        sa.Column("question_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("question_id", "user_id", name=op.f("pk_question_votes")),
    )


def downgrade() -> None:
    """Forget the copies; Redis has the questions."""
    op.drop_table("question_votes")
    op.drop_index("questions_by_room", table_name="questions")
    op.drop_table("questions")
