"""The audit believes no counter: each kind of damage is seen."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis

from flash_sale import audit
from flash_sale.errors import Refused
from flash_sale.storage import keys
from tests.contracts.flash_sale.shop import Shop

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
async def busy(shop: Shop) -> Shop:
    """A sale with two held, one paid, one expired, a restock and a write-off."""
    await shop.open_sale(stock=10)
    for user in ("ann", "bob", "cy", "dan"):
        await shop.hold(user)
    paid = "o1-t1"
    await shop.callback(await shop.begin(paid, "ann"), paid)
    await shop.sale.stock.release("s1", ["1-t4"], "cancelled", shop.now_ms)
    await shop.sale.desk.restock("s1", "a", 5, actor="host")
    await shop.sale.desk.write_off("s1", "a", 2, actor="host")
    return shop


async def test_a_sound_sale_is_balanced(busy: Shop) -> None:
    assert await busy.sale.auditor.audit_room("room1") == {
        "balanced": True,
        "sales": [
            {
                "sale_id": "s1",
                "balanced": True,
                "skus": [
                    {
                        "sku_id": "a",
                        "initial": 10,
                        "restocked": 5,
                        "written_off": 2,
                        "available": 10,
                        "held": 2,
                        "sold": 1,
                        "balanced": True,
                        "channels": {
                            "live": {
                                "initial": 10,
                                "restocked": 5,
                                "written_off": 2,
                                "transferred": 0,
                                "available": 10,
                                "held": 2,
                                "sold": 1,
                                "balanced": True,
                            }
                        },
                    }
                ],
                "problems": [],
            }
        ],
    }


@pytest.mark.parametrize("letter", "ahsirwt")
async def test_a_corrupted_counter_is_seen(busy: Shop, redis: Redis, letter: str) -> None:
    await redis.hincrby(keys.stock("s1"), f"{letter}:a", 1)  # type: ignore[misc]
    audit = await busy.audit()
    assert audit["balanced"] is False
    assert audit["problems"]


async def test_two_wrongs_that_cancel_out_are_seen(busy: Shop, redis: Redis) -> None:
    """Sums alone would look right."""
    await redis.hincrby(keys.stock("s1"), "h:a", -1)  # type: ignore[misc]
    await redis.hincrby(keys.stock("s1"), "a:a", 1)  # type: ignore[misc]
    assert (await busy.audit())["balanced"] is False


async def test_lost_records_deadlines_and_counts_are_seen(busy: Shop, redis: Redis) -> None:
    await redis.zrem(keys.holds("s1"), "1-t2")
    assert "2 holds by the records, 1 deadlines" in str((await busy.audit())["problems"])
    await redis.hincrby(keys.counts("s1"), "bob:a", 1)  # type: ignore[misc]
    assert "1 counts per person" in str((await busy.audit())["problems"])
    await redis.hdel(keys.reservations("s1"), "1-t1")  # type: ignore[misc]
    assert "sold counter" in str((await busy.audit())["problems"])


async def test_a_sale_to_be_rebuilt_is_not_judged(
    busy: Shop, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A false alarm would be no better than a false balance: ask again."""
    monkeypatch.setattr(audit, "SETTLING_TRIES", 2)
    await busy.drain()
    await redis.flushall()
    with pytest.raises(Refused) as refusal:
        await busy.audit()
    assert refusal.value.code == "unavailable"
    await busy.sale.recovery.step()
    assert (await busy.audit())["balanced"]


async def test_an_unknown_sale_has_no_audit(shop: Shop) -> None:
    with pytest.raises(Refused) as refusal:
        await shop.audit("nope")
    assert refusal.value.code == "not_found"
