"""The whole way to a purchase: line, coupon, paying, late money, refunds, the waitlist."""

from __future__ import annotations

import json
import re

from playwright.sync_api import Page, Route, expect

from tests.browser.house import Room
from tests.browser.people import DESK, People, close_sheets, expect_state, sale_button


def expect_paid(viewer: Page) -> None:
    """Both the cashier and the order say so."""
    expect(viewer.get_by_test_id("cashier")).to_have_attribute("data-status", "succeeded")
    expect(viewer.get_by_test_id("order-status")).to_have_attribute("data-status", "paid")


def begin(viewer: Page) -> str:
    """Buy and go as far as the cashier; the payment's id."""
    with viewer.expect_response(re.compile(r"/v1/orders/[^/]+/pay$")) as paying:
        expect_state(viewer, "buy").get_by_test_id("buy-button").click()
    expect(viewer.get_by_test_id("pay-button")).to_be_visible()
    payment_id: str = paying.value.json()["payment_id"]
    return payment_id


def test_money_that_comes_after_the_hold_was_gone(room: Room, people: People) -> None:
    """Becomes an order while there is stock, goes back when there is none; each told as it is."""
    sale_id = room.sell(stock=2, hold_s=4)
    console = people.console(room)
    lucky, late = people.viewer(room, "小满"), people.viewer(room, "阿杰", lang="en")
    payments = [begin(viewer) for viewer in (lucky, late)]
    for viewer in (lucky, late):
        expect(viewer.get_by_test_id("cashier")).to_have_attribute("data-status", "closed")
    room.buy(sale_id, room.house.admit("快手"))
    room.house.late_money(payments[0])
    expect_paid(lucky)
    expect(console.get_by_test_id("stock-left-tea-sku")).to_have_text("0")
    room.house.late_money(payments[1])
    expect(late.get_by_test_id("order-status")).to_have_attribute("data-status", "refunded")
    expect(late.get_by_test_id("refund-row")).to_contain_text("The money came after")
    close_sheets(late)
    late.get_by_test_id("menu").click()
    late.get_by_test_id("my-orders").click()
    expect(late.get_by_test_id("order-row")).to_contain_text("Refunded")


def at_wechat(viewer: Page) -> None:
    """The server's answers as they are where WeChat Pay and Stripe are configured.

    No real provider can be asked from a test; what they answer is tested with their adapters.
    """

    def told(route: Route, **more: object) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), **more})

    def begun(route: Route) -> None:
        answer = route.fetch(post_data=json.dumps({"provider": "sandbox"}))
        link = "weixin://wxpay/bizpayurl?pr=browser"
        route.fulfill(response=answer, json={**answer.json(), "cashier_url": link})

    viewer.route("**/v1/config", lambda route: told(route, providers=["wechat", "stripe"]))
    viewer.route(re.compile(r"/v1/payments/[^/]+$"), lambda route: told(route, provider="wechat"))
    viewer.route(re.compile(r"/v1/orders/[^/]+/pay$"), begun)


def test_a_real_provider_is_chosen_and_its_code_shown(room: Room, people: People) -> None:
    """Only what is configured is offered; the page hears by itself that it was paid."""
    room.sell()
    viewer = people.viewer(room, "小满")
    at_wechat(viewer)
    viewer.reload()
    expect_state(viewer, "buy").get_by_test_id("buy-button").click()
    expect(viewer.get_by_test_id("provider-stripe")).to_be_visible()
    expect(viewer.get_by_test_id("provider-sandbox")).to_have_count(0)
    with viewer.expect_response(re.compile(r"/v1/orders/[^/]+/pay$")) as paying:
        viewer.get_by_test_id("provider-wechat").click()
    expect(viewer.get_by_role("img", name=re.compile("微信支付"))).to_be_visible()
    expect(viewer.get_by_test_id("pay-link")).to_have_attribute("href", re.compile("^weixin://"))
    payment = paying.value.json()["payment_id"]
    room.house.ask("POST", f"/v1/payments/{payment}/sandbox", {"outcome": "succeeded"})
    expect_paid(viewer)


def sell_two(room: Room) -> None:
    """Tea and, for who buys tea for ¥50, a cup at ¥9.90."""
    room.put_product("tea")
    room.put_product("cup", "茶杯")
    terms = {"stock": 9, "list_cents": 8900, "sale_cents": 2900, "per_user": 9}
    skus = [{**terms, "sku_id": f"{name}-sku", "product_id": name} for name in ("tea", "cup")]
    sale_id = room.run("sale.create", skus=skus, start="now", duration_s=600)["sale_id"]
    for name in ("cup", "tea"):
        room.run("card.show", product_id=name, sale_id=sale_id, sku_id=f"{name}-sku")
    offer = {"unit_cents": 990, "threshold_cents": 5000}
    room.run("addon.put", sale_id=sale_id, sku_id="cup-sku", **offer)


def test_an_order_is_taken_apart_and_put_together(room: Room, people: People) -> None:
    """Without a discount; the deadline stays, and the whole is paid."""
    sell_two(room)
    viewer = people.viewer(room, "小满", size=DESK)
    card = viewer.locator("[data-testid=bag-card][data-product=tea]")
    card.get_by_test_id("cart-add").click()
    expect(viewer.get_by_test_id("cart-count")).to_have_text("1")
    viewer.get_by_test_id("cart-open").click()
    viewer.get_by_test_id("cart-more").click()
    expect(viewer.get_by_test_id("cart-qty")).to_have_text("2")
    viewer.get_by_test_id("cart-checkout").click()
    viewer.get_by_test_id("order-split").click()
    viewer.get_by_test_id("split-more").click()
    viewer.get_by_test_id("split-confirm").click()
    expect(viewer.get_by_test_id("pay-amount")).to_have_text("¥29.00")
    viewer.get_by_test_id("order-merge").click()
    expect(viewer.get_by_test_id("pay-amount")).to_have_text("¥58.00")
    viewer.get_by_test_id("pay-button").click()
    expect_paid(viewer)
    close_sheets(viewer)
    expect(sale_button(viewer).first).to_be_visible()
    assert room.read("audit")["balanced"]
