"""Lines of split and merged orders name the reservation that took them from stock."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Lines so far are all of their own reservation."""
    op.add_column("order_lines", sa.Column("origin", sa.String(length=64), nullable=True))


def downgrade() -> None:
    """Forget where regrouped lines came from."""
    op.drop_column("order_lines", "origin")
