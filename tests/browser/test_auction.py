"""An auction, by a host at the console and two viewers: won, not wanted, offered to the next."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.house import Room
from tests.browser.people import DESK, People, close_sheets


def part(console: Page, name: str) -> None:
    console.get_by_test_id(f"part-{name}").click()


def test_an_auction_rises_and_the_hammer_falls(room: Room, people: People) -> None:
    """Whoever won it does not want it any more: the next pays, at what that one bid."""
    room.put_product()
    room.run("card.show", product_id="tea")
    console, lin = people.console(room), people.viewer(room, "小满")
    ann = people.viewer(room, "Ann", size=DESK, lang="en")
    part(console, "auctions")
    console.get_by_test_id("auction-start").fill("10")
    console.get_by_test_id("auction-step").fill("5")
    console.get_by_test_id("auction-open").click()
    for viewer in (lin, ann):
        viewer.get_by_test_id("auction-chip").click()
    lin.get_by_test_id("bid-0").click()
    expect(lin.get_by_test_id("auction-leading")).to_be_visible()
    expect(ann.get_by_test_id("bid-0")).to_contain_text("15.00")
    ann.get_by_test_id("bid-1").click()
    expect(lin.get_by_test_id("auction-lead")).to_have_attribute("data-cents", "2000")
    console.get_by_test_id("auction-hammer").click()
    console.get_by_test_id("auction-confirm").click()
    expect(ann.get_by_test_id("auction-result")).to_have_attribute("data-mine", "true")
    expect(lin.get_by_test_id("auction-result")).to_have_attribute("data-mine", "false")
    ann.get_by_test_id("auction-pay").click()
    ann.get_by_test_id("order-cancel").click()
    ann.get_by_test_id("cancel-confirm").click()
    expect(console.get_by_test_id("auction-unpaid")).to_be_visible()
    console.get_by_test_id("auction-next").click()
    expect(console.get_by_test_id("auction-unpaid")).to_be_hidden()
    close_sheets(lin)
    lin.get_by_test_id("menu").click()
    lin.get_by_test_id("my-orders").click()
    lin.get_by_test_id("order-row").first.click()
    lin.get_by_test_id("pay-button").click()
    expect(lin.get_by_test_id("order-status")).to_have_attribute("data-status", "paid")
    close_sheets(ann)
    ann.get_by_test_id("menu").click()
    ann.get_by_test_id("my-wins").click()
    expect(ann.get_by_test_id("my-auction")).to_contain_text("Cancelled")
