"""Standing in a line that is too long. The whole way through one is in `test_buyers_way.py`."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.house import Room
from tests.browser.people import People, expect_state, sale_button


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
