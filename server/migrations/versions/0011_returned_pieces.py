"""A restock names the order whose buyer gave the pieces back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Earlier ones name nobody: their pieces go on counting against the limit."""
    op.add_column("stock_changes", sa.Column("order_id", sa.String(length=64), nullable=True))


def downgrade() -> None:
    """Forget whose pieces came back."""
    op.drop_column("stock_changes", "order_id")
