"""For every eye and hand: axe finds nothing serious, sheets keep the focus, pages fit."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from tests.browser.house import Room
from tests.browser.people import DESK, PHONE, WALL, People, Size
from tests.browser.tour import AXE, beyond_the_edge, findings

TAP_PX_MIN = 44
LONG_TITLE = "一个很长很长的直播间标题，长到哪一块手机屏幕都放不下 and then some more in English"


def test_axe_is_what_the_list_says() -> None:
    """The vendored file is unchanged."""
    digest = hashlib.sha256(AXE.read_bytes()).hexdigest()
    assert f"`{digest}`" in (AXE.parent / "README.md").read_text()


def fill(room: Room) -> str:
    """A room with something in every corner; the sale's id."""
    sale_id = room.sell(stock=7)
    room.say("这款保温吗", by=room.house.admit("小满"))
    room.run("comment.pin", comment_id=room.say("今晚八点开抢"))
    room.run("announce", text="全场包邮")
    room.run("lottery.open", winners=1, prize="茶杯", manual=True)
    room.run("card.show", product_id=room.put_product("cup", "茶杯"))
    return sale_id


def play(room: Room) -> dict[str, str]:
    """Everything at once: a rain that has ended, an auction, a poll, gifts, a question."""
    packets = {"total_cents": 500, "count": 5, "seconds": 60}
    rain_id = room.run("rain.start", **packets)["rain_id"]
    room.run("auction.open", product_id="tea", start_cents=1000, step_cents=500, seconds=600)
    room.run("poll.open", question="先讲哪个?", options=["乌龙", "普洱"])
    for title in ("试饮装", "茶样"):
        room.run("gift.open", title=title, quota=5, conditions={"follow": True, "phrase": "好茶"})
    room.run("question.ask", by=room.house.admit("阿杰"), text="一罐多少克?")
    return {"rain_id": rain_id}


@pytest.mark.parametrize(("size", "lang"), [(PHONE, "zh"), (DESK, "en")], ids=["phone", "desk"])
def test_all_that_is_played_at_once_has_its_place(
    room: Room, people: People, size: Size, lang: str
) -> None:
    """Four tiles on the picture, the rest in the menu; a rain that was stopped. Nothing serious."""
    fill(room)
    viewer = people.viewer(room, "小满", size=size, lang=lang, still=True)
    rain_id = play(room)["rain_id"]
    expect(viewer.get_by_test_id("rain-grab")).to_be_visible()
    viewer.locator(".rain-away").click()
    expect(viewer.locator(".tile")).to_have_count(4)
    assert findings(viewer) == []
    viewer.get_by_test_id("rain-chip").click()
    viewer.get_by_test_id("rain-grab").click()
    expect(viewer.get_by_test_id("rain-amount")).to_be_visible()
    room.run("rain.stop", rain_id=rain_id)
    expect(viewer.get_by_test_id("rain-result")).to_be_visible()
    viewer.keyboard.press("Escape")
    viewer.get_by_test_id("menu").click()
    expect(viewer.get_by_test_id("doing").first).to_be_visible()
    assert findings(viewer, "[role=dialog]") == []


def test_landing_screen_and_cashier_have_no_serious_finding(room: Room, people: People) -> None:
    """On the screens that they are made for."""
    sale_id = fill(room)
    buyer = room.house.admit("小满")
    payment = room.begin_payment(room.buy(sale_id, buyer), buyer)
    for size in (PHONE, DESK):
        landing = people.open("/", size=size, still=True)
        expect(landing.get_by_test_id("room-row").first).to_be_visible()
        assert findings(landing) == []
        cashier = people.open(f"/cashier/{payment}", size=size, still=True)
        expect(cashier.get_by_test_id("pay-button")).to_be_visible()
        assert findings(cashier) == []
    screen = people.screen(room, still=True)
    expect(screen.get_by_test_id("comment-flow")).to_be_visible()
    assert findings(screen) == []


def test_a_sheet_keeps_the_focus_and_gives_it_back(room: Room, people: People) -> None:
    """By keyboard alone."""
    viewer = people.viewer(room)
    menu = viewer.get_by_test_id("menu")
    menu.focus()
    viewer.keyboard.press("Enter")
    expect(viewer.get_by_test_id("menu-sheet")).to_be_focused()
    inside = "document.querySelector('[data-testid=menu-sheet]').contains(document.activeElement)"
    for _ in range(12):
        viewer.keyboard.press("Tab")
        assert viewer.evaluate(inside)
    viewer.keyboard.press("Escape")
    expect(menu).to_be_focused()


def test_targets_on_the_picture_are_big_enough_for_a_thumb(room: Room, people: People) -> None:
    """44 px wherever a thumb may land, and inside the screen to the last pixel."""
    fill(room)
    viewer = people.viewer(room, "小满")
    room.run("card.show", product_id="cup")
    expect(viewer.get_by_test_id("card-popup")).to_be_visible()
    for button in viewer.locator(".stage button:visible:not(.comment-pill)").all():
        missed = button.evaluate(_MISSED_TAPS, TAP_PX_MIN)
        assert missed == [], (
            f"{button.inner_text() or button.get_attribute('aria-label')}: {missed}"
        )
    assert beyond_the_edge(viewer) == []


def test_the_screen_shows_its_numbers_and_never_scrolls(room: Room, people: People) -> None:
    """At 1920×1080, empty and full."""
    screen = people.screen(room)
    assert fits(screen, WALL)
    sale_id = fill(room)
    buyer = room.house.admit("小满")
    payment = room.begin_payment(room.buy(sale_id, buyer), buyer)
    room.house.ask("POST", f"/v1/payments/{payment}/sandbox", {"outcome": "succeeded"})
    room.run("like.add", by=buyer, n=42)
    for number in range(12):
        room.say(
            f"第 {number} 条评论，长到要占满一整行的那种评论", by=room.house.admit(f"观众{number}")
        )
    expect(screen.get_by_test_id("gmv")).to_have_text("¥29.00")
    expect(screen.get_by_test_id("likes")).to_have_text("42")
    expect(screen.get_by_test_id("online")).to_have_text(re.compile(r"^\d+$"))
    expect(screen.get_by_test_id("on-air")).to_have_attribute("data-phase", "live")
    expect(screen.get_by_test_id("stock-left-tea-sku")).to_contain_text("6")
    expect(screen.get_by_test_id("comment-flow")).to_contain_text("第 11 条评论")
    assert fits(screen, WALL)


# Where a tap half the size beside the middle reaches something else.
_MISSED_TAPS = """(button, size) => {
  const {left, right, top, bottom} = button.getBoundingClientRect();
  const [x, y, reach] = [(left + right) / 2, (top + bottom) / 2, size / 2 - 1];
  return [[-reach, 0], [reach, 0], [0, -reach], [0, reach]].filter(([dx, dy]) => {
    const [px, py] = [x + dx, y + dy];
    const inside = px >= 0 && py >= 0 && px < innerWidth && py < innerHeight;
    return inside && !button.contains(document.elementFromPoint(px, py));
  });
}"""


def fits(page: Page, size: Size) -> bool:
    """Whether nothing is beyond the edge of the window."""
    root = "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    return page.evaluate(root) == [size["width"], size["height"]]


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_nothing_sticks_out_sideways(room: Room, people: People, size: Size) -> None:
    """Player, console and landing, full and with a long title."""
    fill(room)
    room.run("room.set", title=LONG_TITLE)
    room = replace(room, title=LONG_TITLE)
    pages = [
        people.viewer(room, size=size),
        people.console(room, size=size),
        people.open("/", size=size, still=True),
    ]
    expect(pages[2].get_by_test_id("room-row").first).to_be_visible()
    for page in pages:
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width == size["width"], page.url
        assert beyond_the_edge(page) == [], page.url
