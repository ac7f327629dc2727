"""Hearts: every tap counts once, for everybody."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.house import Room
from tests.browser.people import People


def expect_likes(page: Page, n: int) -> None:
    expect(page.get_by_test_id("likes")).to_have_attribute("data-value", str(n))


def test_taps_on_the_heart_and_double_taps_on_the_picture_add_up(
    room: Room, people: People
) -> None:
    """Three taps and one double tap are four likes, for a guest too, and all viewers see them."""
    viewer, other = people.viewer(room), people.viewer(room)
    heart = viewer.get_by_test_id("like")
    for _ in range(3):
        heart.click()
    expect_likes(other, 3)
    viewer.get_by_test_id("picture").dblclick(position={"x": 120, "y": 300})
    expect_likes(other, 4)
    expect_likes(viewer, 4)


def test_hearts_rise_and_vanish(room: Room, people: People) -> None:
    """The drawn heart is taken away again, and a screen reader never hears of it."""
    viewer = people.viewer(room)
    layer = viewer.locator(".hearts")
    expect(layer).to_have_attribute("aria-hidden", "true")
    viewer.get_by_test_id("like").click()
    expect(layer.locator(".heart")).to_have_count(1)
    expect(layer.locator(".heart")).to_have_count(0)


def test_hearts_stand_still_for_who_asked_for_less_motion(room: Room, people: People) -> None:
    """The like counts, nothing flies."""
    viewer = people.viewer(room, "小满", still=True)
    viewer.get_by_test_id("like").click()
    expect_likes(viewer, 1)
    expect(viewer.locator(".hearts .heart")).to_have_count(0)
    expect(viewer.get_by_test_id("danmaku")).to_have_attribute("data-on", re.compile("false"))
