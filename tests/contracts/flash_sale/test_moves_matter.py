"""Hand-made bugs in the tables of moves: without any one of them a plain evening goes wrong."""

from __future__ import annotations

import pytest

from flash_sale import coupons, orders
from flash_sale.orders import OrderMove, OrderStatus
from flash_sale.refunds import CouponReturn, RefundAsk, RefundReason
from tests.contracts.flash_sale.forgeries import FORGERIES
from tests.contracts.flash_sale.shop import ROOM, Shop
from tests.contracts.flash_sale.test_coupons import buy, claim, drop, states
from tests.contracts.flash_sale.test_scripts_follow_the_specification import MUTANTS
from tests.contracts.flash_sale.test_waitlist_follows_the_specification import MUTANTS as OF_LISTS

# The row of an order is made as PLACED: what is only held has none.
ORDER_MOVES = [move for move in orders.TRANSITIONS if move[1] is not OrderMove.PLACE]
COUPON_MOVES = list(coupons.TRANSITIONS)
BUGS_MIN, FORGERIES_MIN = 20, 30  # what was promised

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def refund(shop: Shop, order_id: str, cents: int | None, key: str) -> None:
    ask = RefundAsk(RefundReason.OTHER, cents, coupons=CouponReturn.RETURNED)
    await shop.sale.refunding.request(order_id, ask, actor="host", key=key, now_ms=shop.now_ms)


async def paid(shop: Shop, user: str) -> str:
    order_id = await shop.hold(user)
    payment_id = await shop.begin(order_id, user)
    await shop.callback(payment_id, order_id, event_id=order_id)
    return order_id


async def late(shop: Shop, user: str, *, cancels: bool, gone: bool) -> str:
    """An order that ends unpaid, whose money comes when its piece is there still, or is not."""
    order_id = await shop.hold(user)
    payment_id = await shop.begin(order_id, user)
    end = "cancelled" if cancels else "expired"
    await shop.sale.stock.release("s1", [order_id[1:]], end, shop.now_ms + 3_600_000)
    await shop.drain()
    assert await shop.order_status(order_id) == end
    if gone:
        await shop.sale.desk.write_off("s1", "a", 1, actor="host", key=order_id)
    await shop.callback(payment_id, order_id, event_id=order_id)
    await shop.drain()
    return order_id


async def undone_commission(shop: Shop, order_id: str) -> int:
    lines = (await shop.sale.rewards.books.commissions(ROOM, 10))["commissions"]
    return sum(line["reversed_cents"] for line in lines if line["order_id"] == order_id)


async def evening(shop: Shop) -> None:
    """Every move of an order, looked at after it; there is never a piece too many."""
    await shop.open_sale(stock=2)
    await shop.sale.rewards.books.set_rate(ROOM, "", "host", 1_000, actor="op", now_ms=0)
    whole, parts = await paid(shop, "ann"), await paid(shop, "bob")
    assert await shop.order_status(whole) == await shop.order_status(parts) == "paid"
    await refund(shop, whole, None, "k")
    for key, undone in (("first", 1), ("second", 2)):
        await refund(shop, parts, 10, key)
        assert await shop.order_status(parts) == "partially_refunded"
        assert await undone_commission(shop, parts) == undone
    await refund(shop, parts, None, "rest")
    assert await shop.order_status(whole) == await shop.order_status(parts) == "refunded"
    for n, cancels in enumerate((False, True)):
        for gone, end in ((False, "paid"), (True, "refunded")):
            await shop.sale.desk.restock("s1", "a", 1, actor="host", key=f"{n}{end}")
            order_id = await late(shop, f"late-{n}-{end}", cancels=cancels, gone=gone)
            assert await shop.order_status(order_id) == end


async def evening_with_coupons(shop: Shop) -> None:
    """Every move of a coupon: held, given back, held again, used, given back with the money."""
    await shop.open_sale(stock=4)
    await claim(shop, await drop(shop), "ann")
    first = (await buy(shop, "ann")).held
    assert first is not None
    await shop.drain()
    assert await states(shop) == ["held"]
    await shop.sale.checkout.cancel(str(first["order_id"]), "ann", shop.now_ms)
    await shop.drain()
    assert await states(shop) == ["claimed"]
    second = (await buy(shop, "ann", "k2")).held
    assert second is not None
    order_id = str(second["order_id"])
    payment_id = await shop.begin(order_id, "ann")
    await shop.callback(payment_id, order_id, amount_cents=80)
    await shop.drain()
    assert await states(shop) == ["used"]
    await refund(shop, order_id, None, "k")
    assert await states(shop) == ["claimed"]


async def test_with_every_move_both_evenings_go_well(shop: Shop) -> None:
    """And as many hand-made bugs and forged callbacks are tried as was promised."""
    await evening(shop)
    assert len(MUTANTS) + len(OF_LISTS) + len(ORDER_MOVES) + len(COUPON_MOVES) >= BUGS_MIN
    assert len({str(forgery) for forgery in FORGERIES}) == len(FORGERIES) >= FORGERIES_MIN


async def test_with_every_move_a_coupon_goes_its_way(shop: Shop) -> None:
    await evening_with_coupons(shop)


@pytest.mark.parametrize("move", ORDER_MOVES, ids=" ".join)
async def test_without_one_move_of_an_order(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, move: tuple[OrderStatus, OrderMove]
) -> None:
    monkeypatch.delitem(orders.TRANSITIONS, move)
    with pytest.raises(Exception):  # noqa: B017 - whatever it breaks first
        await evening(shop)


@pytest.mark.parametrize("move", COUPON_MOVES, ids=" ".join)
async def test_without_one_move_of_a_coupon(
    shop: Shop,
    monkeypatch: pytest.MonkeyPatch,
    move: tuple[coupons.ClaimState, coupons.ClaimMove],
) -> None:
    monkeypatch.delitem(coupons.TRANSITIONS, move)
    with pytest.raises(Exception):  # noqa: B017 - whatever it breaks first
        await evening_with_coupons(shop)
