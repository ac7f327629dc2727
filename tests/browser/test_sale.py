"""A sale from the host's form to a paid order, all of it by hand in two browsers."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.house import Room
from tests.browser.people import (
    People,
    buy_and_pay,
    close_sheets,
    expect_state,
    sale_button,
    sign_in,
)

CLOCK = re.compile(r"\b\d\d:\d\d\b")


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
