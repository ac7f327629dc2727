"""The migrations make exactly the tables that the storage modules use."""

from __future__ import annotations

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData

import flash_sale.storage.tables
import flash_sale.storage.tables_rewards
import room.storage.tables
from server.database import make_engine

METADATA = [room.storage.tables.metadata, flash_sale.storage.tables.metadata]


def missing_steps(connection: Connection) -> str:
    """The body of the migration that is missing, ready to be pasted; empty when none is."""
    merged = MetaData()
    for metadata in METADATA:
        for table in metadata.tables.values():
            table.to_metadata(merged)
    options = {"compare_type": True, "target_metadata": merged}
    context = MigrationContext.configure(connection, opts=options)
    script = produce_migrations(context, merged)
    assert script.upgrade_ops is not None
    return "" if script.upgrade_ops.is_empty() else render_python_code(script.upgrade_ops)


async def test_the_migrations_agree_with_the_tables(database_url: str) -> None:
    """A column added in a tables module without a migration is caught, and the step is shown."""
    engine = make_engine(database_url)
    async with engine.connect() as connection:
        missing = await connection.run_sync(missing_steps)
    await engine.dispose()
    assert not missing, f"a new file in server/migrations/versions must do:\n{missing}"
