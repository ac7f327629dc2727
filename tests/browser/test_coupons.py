"""A coupon from the host's form to a cheaper order and its points, by hand in two browsers."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.house import Room
from tests.browser.people import People, comment


def test_what_a_coupon_asks_for_first_is_shown_until_it_is_done(room: Room, people: People) -> None:
    """A comment here; the server's word counts when it is claimed."""
    viewer = people.viewer(room, "小满")
    room.run("coupon.drop", title="评论券", quota=3, off_cents=500, task="comment")
    task = viewer.get_by_test_id("coupon-task")
    expect(task).to_have_attribute("data-done", "false")
    comment(viewer, "来一张")
    expect(task).to_have_attribute("data-done", "true")
    viewer.get_by_test_id("coupon-claim").click()
    expect(viewer.get_by_test_id("coupon-drop")).to_be_hidden()


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
