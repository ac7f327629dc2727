"""Splitting and merging: the same pieces and cents in other orders, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from flash_sale.errors import Refused
from tests.contracts.flash_sale.shop import Shop, sku

AB = (("a", 3), ("b", 2))


async def open_ab(shop: Shop) -> str:
    """Ann's order of three `a` and two `b`."""
    await shop.open_sale(skus=(sku("a", stock=9, per_user=6), sku("b", stock=9, cents=33)))
    return await shop.hold("ann", lines=AB)


async def split(shop: Shop, order_id: str, *parts: Any, key: str = "s1", user: str = "ann") -> Any:
    return await shop.sale.rewards.regrouping.split(order_id, user, parts, key, shop.now_ms)


async def merge(shop: Shop, *order_ids: str, key: str = "m1") -> Any:
    return await shop.sale.rewards.regrouping.merge(order_ids, "ann", key, shop.now_ms)


def ids(answer: Any) -> list[str]:
    return [order["order_id"] for order in answer["orders"]]


async def pay(shop: Shop, order_id: str, cents: int) -> str:
    payment = await shop.begin(order_id, "ann")
    outcome = await shop.callback(payment, order_id, amount_cents=cents, event_id=order_id)
    return outcome.status


async def test_a_split_order_keeps_its_sum_and_each_part_its_own_way(shop: Shop) -> None:
    order_id = await open_ab(shop)
    answer = await split(shop, order_id, [("a", 1)], [("a", 2), ("b", 2)])
    first, second = answer["orders"]
    assert (first["amount_cents"], second["amount_cents"], answer["amount_cents"]) == (
        100,
        266,
        366,
    )
    assert await shop.pieces("a") == (6, 3, 0)
    await shop.drain()
    assert await shop.order_status(order_id) == "cancelled"
    assert await pay(shop, second["order_id"], 266) == "paid"
    await shop.sale.checkout.cancel(first["order_id"], "ann", shop.now_ms)
    await shop.drain()
    assert await shop.pieces("a") == (7, 0, 2)
    assert await shop.pieces("b") == (7, 0, 2)
    order = await shop.sale.checkout.order(second["order_id"])
    assert {line["reservation_id"] for line in order["lines"]} == {f"r{order_id[1:]}"}  # type: ignore[attr-defined]


async def test_merged_orders_are_one_to_pay(shop: Shop) -> None:
    one = await open_ab(shop)
    two = await shop.hold("ann", "k2", lines=(("a", 2),))
    answer = await merge(shop, one, two)
    (merged,) = ids(answer)
    assert answer["amount_cents"] == 566
    assert await shop.pieces("a") == (4, 5, 0)
    assert await pay(shop, merged, 566) == "paid"
    order = await shop.sale.checkout.order(merged)
    assert [(line["sku_id"], line["qty"]) for line in order["lines"]] == [  # type: ignore[attr-defined]
        ("a", 3),
        ("b", 2),
        ("a", 2),
    ]
    assert await shop.pieces("a") == (4, 0, 5)


async def test_the_same_key_gives_the_same_answer_also_after_redis_lost_all(shop: Shop) -> None:
    order_id = await open_ab(shop)
    parts = ([("a", 3)], [("b", 2)])
    answer = await split(shop, order_id, *parts)
    assert await split(shop, order_id, *parts) == answer
    with pytest.raises(Refused, match="key_reused"):
        await split(shop, order_id, [("b", 2)], [("a", 3)])
    await shop.drain()
    await shop.redis.flushall()
    await shop.sale.recovery.step()
    assert await shop.pieces("a") == (6, 3, 0)
    assert await split(shop, order_id, *parts) == answer


async def test_raced_over_two_workers_it_happens_once(shop: Shop) -> None:
    order_id = await open_ab(shop)
    other = shop.another_worker()

    async def race(n: int) -> str:
        try:
            parts = ([("a", 3)], [("b", 2)])
            await split((shop, other)[n % 2], order_id, *parts, key=f"s{n}")
        except Refused as refusal:
            # The second worker's first script makes a new life of the sale: ask again.
            return await race(n) if refusal.code == "unknown_outcome" else refusal.code
        return "done"

    codes = await asyncio.gather(*(race(n) for n in range(20)))
    assert sorted(codes) == ["done"] + ["order_closed"] * 19
    assert await shop.pieces("a") == (6, 3, 0)


@pytest.mark.parametrize(
    "parts",
    [
        [[("a", 3)], [("b", 1)]],
        [[("a", 4)], [("b", 2)]],
        [[("a", 3), ("b", 2)], []],
        [[("a", 3), ("b", 2)]],
        [[("a", 3)], [("b", 2)], [("c", 1)]],
    ],
)
async def test_parts_that_are_not_the_order_change_nothing(shop: Shop, parts: Any) -> None:
    order_id = await open_ab(shop)
    with pytest.raises(Refused, match="bad_request"):
        await split(shop, order_id, *parts)
    assert await shop.pieces("a") == (6, 3, 0)


async def test_a_paid_or_strange_order_is_not_touched(shop: Shop) -> None:
    order_id = await open_ab(shop)
    with pytest.raises(Refused, match="not_found"):
        await split(shop, order_id, [("a", 3)], [("b", 2)], user="bob")
    await pay(shop, order_id, 366)
    with pytest.raises(Refused, match="order_closed"):
        await split(shop, order_id, [("a", 3)], [("b", 2)])


async def test_money_for_an_order_that_was_split_meanwhile_has_one_end(shop: Shop) -> None:
    """The payment was begun, closed by the split, and captured all the same."""
    order_id = await open_ab(shop)
    payment = await shop.begin(order_id, "ann")
    await split(shop, order_id, [("a", 3)], [("b", 2)])
    outcome = await shop.callback(payment, order_id, amount_cents=366)
    assert outcome.status in ("paid", "refunded")
    audit = await shop.audit()
    assert audit["balanced"], audit


async def test_a_merged_order_never_takes_more_than_there_is_when_money_is_late(
    shop: Shop,
) -> None:
    """Two lines of one SKU, one piece left: late money goes back."""
    await shop.open_sale(stock=2)
    one, two = await shop.hold("ann"), await shop.hold("ann", "k2")
    (merged,) = ids(await merge(shop, one, two))
    payment = await shop.begin(merged, "ann")
    shop.now_ms += 400_000
    await shop.sale.stock.release("s1", [merged[1:]], "expired", shop.now_ms)
    shop.now_ms -= 400_000
    await shop.hold("bob")
    assert (await shop.callback(payment, merged, amount_cents=200)).status == "refunded"
    assert await shop.pieces() == (1, 1, 0)
