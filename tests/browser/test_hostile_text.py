"""Text is text: nothing that people write runs, leaves its line, or turns the page around."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.house import Room
from tests.browser.people import DESK, PHONE, People, comment

SCRIPTS = [
    "<script>window.__xss=1</script>",
    "<img src=x onerror=window.__xss=1>",
    "<svg/onload=window.__xss=1>",
    "\"><iframe srcdoc='<script>parent.__xss=1</script>'>",
    "javascript:window.__xss=1",
    "${window.__xss=1} {{window.__xss=1}}",
    "&lt;img src=x onerror=window.__xss=1&gt;",
    "'-(window.__xss=1)-'",
]
HIDDEN = {
    "bidi": "\u202egnp.exe\u2066 价格 \u2069",
    "controls": "a\u0000b\u0007c\u001b[31md",
    "invisible": "买\u200b\u200c\u2060\ufeff一\u00ad送一",
    "zalgo": "Z" + "\u0336\u0335\u0334\u0338" * 20 + "a" + "\u030d\u030e\u0304" * 20,
    "lines": "第一行\n\n\n第二行\u2028第三行",
}
FORBIDDEN = {
    "\u202e",
    "\u2066",
    "\u2069",
    "\u0000",
    "\u0007",
    "\u001b",
    "\u200b",
    "\u2060",
    "\ufeff",
}
LINE_PX_MAX = 60  # two lines of a comment; zalgo and newlines would be taller
LONG = "长" * 200


def bodies(page: Page) -> str:
    """Everything the page says."""
    return page.locator("body").inner_text()


def fill_room_with(room: Room, text: str, number: int) -> None:
    """The text in every place where somebody may write."""
    writer = room.house.admit(text[:32])
    room.run("comment.send", by=writer, text=text)
    room.put_product(f"p{number}", text[:100], title_en=text[:100])
    room.run("card.show", product_id=f"p{number}")
    room.run("announce", text=text)


def test_markup_is_shown_and_never_runs(room: Room, people: People) -> None:
    """In the player, the console and on the screen; `People` looks for what ran."""
    room.run("room.set", title=SCRIPTS[0])
    for number, text in enumerate(SCRIPTS):
        fill_room_with(room, text, number)
    room.run("lottery.open", winners=1, prize=SCRIPTS[1], manual=True)
    room.run("comment.pin", comment_id=room.say(SCRIPTS[2]))
    viewer = people.open(f"/room/{room.room_id}")
    for text in SCRIPTS:
        expect(viewer.get_by_test_id("comment-list")).to_contain_text(text)
    viewer.get_by_test_id("lottery-bag").click()
    expect(viewer.get_by_test_id("lottery-sheet")).to_contain_text(SCRIPTS[1])
    viewer.keyboard.press("Escape")
    viewer.get_by_test_id("bag").click()
    expect(viewer.get_by_test_id("bag-card")).to_have_count(len(SCRIPTS))
    console = people.console(room)
    expect(console.get_by_test_id("shelf-row")).to_have_count(len(SCRIPTS))
    expect(console.get_by_test_id("comment-row").filter(has_text=SCRIPTS[1])).to_have_count(1)
    screen = people.screen(room)
    expect(screen.get_by_role("heading", level=1)).to_have_text(SCRIPTS[0])
    expect(screen.get_by_test_id("comment-flow")).to_contain_text(SCRIPTS[1])
    for page in (viewer, console, screen):
        assert page.locator("img[src=x], iframe, svg[onload]").count() == 0


def test_markup_in_an_order_never_runs(room: Room, people: People) -> None:
    """From the sale through the cashier to my orders and the console's list."""
    room.put_product("tea", SCRIPTS[1])
    sku = {"sku_id": "tea-sku", "product_id": "tea", "stock": 1, "sale_cents": 100}
    sale_id = room.run("sale.create", skus=[{**sku, "list_cents": 200}], start="now")["sale_id"]
    room.run("card.show", product_id="tea", sale_id=sale_id, sku_id="tea-sku")
    viewer = people.viewer(room, SCRIPTS[0][:32])
    viewer.get_by_test_id("bag").click()
    viewer.get_by_test_id("bag-card").get_by_test_id("buy-button").click()
    expect(viewer.get_by_test_id("cashier")).to_contain_text(SCRIPTS[1])
    console = people.console(room)
    expect(console.get_by_test_id("order-row")).to_contain_text(SCRIPTS[1])
    expect(console.locator(".stock-row")).to_contain_text(SCRIPTS[1])


def test_hidden_characters_do_not_reach_other_eyes(room: Room, people: People) -> None:
    """A comment, a name and a title keep to their line and their direction."""
    viewer = people.viewer(room, "小满")
    for number, text in enumerate(HIDDEN.values()):
        fill_room_with(room, text, number)
    comment(viewer, HIDDEN["bidi"])
    expect(viewer.get_by_test_id("comment")).to_have_count(len(HIDDEN) + 1)
    expect(viewer.get_by_test_id("bag-count")).to_have_text(str(len(HIDDEN)))
    viewer.get_by_test_id("bag").click()
    expect(viewer.get_by_test_id("bag-card")).to_have_count(len(HIDDEN))
    assert not FORBIDDEN & set(bodies(viewer))
    for line in viewer.locator(".comment-text").all():
        box = line.bounding_box()
        assert box
        assert box["height"] <= LINE_PX_MAX
        assert line.evaluate("one => getComputedStyle(one).direction") == "ltr"


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_long_words_do_not_widen_a_page(room: Room, people: People, size: dict[str, int]) -> None:
    """Two hundred characters without a space, in a name, a comment, a title and a prize."""
    fill_room_with(room, "W" * 200, 0)
    fill_room_with(room, LONG, 1)
    room.run("lottery.open", winners=1, prize="W" * 80, manual=True)
    pages = [people.viewer(room, size=size), people.console(room, size=size)]
    for page in pages:
        assert page.evaluate("document.documentElement.scrollWidth") == size["width"]
