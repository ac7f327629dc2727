"""Ways in and out: the landing page's doors, and rooms that are over, closed or not there."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.house import Room
from tests.browser.people import DESK, PHONE, People, Size

NOT_THERE = r"404|WebSocket"


def test_the_landing_page_lists_the_room_and_leads_into_it(room: Room, people: People) -> None:
    """A click on the room and the viewer is in it."""
    landing = people.open("/", still=True)
    row = landing.locator(f"[data-testid=room-row][data-room={room.room_id}]")
    row.click()
    expect(landing).to_have_url(re.compile(f"/room/{room.room_id}$"))
    expect(landing.get_by_role("heading", level=1)).to_have_text(room.title)


def test_only_who_sees_the_picture_loads_it(people: People) -> None:
    """It stands beside the doors at a desk, unless no motion is wanted."""
    people.allow("ERR_FAILED")  # the stream's parts are kept away: two busy cores decode slowly
    landing = people.open("/", size=DESK, still=True)
    landing.route("**/static/sample/*.ts", lambda route: route.abort())
    picture = landing.locator("video")
    expect(landing.get_by_test_id("door-watch")).to_be_visible()
    expect(picture).to_have_count(0)
    landing.emulate_media(reduced_motion="no-preference")
    expect(picture).to_have_count(1)
    landing.set_viewport_size(PHONE)
    expect(picture).to_have_count(0)


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_the_three_doors_lead_to_watch_and_screen_and_host(
    room: Room, people: People, size: Size
) -> None:
    """In dev mode the host's door asks for a name and opens the console."""
    landing = people.open("/", size=size, still=True)
    expect(landing.get_by_test_id("door-watch")).to_have_attribute("href", re.compile("^/room/"))
    expect(landing.get_by_test_id("door-screen")).to_have_attribute("href", re.compile("^/screen/"))
    landing.get_by_test_id("door-host").click()
    landing.get_by_test_id("host-name").fill("阿宁")
    landing.get_by_test_id("host-room").fill(room.room_id)
    landing.get_by_test_id("host-submit").click()
    expect(landing.get_by_test_id("console")).to_be_visible()
    expect(landing).to_have_url(re.compile(f"/console/{room.room_id}$"))


def test_a_host_opens_a_room_that_was_not_there(people: People) -> None:
    """From the landing page, without a terminal."""
    landing = people.open("/", size=DESK, still=True)
    landing.get_by_test_id("host-name").fill("阿宁")
    landing.get_by_test_id("host-room").fill("brand-new-room")
    landing.get_by_test_id("host-submit").click()
    expect(landing.get_by_role("heading", level=1)).to_have_text("brand-new-room")


def test_a_console_without_a_key_shows_a_door(room: Room, people: People) -> None:
    """A viewer's token opens nothing; in dev mode a key is one press away."""
    console = people.open(f"/console/{room.room_id}", who=room.house.admit("小满"), size=DESK)
    expect(console.get_by_role("heading", level=1)).to_be_visible()
    expect(console.get_by_test_id("console")).to_have_count(0)
    console.get_by_test_id("dev-token").click()
    expect(console.get_by_test_id("console")).to_be_visible()


def test_the_token_leaves_the_address_bar(room: Room, people: People) -> None:
    """It must not be shared with the link."""
    console = people.console(room)
    assert console.url == f"{room.house.url}/console/{room.room_id}"


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_the_host_ends_the_live_and_viewers_are_told(
    room: Room, people: People, size: Size
) -> None:
    """Those who are in, and those who come afterwards."""
    viewer = people.viewer(room, "小满", size=size)
    console = people.console(room)
    console.get_by_test_id("room-end").click()
    console.get_by_test_id("room-end-confirm").click()
    expect(viewer.get_by_test_id("standing")).to_have_attribute("data-kind", "ended")
    expect(viewer.get_by_test_id("comment-input")).to_be_disabled()
    late = people.open(f"/room/{room.room_id}", size=size)
    expect(late.get_by_test_id("standing")).to_have_attribute("data-kind", "ended")


def test_a_banned_viewer_is_shown_out_and_stays_out(room: Room, people: People) -> None:
    """The page says so, without trying again for ever."""
    people.allow(NOT_THERE)
    troll = people.viewer(room, "捣乱的人")
    troll.get_by_test_id("comment-input").fill("捣乱")
    troll.get_by_test_id("comment-send").click()
    console = people.console(room)
    row = console.get_by_test_id("comment-row").filter(has_text="捣乱")
    row.hover()
    row.get_by_test_id("comment-ban").click()
    expect(troll.get_by_test_id("standing")).to_have_attribute("data-kind", "banned")
    troll.reload()
    expect(troll.get_by_test_id("standing")).to_have_attribute("data-kind", "banned")


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_an_unknown_room_is_drawn_as_such(people: People, size: Size) -> None:
    """With a way home."""
    people.allow(NOT_THERE)
    page = people.open("/room/nobody-made-this", size=size)
    expect(page.get_by_test_id("standing")).to_have_attribute("data-kind", "missing")
    page.get_by_test_id("standing").get_by_role("link").click()
    expect(page.get_by_test_id("door-watch")).to_be_visible()


def test_an_unknown_payment_is_drawn_as_such(people: People) -> None:
    """The cashier says that it cannot find it."""
    people.allow(NOT_THERE)
    page = people.open("/cashier/nobody-owes-this")
    expect(page.get_by_role("alert")).to_contain_text("找不到这笔支付")
