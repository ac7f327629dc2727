"""Standing in line, being let in and buying; waiting for what comes back and paying it."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.house import Room
from tests.browser.people import PHONE, People
from tests.browser.test_sale import buy_and_pay, close_sheets, expect_state, sale_button


def test_from_the_line_to_a_paid_order(room: Room, people: People) -> None:
    """Joined in the countdown with its puzzle, let in after the start, bought and paid."""
    sale_id = room.prepare_sale(
        stock=5, waiting_room={"rate_per_s": 5, "opens_before_s": 60}, pow={"bits": 8}
    )
    console = people.console(room)
    viewer = people.viewer(room, "小满", size=PHONE)
    room.run("sale.start", sale_id=sale_id, countdown_s=4)
    expect_state(viewer, "line").get_by_test_id("buy-button").click()
    expect(expect_state(viewer, "queueing")).to_contain_text("随机排序")
    expect(console.get_by_test_id("line-length")).to_have_text("1")
    expect_state(viewer, "buy")
    buy_and_pay(viewer)
    expect(console.get_by_test_id("line-admitted")).to_have_text("1")


def test_the_early_word_in_a_slow_line(room: Room, people: People) -> None:
    """One unit, somebody ahead: the one behind hears early that it may not reach, and can go."""
    sale_id = room.sell(stock=1, waiting_room={"rate_per_s": 1, "opens_before_s": 60})
    for n in range(8):
        other = room.house.admit(f"前面{n}")
        room.run("queue.join", by=other, sale_id=sale_id)
    viewer = people.viewer(room, "小满")
    expect_state(viewer, "line").get_by_test_id("buy-button").click()
    expect(expect_state(viewer, "queueing")).to_contain_text("第")
    expect(viewer.get_by_test_id("early-word").first).to_be_visible()
    sale_button(viewer).get_by_test_id("line-leave").click()
    expect_state(viewer, "line")


def test_what_comes_back_is_offered_and_paid(room: Room, people: People) -> None:
    """Sold out, "tell me when it is back", the holder lets go: an order of one's own, paid."""
    room.sell(stock=1, hold_s=6)
    holder = room.house.admit("阿杰")
    sale_id = room.read("audit")["sales"][0]["sale_id"]
    room.run(
        "sale.buy", by=holder, sale_id=sale_id, lines=[{"sku_id": "tea-sku", "qty": 1}], key="k1"
    )
    console = people.console(room)
    viewer = people.viewer(room, "小满")
    button = expect_state(viewer, "sold_out")
    button.get_by_test_id("waitlist-join").click()
    expect_state(viewer, "waitlisted")
    expect(console.get_by_test_id("waitlist-tea-sku")).to_have_text("1")
    expect(viewer.get_by_test_id("order-sheet")).to_be_visible()
    viewer.get_by_test_id("pay-button").click()
    expect(viewer.get_by_test_id("cashier")).to_have_attribute("data-status", "succeeded")
    close_sheets(viewer)
    expect_state(viewer, "paid")
    assert room.read("audit")["balanced"]
