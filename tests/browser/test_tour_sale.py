"""Tour: one unit from the host's forms to its second buyer, and the money that goes back."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.house import House
from tests.browser.people import People, close_sheets, expect_state, sale_button
from tests.browser.tour import Device, look, on_every_device, open_sheet, press, tab
from tests.waiting import until

# A line of one is let in as soon as the countdown ends, which on a busy machine is soon.
_NOTE_THE_LINE = """window.longestLine = 0;
  new MutationObserver(() => {
    const length = document.querySelector("[data-testid=line-length]")?.textContent ?? 0;
    window.longestLine = Math.max(window.longestLine, Number(length));
  }).observe(document, {subtree: true, childList: true, characterData: true});"""
CLOCK = re.compile(r"\d\d:\d\d")


@on_every_device
def test_sale(house: House, people: People, device: Device) -> None:
    """Queued for, bought with a coupon, paid, given back, offered to who waited, paid again."""
    room = house.room(device("夜里喝茶", "Tea at night"), host_name=device("阿宁", "Ann"))
    as_device = {"size": device.size, "lang": device.lang, "still": True}
    console = people.console(room, **as_device)
    viewer = people.viewer(room, device("小满", "Mia"), **as_device)
    next_one = people.viewer(room, device("阿杰", "Jay"), **as_device)
    on_the_shelf(console, device)
    a_coupon(console, viewer, device)
    through_the_line(console, viewer, device)
    paid(console, viewer, device)
    what_is_mine(viewer, device)
    expect_state(next_one, "sold_out").get_by_test_id("waitlist-join").click()
    expect_state(next_one, "waitlisted")
    expect(console.locator("[data-testid^=waitlist-]")).to_have_text("1")
    look(next_one, device)
    asked_back(console, viewer, device)
    the_next_in_line(console, next_one, device)
    expect_books(console, held=0, sold=2)  # what came back is counted as restocked
    open_sheet(console, device, "audit-detail", "audit-light")


def expect_books(console: Page, *, held: int, sold: int) -> None:
    """What the audit counts now, every piece accounted for."""
    sums = console.get_by_test_id("audit-sums")
    expect(sums).to_have_attribute("data-held", str(held))
    expect(sums).to_have_attribute("data-sold", str(sold))
    expect(console.get_by_test_id("audit-light")).to_have_attribute("data-state", "balanced")


def expect_paid(viewer: Page) -> None:
    """Both the cashier and the order say so."""
    expect(viewer.get_by_test_id("cashier")).to_have_attribute("data-status", "succeeded")
    expect(viewer.get_by_test_id("order-status")).to_have_attribute("data-status", "paid")


def on_the_shelf(console: Page, device: Device) -> None:
    """A product, and its sale with a line and a puzzle before it."""
    tab(console, device, "shelf")
    open_sheet(console, device, "product-form", "product-add")
    name = "product-title" if device.lang == "zh" else "product-title-en"
    for field in {"product-title", name}:
        console.get_by_test_id(field).fill(device("高山乌龙茶", "Oolong tea"))
    console.get_by_test_id("product-price").fill("59")
    console.get_by_test_id("product-save").click()
    tab(console, device, "sale")
    console.get_by_test_id("sale-stock").fill("1")
    console.get_by_test_id("sale-price").fill("29.00")
    console.get_by_test_id("sale-rules").locator("summary").click()
    console.get_by_test_id("sale-line").select_option("5")
    console.get_by_test_id("sale-puzzle").select_option("14")
    look(console, device)
    console.get_by_test_id("sale-create").click()
    expect(console.get_by_test_id("sale-start")).to_be_visible()


def a_coupon(console: Page, viewer: Page, device: Device) -> None:
    """Dropped with a threshold and a quota; claimed, and counted at the console."""
    tab(console, device, "play")
    console.get_by_test_id("play-coupon").click()
    for field, text in (
        ("title", device("满20减5", "5 off 20")),
        ("off", "5"),
        ("threshold", "20"),
        ("quota", "3"),
    ):
        console.get_by_test_id(f"coupon-{field}").fill(text)
    console.get_by_test_id("coupon-drop-button").click()
    expect(viewer.get_by_test_id("coupon-drop")).to_contain_text(device("满20减5", "5 off 20"))
    expect(viewer.get_by_test_id("coupon-left")).to_have_text(device("剩 3 张", "3 left"))
    look(viewer, device)
    viewer.get_by_test_id("coupon-claim").click()
    expect(viewer.get_by_test_id("coupon-drop")).to_be_hidden()
    left = console.get_by_test_id("coupon-remaining")
    expect(left).to_have_text(device("剩 2/3", "2/3 left"))


def through_the_line(console: Page, viewer: Page, device: Device) -> None:
    """Preheated, started in two steps; a place in the line, and then the hold."""
    tab(console, device, "sale")
    console.get_by_test_id("sale-preheat").click()
    expect_state(viewer, "preheat")
    look(viewer, device)
    open_sheet(console, device, "sale-start-dialog", "sale-start")
    console.get_by_test_id("countdown-10").check(force=True)  # covered by what is drawn for it
    expect(console.get_by_test_id("sale-confirm")).to_contain_text("10")
    console.evaluate(_NOTE_THE_LINE)
    console.get_by_test_id("sale-confirm").click()
    expect_state(viewer, "line").get_by_test_id("buy-button").click()
    shuffled = device("随机排序", "shuffled")
    expect(expect_state(viewer, "queueing")).to_contain_text(shuffled)
    until(lambda: bool(console.evaluate("window.longestLine") == 1))
    expect(expect_state(viewer, "buy")).to_contain_text(device("抢购", "Buy"))
    sale_button(viewer).get_by_test_id("buy-button").click()
    expect(viewer.get_by_test_id("off-coupon")).to_have_text("−¥5.00")
    expect(viewer.get_by_test_id("choice-price")).to_have_text("¥24.00")
    look(viewer, device)
    viewer.get_by_test_id("choice-buy").click()
    expect(viewer.get_by_test_id("pay-amount")).to_have_text("¥24.00")
    expect(sale_button(viewer)).to_have_attribute("data-state", "pay")
    expect(sale_button(viewer)).to_have_text(CLOCK)
    expect(console.locator("[data-testid^=stock-left-]")).to_have_text("0")
    expect(console.get_by_test_id("line-admitted")).to_have_text("1")
    look(console, device)
    expect_books(console, held=1, sold=0)


def paid(console: Page, viewer: Page, device: Device) -> None:
    """At the cashier in the room; the console's books and numbers agree."""
    look(viewer, device)
    viewer.get_by_test_id("pay-button").click()
    expect_paid(viewer)
    look(viewer, device)
    expect(sale_button(viewer)).to_have_attribute("data-state", "paid")
    expect_books(console, held=0, sold=1)
    expect(console.get_by_test_id("gmv")).to_have_text("¥24.00")
    expect(console.get_by_test_id("paid-orders")).to_have_text("1")
    expect(console.locator(".stock-row")).to_contain_text("0/1")
    expect(console.locator(".stock-row")).to_contain_text(device("已售 1", "1 sold"))
    expect(console.get_by_test_id("order-row")).to_have_attribute("data-status", "paid")
    close_sheets(viewer)


def what_is_mine(viewer: Page, device: Device) -> None:
    """The order, the coupon that is used, the points that were earned."""
    open_sheet(viewer, device, "my-sheet", "menu", "my-orders")
    expect(viewer.get_by_test_id("order-row")).to_contain_text("¥24.00")
    expect(viewer.get_by_test_id("order-row")).to_contain_text(device("已支付", "Paid"))
    viewer.get_by_test_id("my-tab-coupons").click()
    expect(viewer.get_by_test_id("my-coupon")).to_have_attribute("data-state", "used")
    look(viewer, device)
    viewer.get_by_test_id("my-tab-points").click()
    expect(viewer.get_by_test_id("points")).to_have_text("24")
    look(viewer, device)
    viewer.get_by_test_id("my-tab-orders").click()


def asked_back(console: Page, viewer: Page, device: Device) -> None:
    """Refused with a reason, asked again, granted with the piece back in stock."""
    viewer.get_by_test_id("order-row").first.click()
    viewer.get_by_test_id("request-open").click()
    viewer.get_by_test_id("request-reason").select_option("damaged")
    viewer.get_by_test_id("request-note").fill(device("盒子破了", "The box is torn"))
    look(viewer, device)
    viewer.get_by_test_id("request-send").click()
    expect(viewer.get_by_test_id("request-row")).to_have_attribute("data-status", "open")
    tab(console, device, "orders")
    open_sheet(console, device, "refund-requests-dialog", "refund-requests")
    note = console.get_by_test_id("request-note")
    expect(note).to_have_text(device("盒子破了", "The box is torn"))
    console.get_by_test_id("request-refuse").click()
    console.get_by_test_id("request-answer").fill(device("请先拍照", "A photo first"))
    look(console, device)
    console.get_by_test_id("request-refuse-save").click()
    answer = viewer.get_by_test_id("request-answer")
    expect(answer).to_contain_text(device("请先拍照", "A photo first"))
    expect(console.get_by_test_id("refund-requests")).to_be_hidden()
    viewer.get_by_test_id("request-open").click()
    viewer.get_by_test_id("request-send").click()
    press(console, "refund-requests", "request-approve")
    look(console, device)
    console.get_by_test_id("request-return").click()
    refund = viewer.get_by_test_id("refund-row")
    expect(refund).to_have_attribute("data-status", "succeeded")
    expect(refund).to_contain_text("¥24.00")
    expect(viewer.get_by_test_id("order-status")).to_have_attribute("data-status", "refunded")
    look(viewer, device)


def the_next_in_line(console: Page, next_one: Page, device: Device) -> None:
    """Offered the piece that came back, with a deadline; pays; the host gives it back unasked."""
    expect(next_one.get_by_test_id("offered")).to_contain_text(CLOCK)
    look(next_one, device)
    next_one.get_by_test_id("pay-button").click()
    expect_paid(next_one)
    rows = console.get_by_test_id("order-row")
    expect(rows.last).to_have_attribute("data-status", "refunded")  # the one that is given back
    expect(rows.first).to_have_attribute("data-status", "paid")
    open_sheet(console, device, "order-dialog", "order-open")
    for choice in ("refund-kind-pieces", "refund-kind-all", "refund-return"):
        radio = console.get_by_test_id(choice)
        console.locator("label").filter(has=radio).click()
        expect(radio).to_be_checked()
        look(console, device)
    console.get_by_test_id("refund-ask").click()
    look(console, device)
    console.get_by_test_id("refund-confirm").click()
    expect(console.get_by_test_id("refund-row")).to_have_attribute("data-status", "succeeded")
    look(console, device)
    close_sheets(console)
    expect(next_one.get_by_test_id("order-status")).to_have_attribute("data-status", "refunded")
