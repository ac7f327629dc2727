"""The host's hands on the stock of a running sale: pausing, moving, being warned."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.house import House, Room, until
from tests.browser.people import People
from tests.browser.test_sale import expect_state


def move(console: Page, act: str, qty: int, *, to: str | None = None) -> None:
    """Through the dialog, with its second question."""
    console.get_by_test_id(f"stock-{act}-tea-sku").click()
    console.get_by_test_id("stock-qty").fill(str(qty))
    if to is not None:
        console.get_by_test_id("stock-to").fill(to)
    console.get_by_test_id("stock-ask").click()
    console.get_by_test_id("stock-confirm").click()
    expect(console.get_by_test_id("stock-dialog")).to_have_count(0)


def test_the_host_pauses_and_resumes_a_sale(room: Room, people: People) -> None:
    """Viewers see it at once, and buying goes on after."""
    console, viewer = people.console(room), people.viewer(room, "小满")
    room.sell(stock=5)
    expect_state(viewer, "buy")
    console.get_by_test_id("sale-pause").click()
    expect_state(viewer, "paused")
    expect(console.get_by_test_id("sale-paused")).to_be_visible()
    console.get_by_test_id("sale-resume").click()
    expect_state(viewer, "buy")


def test_the_host_moves_stock_and_the_books_agree(room: Room, people: People) -> None:
    """Restocked, written off, moved to another channel: shown as it is, and balanced."""
    console = people.console(room)
    room.sell(stock=10)
    left = console.get_by_test_id("stock-left-tea-sku")
    expect(left).to_have_text("10")
    move(console, "restock", 5)
    expect(left).to_have_text("15")
    move(console, "write_off", 2)
    expect(left).to_have_text("13")
    move(console, "transfer", 4, to="shop")
    expect(left).to_have_text("9")
    expect(console.get_by_test_id("channels")).to_contain_text("4")
    expect(console.get_by_test_id("audit-light")).to_have_attribute("data-state", "balanced")


def test_the_host_is_warned_of_what_will_not_last(house: House, room: Room, people: People) -> None:
    """By the pace that the server sees, as soon as it can tell one."""
    console = people.console(room)
    sale_id = room.sell(stock=10)
    room.buy(sale_id, house.admit("first"))

    def paced() -> bool:
        return any(row["per_minute"] for row in room.read("metrics")["stock_pace"])

    until(paced, 15)
    room.buy(sale_id, house.admit("second"))
    expect(console.get_by_test_id("toast").filter(has_text="8")).to_be_visible()
    expect(console.get_by_test_id("pace-tea-sku")).not_to_have_text("–")
