"""Stock in channels: bought, moved, audited and rebuilt, each by itself and all together."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis

from flash_sale.eligibility import Buyer
from flash_sale.errors import Refused
from flash_sale.sale import Level
from tests.contracts.flash_sale.shop import Shop, sku

BASE = 1_010_000_000


async def available(shop: Shop) -> dict[str, int]:
    audit = await shop.audit()
    assert audit["balanced"], audit
    [row] = audit["skus"]  # type: ignore[misc,attr-defined]
    return {name: cell["available"] for name, cell in row["channels"].items()}


async def open_with_shop(shop: Shop) -> None:
    await shop.open_sale(skus=(sku("a", stock=10, per_user=3, channels={"shop": 4}),))


async def test_each_channel_sells_its_own_pieces_and_one_limit_counts_for_all(shop: Shop) -> None:
    await open_with_shop(shop)
    assert await available(shop) == {"live": 6, "shop": 4}
    answer = await shop.buy("ann", channel="shop", lines=[("a", 2)])
    assert answer.held is not None
    assert answer.held["left"] == {"a": 2}
    assert shop.stock_seen == []  # the room shows the live channel
    assert (await shop.buy("ann", "k1", lines=[("a", 2)])).code == "key_reused"
    assert (await shop.buy("ann", "k2", lines=[("a", 2)])).code == "limit_reached"
    assert (await shop.buy("bob", channel="shop", lines=[("a", 3)])).code == "sold_out"
    assert (await shop.buy("bob", channel="nowhere")).code == "not_found"
    assert (await shop.buy("bob", channel="no where")).code == "bad_request"
    assert (await shop.buy("cy")).code == "held"
    assert shop.stock_seen == [{"a": (5, BASE + 1)}]
    assert await available(shop) == {"live": 5, "shop": 2}


async def test_pieces_that_staff_take_off_the_shelf_are_told_as_such(shop: Shop) -> None:
    """So that nobody takes them for sold; what comes onto it is nobody's purchase either."""
    await open_with_shop(shop)
    desk = shop.sale.desk
    await desk.transfer("s1", "a", 3, from_channel="live", to_channel="shop", actor="host")
    await desk.transfer("s1", "a", 1, from_channel="shop", to_channel="live", actor="host")
    await desk.write_off("s1", "a", 2, actor="host")
    await desk.restock("s1", "a", 4, actor="host")
    await shop.buy("ann")
    assert [levels["a"].left for levels in shop.stock_seen] == [3, 4, 2, 6, 5]
    assert shop.aside_seen == [3, 0, 2, 0, 0]


async def test_a_transfer_is_whole_known_by_its_key_and_told_to_the_room(shop: Shop) -> None:
    await open_with_shop(shop)
    way = {"from_channel": "shop", "to_channel": "live", "actor": "host"}
    for _ in range(2):
        levels = await shop.sale.desk.transfer("s1", "a", 3, key="move", **way)  # type: ignore[arg-type]
        assert levels == (Level(1, BASE + 1), Level(9, BASE + 1))
    assert await available(shop) == {"live": 9, "shop": 1}
    assert shop.stock_seen == [{"a": (9, BASE + 1)}] * 2
    for qty, changes, code in (
        (2, {}, "conflict"),
        (0, {}, "bad_request"),
        (1, {"to_channel": "shop"}, "bad_request"),
        (1, {"to_channel": "a b"}, "bad_request"),
        (1, {"from_channel": "nowhere"}, "not_found"),
        (1, {"key": "move"}, "key_reused"),
    ):
        with pytest.raises(Refused) as refusal:
            await shop.sale.desk.transfer("s1", "a", qty, **{**way, **changes})  # type: ignore[arg-type]
        assert refusal.value.code == code
    assert await available(shop) == {"live": 9, "shop": 1}


async def test_a_restock_may_open_a_channel_and_a_write_off_names_one(shop: Shop) -> None:
    await open_with_shop(shop)
    desk = shop.sale.desk
    assert await desk.restock("s1", "a", 5, actor="host", channel="dist") == (5, BASE + 1)
    assert await desk.write_off("s1", "a", 2, actor="host", channel="shop") == (2, BASE + 1)
    with pytest.raises(Refused):
        await desk.write_off("s1", "a", 1, actor="host", channel="nowhere")
    assert shop.stock_seen == []
    assert await available(shop) == {"dist": 5, "live": 6, "shop": 2}


async def test_holds_come_back_to_and_are_paid_from_their_channel(shop: Shop) -> None:
    await open_with_shop(shop)
    back = (await shop.buy("ann", channel="shop")).held
    paid = (await shop.buy("bob", channel="shop")).held
    assert back is not None
    assert paid is not None
    await shop.sale.checkout.cancel(str(back["order_id"]), "ann", shop.now_ms)
    order_id = str(paid["order_id"])
    await shop.callback(await shop.begin(order_id, "bob"), order_id)
    assert await available(shop) == {"live": 6, "shop": 3}
    assert (await shop.sale.checkout.order(order_id))["channel"] == "shop"


async def test_channels_are_rebuilt_from_sql(shop: Shop, redis: Redis) -> None:
    """Shares, transfers, restocks, write-offs, holds and payments, each in its channel."""
    await open_with_shop(shop)
    desk = shop.sale.desk
    held = (await shop.buy("ann", channel="shop")).held
    paid = (await shop.buy("bob", channel="shop")).held
    assert paid is not None
    order_id = str(paid["order_id"])
    await shop.callback(await shop.begin(order_id, "bob"), order_id)
    await shop.hold("cy")
    way = {"from_channel": "live", "to_channel": "dist", "actor": "host"}
    await desk.transfer("s1", "a", 2, **way)  # type: ignore[arg-type]
    await desk.restock("s1", "a", 7, actor="host", channel="shop")
    await desk.write_off("s1", "a", 1, actor="host", channel="dist")
    before = await shop.audit()
    await shop.drain()
    await redis.flushall()
    assert await shop.sale.recovery.step() == 1
    after = await shop.audit()
    assert after == before
    assert (await shop.buy("ann", channel="shop")).held == held
    assert await available(shop) == {"dist": 1, "live": 3, "shop": 9}


async def test_damage_that_cancels_out_between_channels_is_seen(shop: Shop, redis: Redis) -> None:
    await open_with_shop(shop)
    key = "liveroom:{s1}:stock"
    await redis.hincrby(key, "a:a", 1)  # type: ignore[misc]
    await redis.hincrby(key, "a:a@shop", -1)  # type: ignore[misc]
    audit = await shop.audit()
    assert audit["balanced"] is False
    assert len(audit["problems"]) == 2  # type: ignore[arg-type]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "channels",
    [{"live": 1}, {"a b": 1}, {"shop": 11}, {"shop": -1}, {f"c{n}": 0 for n in range(16)}],
)
async def test_channels_that_cannot_be_are_refused(shop: Shop, channels: dict[str, int]) -> None:
    with pytest.raises(Refused) as refusal:
        await shop.open_sale(skus=(sku("a", stock=10, channels=channels),))
    assert refusal.value.code == "bad_request"


async def test_pieces_moved_to_the_live_room_are_offered_first(shop: Shop) -> None:
    """A transfer gives to who waits, in the same act; a paused sale offers nothing."""
    await shop.open_sale(skus=(sku("a", stock=3, per_user=1, channels={"shop": 2}),))
    await shop.hold("first")
    for user in ("ann", "bob"):
        await shop.sale.offers.join("s1", Buyer(user), "a", 1)
    way = {"from_channel": "shop", "to_channel": "live", "actor": "host"}
    _, live = await shop.sale.desk.transfer("s1", "a", 1, **way)  # type: ignore[arg-type]
    assert live.left == 0
    assert await shop.sale.offers.tell("s1") == 1
    await shop.sale.desk.pause("s1")
    _, live = await shop.sale.desk.transfer("s1", "a", 1, **way)  # type: ignore[arg-type]
    assert live.left == 1
    await shop.sale.desk.resume("s1")
    assert await shop.sale.offers.step() == 1
    assert (await shop.buy("ann", "k9")).held is not None  # her offer, not one more
    assert await shop.pieces() == (0, 3, 0)
