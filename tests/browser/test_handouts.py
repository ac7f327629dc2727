"""A red-packet rain whose server gave other amounts than it had committed to is found out."""

from __future__ import annotations

from playwright.sync_api import Page, Route, expect

from tests.browser.house import Room
from tests.browser.people import People


def forge_amounts(route: Route) -> None:
    """A server that gave more to a friend than it had committed to."""
    proof = route.fetch().json()
    proof["amounts"] = [proof["total_cents"] + 1]
    route.fulfill(json=proof)


def verify(viewer: Page, *, holds: bool) -> None:
    viewer.get_by_test_id("verify-rain").click()
    expect(viewer.get_by_test_id("verify-result")).to_have_attribute(
        "data-ok", "true" if holds else "false"
    )


def test_forged_amounts_are_found_out(room: Room, people: People) -> None:
    """The same rain verifies before; how it is started and grabbed is in `test_tour_play.py`."""
    viewer = people.viewer(room, "小满")
    room.run("rain.start", total_cents=500, count=1, seconds=60)
    viewer.get_by_test_id("rain-grab").click()
    expect(viewer.get_by_test_id("rain-result")).to_have_attribute("data-cents", "500")
    verify(viewer, holds=True)
    viewer.route("**/v1/rains/*", forge_amounts)
    verify(viewer, holds=False)
    expect(viewer.locator(".check[data-check=rainHash]")).to_have_attribute("data-ok", "false")
