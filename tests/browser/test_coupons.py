"""A coupon from the host's form to a cheaper order and its points, by hand in two browsers."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.house import Room
from tests.browser.people import People
from tests.browser.test_sale import close_sheets, expect_state, sale_button


def test_drop_claim_buy_cheaper_and_earn_points(room: Room, people: People) -> None:
    """The card shows how many are left, the choice the price; paid, the coupon is used."""
    room.sell()
    console = people.console(room)
    viewer = people.viewer(room, "小满")
    console.get_by_test_id("coupons-toggle").click()
    console.get_by_test_id("coupon-title").fill("满20减5")
    console.get_by_test_id("coupon-off").fill("5")
    console.get_by_test_id("coupon-threshold").fill("20")
    console.get_by_test_id("coupon-quota").fill("3")
    console.get_by_test_id("coupon-drop-button").click()
    expect(viewer.get_by_test_id("coupon-drop")).to_contain_text("满20减5")
    expect(viewer.get_by_test_id("coupon-left")).to_have_text("剩 3 张")
    viewer.get_by_test_id("coupon-claim").click()
    expect(viewer.get_by_test_id("coupon-drop")).to_be_hidden()
    expect(console.get_by_test_id("coupon-remaining")).to_have_text("剩 2/3")
    expect_state(viewer, "buy").get_by_role("button").click()
    expect(viewer.get_by_test_id("choice-price")).to_have_text("¥24.00")
    viewer.get_by_test_id("choice-buy").click()
    expect(viewer.get_by_test_id("pay-amount")).to_have_text("¥24.00")
    viewer.get_by_test_id("pay-button").click()
    expect(viewer.get_by_test_id("cashier")).to_have_attribute("data-status", "succeeded")
    expect(sale_button(viewer)).to_have_attribute("data-state", "paid")
    close_sheets(viewer)
    viewer.get_by_test_id("menu").click()
    viewer.get_by_test_id("my-orders").click()
    expect(viewer.get_by_test_id("points")).to_have_text("24")
    expect(viewer.get_by_test_id("my-coupon")).to_have_attribute("data-state", "used")
    expect(viewer.get_by_test_id("order-row")).to_contain_text("¥24.00")


def test_accounts_leave_the_console_as_csv(room: Room, people: People) -> None:
    """With every order on a line of its own."""
    sale_id = room.sell()
    buyer = room.house.admit("小满")
    room.begin_payment(room.buy(sale_id, buyer), buyer)
    console = people.console(room)
    with console.expect_download() as saving:
        console.get_by_test_id("export-orders").click()
    text = saving.value.path().read_text("utf-8-sig")
    assert text.count("\n") == 2
    assert "tea-sku" in text
