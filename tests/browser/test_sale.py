"""A sale from the host's form to a paid order, all of it by hand in two browsers."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.house import TEA, Room
from tests.browser.people import DESK, PHONE, People, Size, sign_in

CLOCK = re.compile(r"\b\d\d:\d\d\b")


def make_product(console: Page, title: str, price: str) -> None:
    """Add it and put it on the shelf."""
    console.get_by_test_id("product-add").click()
    console.get_by_test_id("product-title").fill(title)
    console.get_by_test_id("product-price").fill(price)
    console.get_by_test_id("product-save").click()


def make_sale(console: Page, *, stock: int, price: str) -> None:
    """Of the only product on the shelf."""
    console.get_by_test_id("sale-stock").fill(str(stock))
    console.get_by_test_id("sale-price").fill(price)
    console.get_by_test_id("sale-create").click()


def start_sale(console: Page, countdown_s: int) -> None:
    """In two steps."""
    console.get_by_test_id("sale-start").click()
    # The radio itself is covered by what is drawn for it.
    console.get_by_test_id(f"countdown-{countdown_s}").check(force=True)
    console.get_by_test_id("sale-confirm").click()


def sale_button(viewer: Page) -> Locator:
    """The one in sight: in the bag on a phone, on the shelf beside the picture on a wide screen."""
    wide = (viewer.viewport_size or PHONE)["width"] >= 1000
    if not wide and not viewer.get_by_test_id("bag-sheet").is_visible():
        viewer.get_by_test_id("bag").click()
    return viewer.get_by_test_id("bag-card").get_by_test_id("sale-state")


def expect_state(viewer: Page, state: str) -> Locator:
    button = sale_button(viewer)
    expect(button).to_have_attribute("data-state", state)
    return button


def buy_and_pay(viewer: Page) -> None:
    """Press buy, then pay at the cashier that opens in the room."""
    sale_button(viewer).get_by_role("button").click()
    viewer.get_by_test_id("pay-button").click()
    expect(viewer.get_by_test_id("cashier")).to_have_attribute("data-status", "succeeded")


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_from_the_hosts_form_to_a_paid_order(room: Room, people: People, size: Size) -> None:
    """Product, sale, preheat, countdown, buy, cashier, paid; the console's books agree."""
    console = people.console(room)
    viewer = people.viewer(room, "小满", size=size)
    make_product(console, TEA, "59")
    make_sale(console, stock=5, price="29.00")
    console.get_by_test_id("sale-preheat").click()
    expect_state(viewer, "preheat")
    start_sale(console, 5 if size is PHONE else 0)
    if size is PHONE:
        expect(expect_state(viewer, "soon")).to_have_text(CLOCK)
    expect(expect_state(viewer, "buy")).to_have_text("抢购")
    sale_button(viewer).get_by_role("button").click()
    expect(sale_button(viewer)).to_have_attribute("data-state", "pay")
    expect(sale_button(viewer)).to_have_text(CLOCK)
    expect(viewer.get_by_test_id("pay-amount")).to_have_text("¥29.00")
    viewer.get_by_test_id("pay-button").click()
    expect(viewer.get_by_test_id("cashier")).to_have_attribute("data-status", "succeeded")
    expect(viewer.get_by_test_id("order-status")).to_have_attribute("data-status", "paid")
    expect(sale_button(viewer)).to_have_attribute("data-state", "paid")
    expect_sold(console)
    close_sheets(viewer)
    viewer.get_by_test_id("menu").click()
    viewer.get_by_test_id("my-orders").click()
    expect(viewer.get_by_test_id("order-row")).to_contain_text("已支付")


def expect_sold(console: Page) -> None:
    """One of five sold for ¥29.00 and every unit accounted for."""
    expect(console.get_by_test_id("gmv")).to_have_text("¥29.00")
    expect(console.get_by_test_id("paid-orders")).to_have_text("1")
    row = console.locator(".stock-row")
    expect(row).to_contain_text("4/5")
    expect(row).to_contain_text(re.compile("已售 ?1"))
    expect(console.get_by_test_id("audit-light")).to_have_attribute("data-state", "balanced")
    expect(console.get_by_test_id("order-row")).to_have_attribute("data-status", "paid")


def close_sheets(viewer: Page) -> None:
    """From the top one down."""
    sheets = viewer.get_by_role("dialog")
    for left in range(sheets.count(), 0, -1):
        viewer.keyboard.press("Escape")
        expect(sheets).to_have_count(left - 1)


def test_a_guest_is_asked_for_a_name_before_buying(room: Room, people: People) -> None:
    """And has the unit right after."""
    room.sell()
    guest = people.viewer(room)
    expect_state(guest, "buy").get_by_role("button").click()
    sign_in(guest, "小满")
    expect(guest.get_by_test_id("order-sheet")).to_be_visible()
    expect(guest.get_by_test_id("order-sheet").get_by_text("抢到了")).to_be_visible()


def test_a_declined_payment_may_be_tried_again(room: Room, people: People) -> None:
    """Nothing is sold by the first try, one unit by the second."""
    room.sell(stock=1)
    viewer = people.viewer(room, "小满")
    expect_state(viewer, "buy").get_by_role("button").click()
    viewer.get_by_test_id("decline-button").click()
    expect(viewer.get_by_test_id("cashier")).to_have_attribute("data-status", "failed")
    viewer.get_by_test_id("pay-again").click()
    viewer.get_by_test_id("pay-button").click()
    expect(viewer.get_by_test_id("cashier")).to_have_attribute("data-status", "succeeded")
    (sku,) = room.read("audit")["sales"][0]["skus"]
    assert (sku["sold"], sku["held"], sku["available"], sku["balanced"]) == (1, 0, 0, True)


def test_the_cashier_is_a_page_of_its_own_too(room: Room, people: People) -> None:
    """Opened in another tab, it is paid there, and the room's page learns of it."""
    room.sell()
    viewer = people.viewer(room, "小满")
    with viewer.expect_response(re.compile(r"/v1/orders/[^/]+/pay$")) as paying:
        expect_state(viewer, "buy").get_by_role("button").click()
    expect(viewer.get_by_test_id("pay-button")).to_be_visible()
    tab = people.open(paying.value.json()["cashier_url"].removeprefix(room.house.url))
    expect(tab.get_by_test_id("pay-amount")).to_have_text("¥29.00")
    tab.get_by_test_id("pay-button").click()
    expect(tab.get_by_test_id("cashier")).to_have_attribute("data-status", "succeeded")
    expect(viewer.get_by_test_id("order-status")).to_have_attribute("data-status", "paid")
    tab.get_by_test_id("back-to-room").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text(room.title)


def test_an_unpaid_hold_runs_out_and_the_unit_can_be_bought_again(
    room: Room, people: People
) -> None:
    """After the deadline the button is lapsed, the stock is back, and another buys it."""
    room.sell(stock=1, hold_s=3)
    slow, next_one = people.viewer(room, "小满"), people.viewer(room, "阿杰")
    expect_state(next_one, "buy")
    expect_state(slow, "buy").get_by_role("button").click()
    expect(sale_button(slow)).to_have_attribute("data-state", "pay")
    expect_state(next_one, "sold_out")
    expect_state(next_one, "buy")
    expect(slow.get_by_test_id("toast").filter(has_text="订单超时")).to_be_visible()
    close_sheets(slow)
    expect_state(slow, "buy")
    buy_and_pay(next_one)
    close_sheets(slow)
    expect_state(slow, "sold_out")
