"""The host's hands on the stock of a running sale: pausing, moving, being warned."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.house import House, Room, until
from tests.browser.people import People, expect_state


def test_the_host_pauses_and_resumes_a_sale(room: Room, people: People) -> None:
    """Viewers see it at once, and buying goes on after."""
    console, viewer = people.console(room), people.viewer(room, "小满")
    screen = people.screen(room)
    room.sell(stock=5)
    expect_state(viewer, "buy")
    console.get_by_test_id("sale-pause").click()
    expect_state(viewer, "paused")
    expect(console.get_by_test_id("sale-paused")).to_be_visible()
    expect(screen.get_by_test_id("screen-paused")).to_be_visible()
    console.get_by_test_id("sale-resume").click()
    expect_state(viewer, "buy")


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
    expect(console.get_by_test_id("alert-tea-sku")).to_be_visible()
