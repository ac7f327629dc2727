"""What was really captured, and who saw to a refund that its provider refused."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

COLUMNS = (
    ("payments", "captured_cents", sa.BigInteger()),
    ("payments", "captured_currency", sa.String(length=8)),
    ("refunds", "settled_ms", sa.BigInteger()),
    ("refunds", "settled_by", sa.String(length=64)),
    ("refunds", "note", sa.Text()),
)


def upgrade() -> None:
    """Only new columns that may be empty: payments so far captured what was due."""
    for table, name, kind in COLUMNS:
        op.add_column(table, sa.Column(name, kind, nullable=True))


def downgrade() -> None:
    """Forget sums that were captured besides what was due, and what was settled by hand."""
    for table, name, _ in reversed(COLUMNS):
        op.drop_column(table, name)
