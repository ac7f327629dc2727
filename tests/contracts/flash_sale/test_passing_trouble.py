"""What passes by itself is waited for: an acknowledged order is never set aside for it."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from flash_sale.errors import Refused
from flash_sale.journal import POISON_TRIES_MAX
from flash_sale.storage.sql import sql_answering
from tests.contracts.flash_sale.shop import Shop

PASSING = {
    "08006": "connection failure",
    "25006": "read-only: a standby",
    "40001": "could not serialize",
    "40P01": "deadlock",
    "53100": "disk full",
    "53300": "too many clients",
    "55P03": "lock not available",
    "57014": "cancelled",
    "57P03": "starting up",
    "58030": "I/O error",
}
LASTING = {"22003": "out of range", "23505": "there already", "42P01": "no such table"}

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def raising(sqlstate: str) -> str:
    """A statement in which PostgreSQL itself raises this."""
    return f"DO $$ BEGIN RAISE SQLSTATE '{sqlstate}'; END $$"


@pytest.mark.parametrize("sqlstate", PASSING)
async def test_trouble_that_passes_is_told_as_unavailable(shop: Shop, sqlstate: str) -> None:
    with pytest.raises(Refused) as refused:
        async with sql_answering(), shop.database.begin() as connection:
            await connection.execute(text(raising(sqlstate)))
    assert refused.value.code == "unavailable"


@pytest.mark.parametrize("sqlstate", LASTING)
async def test_a_fault_in_a_statement_stays_what_it_is(shop: Shop, sqlstate: str) -> None:
    with pytest.raises(DBAPIError):
        async with sql_answering(), shop.database.begin() as connection:
            await connection.execute(text(raising(sqlstate)))


@pytest.mark.parametrize("sqlstate", [*PASSING, "42P01"])
async def test_the_journal_waits_however_often_it_is_refused(shop: Shop, sqlstate: str) -> None:
    """And once the trouble is over everything is there, each once, and nothing was set aside."""
    await shop.open_sale(stock=5)
    held = [await shop.hold(name) for name in ("ann", "bob")]
    body = raising(sqlstate).removeprefix("DO $$ ").removesuffix(" $$")
    for statement in (
        f"CREATE FUNCTION trouble() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$",
        "CREATE TRIGGER trouble BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION trouble()",
    ):
        await run(shop, statement)
    try:
        for _ in range(POISON_TRIES_MAX + 2):
            with pytest.raises(Refused):
                await shop.sale.consumer.step()
    finally:
        await run(shop, "DROP TRIGGER trouble ON orders", "DROP FUNCTION trouble")
    assert await shop.drain() == 3  # the start and two buys
    assert [await shop.order_status(order_id) for order_id in held] == ["placed", "placed"]
    async with shop.database.connect() as connection:
        parked = await connection.execute(text("SELECT count(*) FROM parked_entries"))
        assert parked.scalar_one() == 0


async def run(shop: Shop, *statements: str) -> None:
    async with shop.database.begin() as connection:
        for statement in statements:
            await connection.execute(text(statement))
