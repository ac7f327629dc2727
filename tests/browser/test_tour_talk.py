"""Tour, first chapter: a guest comes in, everybody talks, and staff keep it in order."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.house import House, Room
from tests.browser.people import People, close_sheets, comment, sign_in
from tests.browser.tour import Device, look, on_every_device, open_sheet, press, tab

NOT_THERE = r"404|WebSocket"

BEFORE_THE_SETTING_MAX = 20  # comments that are taken until a press at the console has come round


def spoken(page: Page, text: str) -> Locator:
    """The comment with these words in a player."""
    return page.get_by_test_id("comment").filter(has_text=text)


def moderated(console: Page, text: str) -> Locator:
    """What was said in these words, and no answer to it, under the moderator's pointer."""
    answer = console.locator(".answered")
    row = console.get_by_test_id("comment-row").filter(has_text=text, has_not=answer)
    row.hover()
    return row


@on_every_device
def test_talk(house: House, people: People, device: Device) -> None:
    """From the first words of a guest to the trail of what staff did about the talk."""
    room = house.room(device("夜里喝茶", "Tea at night"), host_name=device("阿宁", "Ann"))
    as_device = {"size": device.size, "lang": device.lang, "still": True}
    console = people.console(room, **as_device)
    other = people.viewer(room, device("阿杰", "Jay"), **as_device)
    guest = people.viewer(room, **as_device)
    tab(console, device, "talk")
    first_words(guest, other, device)
    answers_and_calls(room, guest, other, device)
    staff_at_the_talk(console, guest, device)
    words_and_helpers(console, guest, device)
    room.insist(
        "room.set", comments_per_user_per_s=0
    )  # another reason would hide the one looked for
    pace(console, guest, device)
    shown_out(people, console, other, guest, device)


def first_words(guest: Page, other: Page, device: Device) -> None:
    """The name is asked for at the first comment, which is kept; once given, it is sent, once."""
    text = device("第一次来，你好", "Hello from me")
    look(guest, device)
    comment(guest, text)
    expect(guest.get_by_test_id("login-sheet")).to_be_visible()
    look(guest, device)
    guest.keyboard.press("Escape")
    expect(guest.get_by_test_id("login-sheet")).to_be_hidden()
    expect(guest.get_by_test_id("comment-input")).to_have_value(text)
    expect(guest.get_by_test_id("comment")).to_have_count(0)
    guest.get_by_test_id("comment-send").click()
    sign_in(guest, device("小满", "Mia"))
    own = spoken(guest, text)
    expect(own).to_have_attribute("data-own", "true")
    expect(own).to_contain_text(device("小满", "Mia"))
    expect(spoken(other, text)).to_have_count(1)
    expect(own).to_have_count(1)
    expect(guest.get_by_test_id("comment-input")).to_have_value("")


def answers_and_calls(room: Room, guest: Page, other: Page, device: Device) -> None:
    """An answer names whom it answers, a call by name is marked, the same from many is counted."""
    spoken(other, device("第一次来", "Hello")).get_by_role("button").click()
    comment(other, device("欢迎", "Welcome"))
    expect(spoken(guest, device("欢迎", "Welcome"))).to_contain_text(device("@小满", "@Mia"))
    for nth in range(5):
        room.run(
            "comment.send", by=room.house.admit(device(f"观众{nth}", f"Viewer {nth}")), text="666"
        )
    expect(guest.get_by_test_id("comment-times")).to_have_text("×5")
    expect(spoken(guest, "666")).to_have_count(2)
    call = device("@小满 九十九", "@Mia ninety")
    room.run("comment.send", by=room.house.admit(device("小林", "Lin")), text=call)
    expect(spoken(guest, call[-4:])).to_have_class(re.compile("called"))
    look(guest, device)


def staff_at_the_talk(console: Page, guest: Page, device: Device) -> None:
    """Pinned it stands above the talk, deleted it is gone with its pin; muted one cannot write."""
    text = device("几点发货", "When does it ship")
    comment(guest, text)
    moderated(console, text).get_by_test_id("comment-pin").click()
    expect(guest.get_by_test_id("pinned-comment")).to_contain_text(text)
    look(console, device)
    moderated(console, text).get_by_test_id("comment-delete").click()
    expect(spoken(guest, text)).to_have_count(0)
    expect(guest.get_by_test_id("pinned-comment")).to_have_count(0)
    first, field = device("第一次来", "Hello"), guest.get_by_test_id("comment-input")
    moderated(console, first).get_by_test_id("comment-mute").click()
    expect(field).to_be_disabled()
    look(guest, device)
    moderated(console, first).get_by_test_id("comment-mute").click()
    expect(field).to_be_enabled()
    console.get_by_test_id("say-text").fill(device("欢迎来到直播间", "Welcome to my room"))
    console.get_by_test_id("say-send").click()
    said = spoken(guest, device("欢迎来到直播间", "Welcome to my room"))
    expect(said).to_contain_text(device("主播", "Host"))
    expect(console.get_by_test_id("dropped")).to_contain_text(re.compile(r"[1-9]\d* / [1-9]\d*"))
    expect(console.get_by_test_id("dropped-comment")).to_have_text("0")
    expect(console.get_by_test_id("folded-comment")).to_have_text(re.compile(r"^[1-9]\d*$"))


def words_and_helpers(console: Page, guest: Page, device: Device) -> None:
    """Words that staff must see first; approved and refused; a helper; all of it in the trail."""
    mine, theirs = device("代购", "resale"), device("可以代购吗", "Is resale fine")
    open_sheet(console, device, "moderation-sheet", "moderation")
    console.get_by_test_id("words-review").fill(mine)
    console.get_by_test_id("words-save").click()
    expect(console.get_by_test_id("toast")).to_contain_text(device("已保存", "Saved"))
    close_sheets(console)
    comment(guest, theirs)
    own = spoken(guest, theirs)
    expect(own).to_contain_text(device("审核中", "review"))
    expect(console.get_by_test_id("held")).to_be_visible()
    look(console, device)
    console.get_by_test_id("held-approve").click()
    expect(own).not_to_contain_text(device("审核中", "review"))
    console.mouse.move(5, 5)  # rows stand still under the pointer
    author = console.get_by_test_id("comment-row").filter(has_text=theirs)
    expect(author).to_have_count(1)
    comment(guest, mine)
    refused = guest.locator("[data-testid=comment].waiting")
    expect(refused).to_have_count(1)
    console.get_by_test_id("held-refuse").click()
    expect(refused).to_have_count(0)
    expect(console.get_by_test_id("held")).to_have_count(0)
    press(console, "moderation", "moderation-helpers")
    console.get_by_test_id("helper-id").fill(author.get_attribute("data-user") or "")
    console.get_by_test_id("helper-add").click()
    expect(console.get_by_test_id("helper")).to_contain_text(device("小满", "Mia"))
    expect(guest.get_by_test_id("toast").last).to_contain_text(device("你已成为", "You now help"))
    look(console, device)
    press(console, "helper-remove", "moderation-acts")
    acts = console.get_by_test_id("staff-act")
    expect(acts.first).to_have_attribute("data-op", "assistant.remove")
    expect(acts.nth(1)).to_contain_text(device("任命场控", "Appointed"))
    expect(acts.filter(has_text=device("拒绝评论", "Refused"))).to_have_count(1)
    look(console, device)
    close_sheets(console)


def pace(console: Page, guest: Page, device: Device) -> None:
    """Followers only, the same twice, slow mode: the page says why, and the words stay."""
    tab(console, device, "stage")
    look(console, device)
    console.get_by_test_id("set-followers-only").check()
    refused(guest, device("粉丝说", "As a follower"), device("关注主播后", "Follow the host"))
    guest.get_by_test_id("follow").click()
    expect(guest.get_by_test_id("followers")).to_have_attribute("data-value", "1")
    guest.get_by_test_id("comment-send").click()
    expect(spoken(guest, device("粉丝说", "As a follower")).last).to_be_visible()
    console.get_by_test_id("set-unique-chat").select_option("30")
    refused(guest, device("再说一遍", "Once more"), device("说过一样的话", "was just said"))
    console.get_by_test_id("set-unique-chat").select_option("0")
    console.get_by_test_id("set-slow-mode").select_option("60")
    refused(guest, device("下一句", "The next one"), device("慢速模式", "Slow mode"))
    look(guest, device)


def refused(page: Page, text: str, why: str) -> None:
    """Written until the setting has come: it is told, and the writer may mend it."""
    toast = page.get_by_test_id("toast").filter(has_text=why)
    taken = page.locator("[data-testid=comment-input]:placeholder-shown")
    for _ in range(BEFORE_THE_SETTING_MAX):
        comment(page, text)
        expect(toast.or_(taken).first).to_be_visible()
        if toast.count():
            break
    expect(toast).to_be_visible()
    expect(page.get_by_test_id("comment-input")).to_have_value(text)


def shown_out(people: People, console: Page, other: Page, guest: Page, device: Device) -> None:
    """Kicked one may come back; banned one may not; both are told so, on the page."""
    people.allow(NOT_THERE)
    tab(console, device, "talk")
    welcome = device("欢迎", "Welcome")
    answer = console.get_by_test_id("comment-row").filter(has=console.locator(".answered"))
    row = answer.filter(has_text=welcome)
    row.hover()
    row.get_by_test_id("comment-kick").click()
    standing = other.get_by_test_id("standing")
    expect(standing).to_have_attribute("data-kind", "kicked")
    expect(console.get_by_test_id("toast").last).to_contain_text(device("阿杰", "Jay"))
    look(other, device)
    standing.get_by_role("button").click()
    expect(standing).to_have_count(0)
    expect(spoken(other, device("粉丝说", "As a follower")).last).to_be_visible()
    row.hover()
    row.get_by_test_id("comment-ban").click()
    expect(standing).to_have_attribute("data-kind", "banned")
    look(other, device)
    open_sheet(console, device, "audience-sheet", "audience")
    expect(console.get_by_test_id("audience-visitors")).to_have_text(re.compile(r"^[1-9]\d*$"))
    close_sheets(console)
    open_sheet(guest, device, "menu-sheet", "menu")
