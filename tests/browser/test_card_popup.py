"""The card pops up: what the host shows is in front of the viewer before anybody wonders."""

from __future__ import annotations

import statistics

import pytest
from playwright.sync_api import Page, expect

from tests.browser.house import Room
from tests.browser.people import DESK, PHONE, People, Size

POPUP_MS_MAX = 300
SHOWS = 5

# Both pages write down the moment on the one clock of this machine.
_NOTE_POPUPS = """window.popups = {};
  new MutationObserver(() => {
    const product = document.querySelector("[data-testid=card-popup]")?.dataset.product;
    if (product) window.popups[product] ??= performance.timeOrigin + performance.now();
  }).observe(document, {subtree: true, childList: true, attributes: true});"""
_NOTE_CLICKS = """window.clicks = {};
  addEventListener("click", (event) => {
    const id = event.target.closest("[data-testid]")?.dataset.testid;
    window.clicks[id] = performance.timeOrigin + event.timeStamp;
  }, {capture: true});"""


def popup_ms(console: Page, viewer: Page, product_id: str) -> float:
    """From the host's click to the card standing in the viewer's page."""
    console.get_by_test_id(f"card-show-{product_id}").click()
    expect(viewer.get_by_test_id("card-popup")).to_have_attribute("data-product", product_id)
    shown = viewer.evaluate("id => window.popups[id]", product_id)
    clicked = console.evaluate("id => window.clicks[id]", f"card-show-{product_id}")
    return float(shown - clicked)


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_a_card_shown_from_the_console_pops_up_within_300_ms(
    room: Room, people: People, size: Size
) -> None:
    """Measured from click to document, five products one after another."""
    products = [room.put_product(f"tea-{n}", f"第 {n} 款茶") for n in range(SHOWS)]
    for product in products:  # the console keeps what it has seen on the shelf
        room.run("card.show", product_id=product)
    console = people.console(room)
    viewer = people.viewer(room, size=size)
    viewer.evaluate(_NOTE_POPUPS)
    console.evaluate(_NOTE_CLICKS)
    took = [popup_ms(console, viewer, product) for product in products]
    expect(viewer.get_by_test_id("card-popup")).to_contain_text(f"第 {SHOWS - 1} 款茶")
    rounded = [round(ms) for ms in took]
    print(f"pop-up after {rounded} ms")  # noqa: T201 - shown by pytest -s and on failure
    assert statistics.median(took) <= POPUP_MS_MAX, f"pop-up after {rounded} ms"


def test_the_card_docks_into_the_bag(room: Room, people: People) -> None:
    """Closing it leaves it in the bag, with the count."""
    viewer = people.viewer(room)
    expect(viewer.get_by_test_id("bag-count")).to_have_text("0")
    room.run("card.show", product_id=room.put_product())
    popup = viewer.get_by_test_id("card-popup")
    popup.get_by_role("button", name="关闭").click()
    expect(popup).to_be_hidden()
    expect(viewer.get_by_test_id("bag-count")).to_have_text("1")
    viewer.get_by_test_id("bag").click()
    expect(viewer.get_by_test_id("bag-card")).to_contain_text("¥59.00")
