"""People talk: the first comment asks for a name, and what the host does to comments is seen."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.house import Room
from tests.browser.people import DESK, PHONE, People, Size, comment, sign_in


def spoken(page: Page, text: str) -> Locator:
    """The comment with these words in a player."""
    return page.get_by_test_id("comment").filter(has_text=text)


def moderated(console: Page, text: str) -> Locator:
    """The comment with these words at the console, under the moderator's pointer."""
    row = console.get_by_test_id("comment-row").filter(has_text=text)
    row.hover()
    return row


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_the_first_comment_asks_for_a_name_and_reaches_everybody(
    room: Room, people: People, size: Size
) -> None:
    """The words written before the name are sent, once, and stand at both viewers."""
    other = people.viewer(room, size=size)
    guest = people.viewer(room, size=size)
    comment(guest, "第一次来，你好")
    sign_in(guest, "小满")
    own = spoken(guest, "第一次来，你好")
    expect(own).to_have_attribute("data-own", "true")
    expect(own).to_contain_text("小满")
    expect(spoken(other, "第一次来，你好")).to_have_count(1)
    expect(own).to_have_count(1)
    expect(guest.get_by_test_id("comment-input")).to_have_value("")


def test_closing_the_name_sheet_keeps_the_words(room: Room, people: People) -> None:
    """Nothing is sent, nothing is lost."""
    guest = people.viewer(room)
    comment(guest, "先不说了")
    guest.keyboard.press("Escape")
    expect(guest.get_by_test_id("login-sheet")).to_be_hidden()
    expect(guest.get_by_test_id("comment-input")).to_have_value("先不说了")
    expect(guest.get_by_test_id("comment")).to_have_count(0)


def test_a_viewer_answers_a_comment(room: Room, people: People) -> None:
    """The answer names whom it answers, for the other too."""
    first = people.viewer(room, "小满")
    second = people.viewer(room, "阿杰")
    comment(first, "这款保温吗")
    spoken(second, "这款保温吗").get_by_role("button").click()
    comment(second, "保温六小时")
    expect(spoken(first, "保温六小时")).to_contain_text("@小满")


def test_the_host_pins_and_deletes_a_comment(room: Room, people: People) -> None:
    """Pinned it stands above the talk; deleted it is gone everywhere, the pin too."""
    speaker = people.viewer(room, "小满")
    console = people.console(room)
    comment(speaker, "几点发货")
    moderated(console, "几点发货").get_by_test_id("comment-pin").click()
    expect(speaker.get_by_test_id("pinned-comment")).to_contain_text("几点发货")
    moderated(console, "几点发货").get_by_test_id("comment-delete").click()
    expect(spoken(speaker, "几点发货")).to_have_count(0)
    expect(speaker.get_by_test_id("pinned-comment")).to_have_count(0)


def test_the_host_speaks_and_announces(room: Room, people: People) -> None:
    """The host's words carry the host's mark; an announcement stands until it is cleared."""
    viewer = people.viewer(room)
    console = people.console(room)
    console.get_by_test_id("say-text").fill("欢迎来到直播间")
    console.get_by_test_id("say-send").click()
    expect(spoken(viewer, "欢迎来到直播间")).to_contain_text("主播")
    console.get_by_test_id("announce-text").fill("八点整开抢")
    console.get_by_test_id("announce-send").click()
    expect(viewer.get_by_test_id("announcement")).to_contain_text("八点整开抢")
    console.get_by_test_id("announce-clear").click()
    expect(viewer.get_by_test_id("announcement")).to_have_count(0)


def test_a_muted_viewer_is_told_and_may_speak_again_when_it_is_lifted(
    room: Room, people: People
) -> None:
    """The field says so instead of taking words that would be refused."""
    viewer = people.viewer(room, "小满")
    console = people.console(room)
    comment(viewer, "刷屏刷屏")
    moderated(console, "刷屏刷屏").get_by_test_id("comment-mute").click()
    field = viewer.get_by_test_id("comment-input")
    expect(field).to_be_disabled()
    moderated(console, "刷屏刷屏").get_by_test_id("comment-mute").click()
    expect(field).to_be_enabled()


def test_a_refused_comment_stays_in_the_field(room: Room, people: People) -> None:
    """The page says why in its own words, and the writer may mend it."""
    room.run("room.set", slow_mode_s=60)
    viewer = people.viewer(room, "小满")
    comment(viewer, "第一句")
    expect(spoken(viewer, "第一句")).to_have_count(1)
    comment(viewer, "第二句")
    expect(viewer.get_by_test_id("toast")).to_contain_text("慢速模式")
    expect(viewer.get_by_test_id("comment-input")).to_have_value("第二句")
