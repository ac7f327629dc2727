"""Attacks on stock and money that were found by reading the scripts against the rules."""

from __future__ import annotations

import json

import pytest
from redis.asyncio import Redis

from flash_sale.eligibility import Buyer
from flash_sale.errors import Refused
from flash_sale.payments import (
    PAYMENTS_PER_ORDER_MAX,
    SIGNATURE_HEADER,
    PaymentStatus,
    sign,
)
from flash_sale.reserve import Answer
from flash_sale.storage.payments import SqlPayments
from tests.contracts.flash_sale.shop import ROOM, SECRET, Shop, sku
from tests.contracts.flash_sale.test_checkouts import check_out, fill
from tests.contracts.flash_sale.test_coupons import buy, claim, drop, states
from tests.contracts.flash_sale.test_lost_tail import Tail

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


# -- the waitlist and a Redis that went back in time --------------------------------------------


async def test_who_was_offered_before_the_tail_was_lost_is_not_offered_again(
    shop: Shop, redis: Redis
) -> None:
    """The list went back to before the offer; the order, paid since, is in SQL: it stays paid."""
    await shop.open_sale(stock=2)
    first = [await shop.hold(f"first{n}") for n in range(2)]
    await shop.sale.offers.join("s1", Buyer("ann"), "a", 1)
    await shop.drain()
    tail = await Tail.mark(redis)
    await shop.sale.checkout.cancel(first[0], "first0", shop.now_ms)
    await shop.drain()
    (order,) = await shop.sale.checkout.orders("ann")
    payment_id = await shop.begin(str(order["order_id"]), "ann")
    assert (await shop.callback(payment_id, str(order["order_id"]))).status == "paid"
    await shop.drain()
    await tail.cut()
    await shop.buy("probe")  # the first call finds that Redis began anew
    assert await shop.sale.recovery.step() == 1
    assert await shop.pieces() == (0, 1, 1)
    await shop.sale.checkout.cancel(first[1], "first1", shop.now_ms)
    await shop.sale.offers.step()
    assert await shop.order_status(str(order["order_id"])) == "paid"
    assert await shop.pieces() == (1, 0, 1), "the piece is for everybody"
    assert await shop.sale.offers.standing("s1", "ann") == []


# -- one key, other parameters ------------------------------------------------------------------


async def test_a_coupon_kept_for_one_cart_does_not_make_another_cheaper(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same key and coupon for other lines, while the first attempt has no answer yet."""
    await shop.open_sale(skus=(sku("a", cents=10_000, stock=1), sku("b", cents=100)))
    coupon = await drop(shop, off_cents=5_000, threshold_cents=10_000)
    await claim(shop, coupon, "ann")
    await shop.hold("rival")
    cheap: list[Answer] = []
    reserve = shop.sale.engine.reserve

    async def slowly(*asked: object, **more: object) -> Answer:
        monkeypatch.undo()
        cheap.append(await buy(shop, "ann", lines=(("b", 1),)))
        return await reserve(*asked, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(shop.sale.engine, "reserve", slowly)
    assert (await buy(shop, "ann", lines=(("a", 1),))).code == "sold_out"
    assert [answer.code for answer in cheap] == ["key_reused"]
    assert await states(shop) == ["claimed"]
    assert await shop.pieces("b") == (10, 0, 0)
    again = await buy(shop, "ann", key="k2", lines=(("a", 1),))
    assert again.code == "sold_out"


async def test_what_an_attempt_without_answer_keeps_is_for_its_own_lines(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.open_sale(skus=(sku("a", cents=10_000), sku("b", cents=100)))
    coupon = await drop(shop, off_cents=5_000, threshold_cents=10_000)
    await claim(shop, coupon, "ann")

    async def lost(*asked: object, **more: object) -> Answer:
        return Answer("unknown_outcome")

    with monkeypatch.context() as away:
        away.setattr(shop.sale.engine, "reserve", lost)
        assert (await buy(shop, "ann", lines=(("a", 1),))).code == "unknown_outcome"
    assert (await buy(shop, "ann", lines=(("b", 1),))).code == "key_reused"
    held = (await buy(shop, "ann", lines=(("a", 1),))).held
    assert held is not None
    assert held["amount_cents"] == 5_000


async def test_a_part_of_a_split_takes_nobodys_key(shop: Shop) -> None:
    """The buyer has used the very key that the second part might be given, and the longest one."""
    await shop.open_sale(stock=10)
    key = "x" * 128
    own = await shop.buy("ann", "k#1")
    order_id = await shop.hold("ann", "k0", lines=(("a", 2),))
    parts = [[("a", 1)], [("a", 1)]]
    told = await shop.sale.rewards.regrouping.split(order_id, "ann", parts, "k", shop.now_ms)
    assert (await shop.buy("ann", "k#1")).raw == own.raw
    long = await shop.hold("ann", "k2", lines=(("a", 2),))
    await shop.sale.rewards.regrouping.split(long, "ann", parts, key, shop.now_ms)
    await shop.drain()
    orders = await shop.sale.checkout.orders("ann")
    assert sorted(str(order["status"]) for order in orders) == ["cancelled"] * 2 + ["placed"] * 5
    assert len(told["orders"]) == 2  # type: ignore[arg-type]
    assert await shop.pieces() == (5, 5, 0)


# -- payments -----------------------------------------------------------------------------------


@SQLITE
async def test_every_open_payment_is_asked_about_before_an_order_is_closed(shop: Shop) -> None:
    """However often its buyer has tried: the number of tries is limited, not what is looked at."""
    await shop.open_sale(stock=1)
    order_id = await shop.hold("ann")
    for n in range(PAYMENTS_PER_ORDER_MAX):
        payment_id = await shop.begin(order_id, "ann")
        await shop.callback(payment_id, order_id, status="failed", event_id=f"e{n}")
    with pytest.raises(Refused, match="tried too often"):
        await shop.begin(order_id, "ann")
    found = await SqlPayments(shop.database).payments_of([order_id])
    assert len(found) == PAYMENTS_PER_ORDER_MAX
    assert {payment.status for payment in found} == {PaymentStatus.FAILED}


@SQLITE
@pytest.mark.parametrize("cents", [2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64, -(2**63) - 1])
async def test_a_signed_sum_beyond_every_column_has_a_defined_result(
    shop: Shop, cents: int
) -> None:
    """Refused, nothing sold, and the order can still be paid."""
    await shop.open_sale(stock=1)
    order_id = await shop.hold("ann")
    payment_id = await shop.begin(order_id, "ann")
    for event_id, status in (("e1", "succeeded"), ("e2", "failed")):
        news = {"event_id": event_id, "status": status, "payment_id": payment_id}
        more = {"order_id": order_id, "amount_cents": cents, "currency": "CNY", "ts": shop.now_ms}
        body = json.dumps({**news, **more}).encode()
        headers = {SIGNATURE_HEADER: sign(SECRET, body, shop.now_ms // 1000)}
        with pytest.raises(Refused) as refusal:
            await shop.sale.checkout.on_callback("sandbox", headers, body, shop.now_ms)
        assert refusal.value.code in ("amount_mismatch", "bad_request")
    assert (await shop.callback(payment_id, order_id, event_id="e3")).status == "paid"


# -- time ---------------------------------------------------------------------------------------


@SQLITE
async def test_no_order_can_be_paid_for_longer_than_its_pieces_are_held(
    shop: Shop, redis: Redis
) -> None:
    """However it was made: bought, out of a cart, offered, frozen, split, merged, rebuilt."""
    await shop.open_sale(stock=7, hold_s=60)
    await shop.hold("ann", lines=(("a", 2),))
    shop.now_ms += 20_000
    await fill(shop, ("s1", "a", 1))
    await check_out(shop)
    bobs = await shop.hold("bob", lines=(("a", 4),))
    await shop.sale.offers.join("s1", Buyer("cy"), "a", 4)
    await shop.sale.checkout.cancel(bobs, "bob", shop.now_ms)
    regrouping = shop.sale.rewards.regrouping
    await shop.drain()
    mine = [str(order["order_id"]) for order in await shop.sale.checkout.orders("ann")]
    await shop.begin(mine[0], "ann")
    merged = await regrouping.merge(mine, "ann", "m", shop.now_ms)
    (one,) = merged["orders"]  # type: ignore[misc]
    parts = [[("a", 1)], [("a", 2)]]
    await regrouping.split(one["order_id"], "ann", parts, "s", shop.now_ms)
    await shop.drain()
    await redis.flushall()
    await shop.sale.recovery.step()
    orders = await shop.sale.checkout.room_orders(ROOM)
    assert len(orders) == 7
    for order in orders:
        held = await shop.sale.stock.reservation("s1", str(order["order_id"])[1:])
        assert held is not None
        assert held.created_ms < held.pay_by_ms <= held.expires_ms
        assert order["pay_by_ms"] <= order["expires_ms"]  # type: ignore[operator]


@SQLITE
async def test_late_money_finds_the_pieces_with_who_waited(shop: Shop) -> None:
    """Offered in the act that took them back: the money goes back, and the offer can be paid."""
    await shop.open_sale(stock=1, hold_s=60)
    order_id = await shop.hold("ann")
    payment_id = await shop.begin(order_id, "ann")
    await shop.sale.offers.join("s1", Buyer("bob"), "a", 1)
    shop.now_ms += 200_000
    assert await shop.sale.sweeper.step() == 1
    assert (await shop.callback(payment_id, order_id)).status == "refunded"
    assert await shop.pieces() == (0, 1, 0)
    await shop.drain()
    (offered,) = await shop.sale.checkout.orders("bob")
    payment_id = await shop.begin(str(offered["order_id"]), "bob")
    paid = await shop.callback(payment_id, str(offered["order_id"]), event_id="e2")
    assert paid.status == "paid"
    assert await shop.pieces() == (0, 0, 1)
