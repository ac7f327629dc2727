"""What staff decided about the coupons of a refund."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A column; of the refunds there are, coupons stayed used."""
    op.add_column(
        "refunds",
        sa.Column("coupons", sa.String(length=16), nullable=False, server_default="used"),
    )


def downgrade() -> None:
    """Forget the decisions; coupons that came back stay with their owners."""
    op.drop_column("refunds", "coupons")
