"""Chinese and English: chosen by the browser, changed by a press, and complete."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.house import House, Room
from tests.browser.people import DESK, PHONE, WALL, People

HAN = re.compile(r"[\u4e00-\u9fff]")
UNTRANSLATED = re.compile(r"\b(?:console|screen|sale|order|lottery|comment|menu|error)\.[a-z_]+\b")


def words(page: Page) -> str:
    """What is read and what is read out."""
    labels = page.evaluate(
        """() => ["aria-label", "title", "placeholder"].flatMap((name) =>
          [...document.querySelectorAll(`[${name}]`)].map((one) => one.getAttribute(name))
        ).join("\\n")"""
    )
    return f"{page.locator('body').inner_text()}\n{labels}"


def make_english_room(room: Room) -> None:
    """Everything that people write is English, so that any Chinese left is the page's."""
    room.put_product("tea", "Oolong tea")
    sku = {"sku_id": "tea-sku", "product_id": "tea", "stock": 5, "sale_cents": 2900}
    sale = room.run("sale.create", skus=[{**sku, "list_cents": 8900}], start="now")
    room.run("card.show", product_id="tea", sale_id=sale["sale_id"], sku_id="tea-sku")
    room.run("lottery.open", winners=1, prize="A tea cup", conditions={"phrase": "tea time"})
    room.run("comment.send", by=room.house.admit("Mia"), text="Hello from Lisbon")
    room.run("announce", text="Free shipping")


def test_no_page_mixes_its_languages(house: House, people: People) -> None:
    """In an English browser no Chinese word of ours is left but the switch itself."""
    english = house.room("Tea tonight", host_name="Ann")
    make_english_room(english)
    pages = [
        people.open(f"/room/{english.room_id}", lang="en"),
        people.open(f"/room/{english.room_id}", lang="en", size=DESK),
        people.open(f"/console/{english.room_id}", lang="en", size=DESK, who=english.host),
        people.open(f"/screen/{english.room_id}", lang="en", size=WALL),
    ]
    for page in pages:
        expect(page.get_by_text("Hello from Lisbon").first).to_be_visible()
        said = words(page).replace("中文", "")
        assert not HAN.findall(said), f"{page.url}: {HAN.findall(said)}"
        assert not UNTRANSLATED.findall(said), f"{page.url}: {UNTRANSLATED.findall(said)}"
        assert page.locator("html").get_attribute("lang") == "en"
    pages[0].get_by_test_id("lottery-bag").click()
    expect(pages[0].get_by_test_id("lottery-sheet")).to_contain_text("1 winner · 0 joined")
    english.run("comment.delete", comment_id=english.say("Hello there"))
    console = pages[2]
    console.get_by_test_id("moderation").click()
    console.get_by_test_id("moderation-acts").click()
    expect(console.get_by_test_id("staff-act").first).to_contain_text("Deleted a comment")
    assert not HAN.findall(words(console).replace("中文", ""))


def test_the_player_changes_its_language_and_keeps_it(room: Room, people: People) -> None:
    """Without a reload, the room untouched, and the next visit remembers."""
    viewer = people.viewer(room, "小满", alone=True)
    field = viewer.get_by_test_id("comment-input")
    expect(field).to_have_attribute("placeholder", "说点什么…")
    field.fill("写了一半")
    viewer.get_by_test_id("menu").click()
    viewer.get_by_test_id("lang").click()
    viewer.keyboard.press("Escape")
    expect(field).to_have_attribute("aria-label", re.compile("^[ -~…]+$"))
    expect(field).to_have_value("写了一半")
    viewer.reload()
    expect(viewer.locator("html")).to_have_attribute("lang", "en")


def test_console_and_landing_change_their_language(room: Room, people: People) -> None:
    """By the button in the corner."""
    console = people.console(room, alone=True)
    expect(console.get_by_role("heading", name="评论")).to_be_visible()
    console.get_by_test_id("lang").click()
    expect(console.get_by_role("heading", name="Comments")).to_be_visible()
    landing = people.open("/", alone=True, size=PHONE)
    expect(landing.get_by_test_id("door-watch")).to_contain_text("看直播")
    landing.get_by_test_id("lang").click()
    expect(landing.get_by_test_id("door-watch")).to_contain_text("Watch")


def test_a_refusal_is_told_in_the_readers_language(room: Room, people: People) -> None:
    """Never in the server's words."""
    room.run("room.set", slow_mode_s=60)
    viewer = people.viewer(room, "Mia", lang="en")
    for text in ("first", "second"):
        viewer.get_by_test_id("comment-input").fill(text)
        viewer.get_by_test_id("comment-send").click()
        expect(viewer.get_by_test_id("comment-input")).to_have_value(
            "" if text == "first" else text
        )
    expect(viewer.get_by_test_id("toast")).to_contain_text(re.compile("slow mode", re.IGNORECASE))
