"""Which life of Redis a sale's journal belongs to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One number more for each sale."""
    op.add_column("sales", sa.Column("life", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    """Without it a journal read before a loss of data can be taken for the one after it."""
    op.drop_column("sales", "life")
