"""What follows an order: points, commissions, news for webhooks, exports; all to the cent."""

from __future__ import annotations

import csv
import io
from typing import Any

import orjson
import pytest

from flash_sale.cart import CartLine
from flash_sale.coupons import Coupon
from flash_sale.errors import Refused
from flash_sale.payments import SIGNATURE_HEADER, verify
from flash_sale.ports_rewards import BenefitAsk
from flash_sale.pricing import AddOn
from flash_sale.refunds import RefundAsk, RefundReason
from flash_sale.reserve import Buyer
from flash_sale.storage.exports import safe_cell
from flash_sale.webhooks import ATTEMPTS_MAX
from tests.contracts.flash_sale.shop import ROOM, Shop, sku


async def pay(shop: Shop, order_id: str, user: str, cents: int) -> None:
    payment = await shop.begin(order_id, user)
    await shop.callback(payment, order_id, amount_cents=cents, event_id=f"e-{order_id}")


async def refund(shop: Shop, order_id: str, cents: int, key: str) -> None:
    ask = RefundAsk(RefundReason.GOODWILL, amount_cents=cents)
    await shop.sale.refunding.request(order_id, ask, actor="op", key=key, now_ms=shop.now_ms)


async def points(shop: Shop, user: str = "ann") -> int:
    return int((await shop.sale.rewards.books.points(user))["points"])


async def rate(shop: Shop, bp: int, product_id: str = "") -> None:
    await shop.sale.rewards.books.set_rate(
        ROOM, product_id, "host", bp, actor="op", now_ms=shop.now_ms
    )


async def lines(shop: Shop) -> list[dict[str, Any]]:
    return list((await shop.sale.rewards.books.commissions(ROOM, 100))["commissions"])


async def test_points_are_earned_once_spent_held_and_undone_by_refunds(shop: Shop) -> None:
    await shop.open_sale(skus=(sku("a", cents=10_000),))
    first = await shop.hold("ann")
    await pay(shop, first, "ann", 10_000)
    await shop.drain()
    assert await points(shop) == 100
    held = (
        await shop.sale.rewards.benefits.reserve(
            "s1", Buyer("ann"), [("a", 1)], "k2", BenefitAsk(points=60), shop.now_ms
        )
    ).held
    assert held is not None
    assert (held["amount_cents"], await points(shop)) == (9_940, 40)
    second = str(held["order_id"])
    await pay(shop, second, "ann", 9_940)
    assert await points(shop) == 139
    await refund(shop, second, 4_970, "r1")
    assert await points(shop) == 139 - 50 + 30
    await refund(shop, second, 4_970, "r2")
    assert await points(shop) == 139 - 99 + 60


async def test_a_commission_is_locked_earned_and_undone_in_proportion(shop: Shop) -> None:
    await shop.open_sale(skus=(sku("a", cents=1_000), sku("b", cents=333)))
    await rate(shop, 1_000)
    await rate(shop, 2_500, "p-b")
    order_id = await shop.hold("ann", lines=(("a", 2), ("b", 1)))
    gone = await shop.hold("ann", "k2")
    await shop.drain()
    await rate(shop, 9_000)
    assert [(row["state"], row["commission_cents"]) for row in await lines(shop)][-3:].count(
        ("locked", 100)
    ) == 1
    await pay(shop, order_id, "ann", 2_333)
    await shop.sale.checkout.cancel(gone, "ann", shop.now_ms)
    await shop.drain()
    mine = [row for row in await lines(shop) if row["order_id"] == order_id]
    assert [(row["state"], row["rate_bp"], row["commission_cents"]) for row in mine] == [
        ("earned", 1_000, 200),
        ("earned", 2_500, 83),
    ]
    assert [row["state"] for row in await lines(shop) if row["order_id"] == gone] == ["void"]
    await refund(shop, order_id, 1_166, "r1")
    mine = [row for row in await lines(shop) if row["order_id"] == order_id]
    assert [row["reversed_cents"] for row in mine] == [100, 42]
    await refund(shop, order_id, 1_167, "r2")
    sums = await shop.sale.rewards.books.commissions(ROOM, 100)
    assert sums["hosts"] == [{"host_id": "host", "earned_cents": 0}]


class Receiver:
    """Somebody's address: answers as told, keeps what it was sent."""

    def __init__(self, *answers: int | Exception) -> None:
        self.answers = list(answers)
        self.got: list[tuple[dict[str, str], bytes]] = []

    async def __call__(self, url: str, headers: dict[str, str], body: bytes) -> int:
        self.got.append((headers, body))
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def events(self) -> list[str]:
        return [orjson.loads(body)["event"] for _, body in self.got]


async def listen(shop: Shop, receiver: Receiver, *events: str) -> dict[str, Any]:
    hooks = shop.sale.rewards.webhooks
    hooks.send = receiver
    return dict(
        await hooks.add(ROOM, "https://erp.example/in", events, actor="op", now_ms=shop.now_ms)
    )


async def test_webhooks_hear_every_move_once_signed(shop: Shop) -> None:
    await shop.open_sale(skus=(sku("a", cents=1_000),))
    receiver = Receiver()
    hook = await listen(shop, receiver)
    paid, gone = await shop.hold("ann"), await shop.hold("ann", "k2")
    await pay(shop, paid, "ann", 1_000)
    await shop.sale.checkout.cancel(gone, "ann", shop.now_ms)
    await shop.drain()
    await refund(shop, paid, 400, "r1")
    for _ in range(2):
        await shop.sale.rewards.webhooks.mark_ready(ROOM, paid, shop.now_ms)
    while await shop.sale.rewards.webhooks.step(shop.now_ms):
        pass
    assert sorted(receiver.events) == [
        "order.cancelled",
        "order.paid",
        "order.placed",
        "order.placed",
        "order.ready_to_ship",
        "order.refunded",
    ]
    for headers, body in receiver.got:
        verify(hook["secret"].encode(), headers[SIGNATURE_HEADER], body, shop.now_ms)
    log = await shop.sale.rewards.webhooks.deliveries(hook["webhook_id"], ROOM)
    assert {(row["state"], row["answer"]) for row in log} == {("delivered", 200)}
    with pytest.raises(Refused, match="conflict"):
        await shop.sale.rewards.webhooks.mark_ready(ROOM, gone, shop.now_ms)


async def test_what_was_not_taken_is_sent_again_ever_later_and_given_up(shop: Shop) -> None:
    await shop.open_sale()
    receiver = Receiver(500, ConnectionError("away"), *[503] * ATTEMPTS_MAX)
    hook = await listen(shop, receiver, "order.placed")
    await shop.hold("ann")
    await shop.drain()
    hooks = shop.sale.rewards.webhooks
    await hooks.step(shop.now_ms)
    await hooks.step(shop.now_ms)
    assert len(receiver.got) == 1
    for _ in range(ATTEMPTS_MAX + 3):
        shop.now_ms += 7 * 3_600_000
        await hooks.step(shop.now_ms)
    assert len(receiver.got) == ATTEMPTS_MAX
    assert len({orjson.loads(body)["event_id"] for _, body in receiver.got}) == 1
    (row,) = await hooks.deliveries(hook["webhook_id"], ROOM)
    assert (row["state"], row["attempts"]) == ("given_up", ATTEMPTS_MAX)
    await hooks.remove(hook["webhook_id"], ROOM)
    with pytest.raises(Refused, match="not_found"):
        await hooks.deliveries(hook["webhook_id"], ROOM)


@pytest.mark.parametrize(
    "url", ["ftp://x/", "https://", "//x/y", "https://u:p@x/", "file:///etc", "http://x:99999/"]
)
async def test_addresses_that_are_none(shop: Shop, url: str) -> None:
    with pytest.raises(Refused, match="bad_request"):
        await shop.sale.rewards.webhooks.add(ROOM, url, (), actor="op", now_ms=shop.now_ms)


async def exported(shop: Shop, kind: str) -> list[dict[str, str]]:
    pages = [page async for page in shop.sale.rewards.exports.csv(kind, ROOM)]
    return list(csv.DictReader(io.StringIO(b"".join(pages).decode("utf-8-sig"))))


async def test_exports_have_every_line_and_no_formula(shop: Shop) -> None:
    ware = sku("a", cents=1_000)
    evil = type(ware)("a", "p-a", '=HYPERLINK("http://x")', 9, 1_000)
    await shop.open_sale(skus=(evil, sku("b")))
    await rate(shop, 1_000)
    order_id = await shop.hold("ann", lines=(("a", 1), ("b", 1)))
    await pay(shop, order_id, "ann", 1_100)
    await refund(shop, order_id, 100, "r1")
    rows = await exported(shop, "orders")
    assert [(row["sku_id"], row["order_cents"]) for row in rows] == [("a", "1100"), ("b", "1100")]
    assert rows[0]["title"] == '\'=HYPERLINK("http://x")'
    assert [row["refunded_cents"] for row in await exported(shop, "payments")] == ["100"]
    assert [row["amount_cents"] for row in await exported(shop, "refunds")] == ["100"]
    assert len(await exported(shop, "commissions")) == 2


@pytest.mark.parametrize("cell", ["=1", "+1", "-1", "@x", "\t=1", "\r=1", " =1"])
def test_a_cell_is_never_a_formula(cell: str) -> None:
    assert safe_cell(cell) == f"'{cell}"
    assert safe_cell(-5) == "-5"


async def wide_open(_sale_id: str) -> None:
    return


async def shut(_sale_id: str) -> None:
    raise Refused("not_admitted", "It is not your turn.")


async def test_a_cart_hints_offers_and_checks_out(shop: Shop) -> None:
    """¥40 of goods: a coupon from ¥50 is ten short; with an add-on it is reached."""
    await shop.open_sale(skus=(sku("a", cents=4_000), sku("b", cents=1_500)))
    coupons, carts = shop.sale.rewards.coupons, shop.sale.rewards.carts
    made = Coupon("c1", ROOM, "5 off 50", 9, shop.now_ms, off_cents=500, threshold_cents=5_000)
    await coupons.claim(await coupons.drop(made), "ann", "k", now_ms=shop.now_ms)
    await coupons.step(shop.now_ms)
    await carts.offer(ROOM, "s1", AddOn("b", 1_000, 4_000))
    await carts.add("ann", ROOM, CartLine("s1", "a", 1), shop.now_ms)
    (view,) = await carts.view("ann", ROOM, shop.now_ms)
    assert view["hint"] == {
        "coupon_id": "c1",
        "title": "5 off 50",
        "missing_cents": 1_000,
        "off_cents": 500,
    }
    assert view["add_ons"][0]["missing_cents"] == 0  # type: ignore[index]
    await carts.add("ann", ROOM, CartLine("s1", "b", 1), shop.now_ms)
    (view,) = await carts.view("ann", ROOM, shop.now_ms)
    assert (view["amount_cents"], view["hint"]) == (4_500, None)
    assert await shop.pieces("a") == (10, 0, 0)
    ask = BenefitAsk(coupon_id="c1")
    (barred,) = await carts.check_out(Buyer("ann"), ROOM, "k", ask, shop.now_ms, shut)
    assert barred["err"]["code"] == "not_admitted"  # type: ignore[index]
    assert await shop.pieces("a") == (10, 0, 0)
    (answer,) = await carts.check_out(Buyer("ann"), ROOM, "k", ask, shop.now_ms, wide_open)
    assert answer["ok"]["amount_cents"] == 4_500  # type: ignore[index]
    assert await carts.view("ann", ROOM, shop.now_ms) == []
    assert await shop.pieces("a") == (9, 1, 0)
