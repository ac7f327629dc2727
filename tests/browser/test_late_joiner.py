"""Who comes late sees everything that stands, at once."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.house import TEA, Room
from tests.browser.people import DESK, PHONE, People, Size, expect_state


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_a_late_viewer_sees_the_room_as_it_stands(room: Room, people: People, size: Size) -> None:
    """Talk, pin, announcement, card on air, sale with its stock, draw, likes and head count."""
    sale_id = room.sell(stock=7)
    buyer = room.house.admit("早来的人")
    room.buy(sale_id, buyer)
    room.run("card.show", product_id="tea", mode="explaining", sale_id=sale_id, sku_id="tea-sku")
    room.run("comment.pin", comment_id=room.say("置顶的一句", by=buyer))
    room.run("announce", text="全场包邮")
    room.run("like.add", by=buyer, n=12)
    lottery_id = room.run("lottery.open", winners=2, prize="茶杯", manual=True)["lottery_id"]
    room.run("lottery.join", by=buyer, lottery_id=lottery_id)
    late = people.viewer(room, size=size)
    expect(late.get_by_test_id("announcement")).to_contain_text("全场包邮")
    expect(late.get_by_test_id("pinned-comment")).to_contain_text("置顶的一句")
    expect(late.get_by_test_id("comment")).to_contain_text(["置顶的一句"])
    expect(late.get_by_test_id("card-popup")).to_contain_text("讲解中")
    expect(late.get_by_test_id("card-popup")).to_contain_text(TEA)
    expect(late.get_by_test_id("lottery-bag")).to_have_attribute("data-state", "open")
    expect(late.get_by_test_id("likes")).to_have_attribute("data-value", "12")
    expect(late.get_by_test_id("online")).to_have_attribute("data-value", "1")
    expect_state(late, "buy")
    expect(late.get_by_test_id("bag-card").get_by_test_id("few-left")).to_have_text("仅剩 6 件")


def test_a_late_viewer_sees_a_sale_that_is_about_to_start(room: Room, people: People) -> None:
    """Counting down by the server's clock."""
    room.sell(countdown_s=300)
    expect(expect_state(people.viewer(room), "soon")).to_have_text(re.compile(r"^0[45]:\d\d 后"))


def test_a_winner_who_comes_back_finds_the_prize(room: Room, people: People) -> None:
    """Under my wins, with the result, the proof still verifiable."""
    viewer = people.viewer(room, "小满")
    lottery_id = room.run("lottery.open", winners=1, prize="茶杯", manual=True)["lottery_id"]
    viewer.get_by_test_id("lottery-bag").click()
    viewer.get_by_test_id("lottery-join").click()
    expect(viewer.get_by_test_id("lottery-receipt")).to_be_visible()
    room.run("lottery.draw", lottery_id=lottery_id)
    expect(viewer.get_by_test_id("lottery-result")).to_be_visible()
    viewer.reload()
    viewer.get_by_test_id("menu").click()
    viewer.get_by_test_id("my-wins").click()
    viewer.get_by_test_id("win-row").filter(has_text="茶杯").click()
    expect(viewer.get_by_test_id("lottery-result")).to_have_attribute("data-outcome", "won")
    viewer.get_by_test_id("verify-draw").click()
    expect(viewer.get_by_test_id("verify-result")).to_have_attribute("data-ok", "true")


def test_a_reloaded_page_knows_its_order(room: Room, people: People) -> None:
    """The hold is not lost with the page: it can still be paid."""
    room.sell()
    viewer = people.viewer(room, "小满")
    expect_state(viewer, "buy").get_by_role("button").click()
    expect(viewer.get_by_test_id("pay-button")).to_be_visible()
    viewer.reload()
    expect_state(viewer, "pay").get_by_role("button").click()
    viewer.get_by_test_id("pay-button").click()
    expect(viewer.get_by_test_id("cashier")).to_have_attribute("data-status", "succeeded")
