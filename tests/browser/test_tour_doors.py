"""Tour, last chapter: in by the landing page, on by a shared link, and how it ends."""

from __future__ import annotations

from dataclasses import replace

from playwright.sync_api import Page, expect

from tests.browser.house import House, Room
from tests.browser.people import People, close_sheets, comment
from tests.browser.tour import Device, look, on_every_device, open_sheet, tab

_COPIED = "navigator.clipboard.writeText = async (text) => { window.copied = text; }"


@on_every_device
def test_doors(house: House, people: People, device: Device) -> None:
    """From the host's door to the end of the live, with everybody who came by a link."""
    room = house.room(device("夜里喝茶", "Tea at night"), host_name=device("阿宁", "Ann"))
    as_device = {"size": device.size, "lang": device.lang, "still": True}
    landing = people.open("/", **as_device)
    expect(landing.get_by_test_id("room-row").first).to_be_visible()
    look(landing, device)
    console = through_the_hosts_door(people.open("/", **as_device), room, device)
    room = renamed(console, room, device)
    viewer = people.viewer(room, device("小满", "Mia"), **as_device)
    friend = by_a_shared_link(people, viewer, device)
    came_from(console, device)
    flying_comments(people, room, friend, device)
    over(people, room, console, [viewer, friend], device)


def through_the_hosts_door(landing: Page, room: Room, device: Device) -> Page:
    """In dev mode a name is enough; without one the door says what it lacks."""
    landing.get_by_test_id("door-host").click()
    look(landing, device)
    landing.get_by_test_id("host-name").fill(device("阿宁", "Ann"))
    landing.get_by_test_id("host-room").fill(room.room_id)
    landing.get_by_test_id("host-submit").click()
    expect(landing.get_by_test_id("link-state")).to_have_attribute("data-state", "open")
    look(landing, device)
    return landing


def renamed(console: Page, room: Room, device: Device) -> Room:
    """The room's title, which it must have, and no stream that is no address."""
    tab(console, device, "stage")
    open_sheet(console, device, "room-dialog", "room-edit")
    console.get_by_test_id("room-title").fill(" ")
    console.get_by_test_id("room-save").click()
    expect(console.get_by_role("alert")).to_be_visible()
    look(console, device)
    title = device("夜里喝茶，第二场", "Tea at night, again")
    console.get_by_test_id("room-title").fill(title)
    console.get_by_test_id("room-stream").fill("javascript:alert(1)")
    console.get_by_test_id("room-save").click()
    expect(console.get_by_role("alert")).to_be_visible()
    console.get_by_test_id("room-stream").fill("")
    console.get_by_test_id("room-save").click()
    expect(console.get_by_test_id("room-dialog")).to_have_count(0)
    expect(console.get_by_role("heading", level=1)).to_have_text(title)
    return replace(room, title=title)


def by_a_shared_link(people: People, viewer: Page, device: Device) -> Page:
    """Copied where the system has no sheet for it; the friend who opens it is in the room."""
    viewer.evaluate(_COPIED)
    viewer.get_by_role("button", name=device("分享", "Share"), exact=True).click()
    expect(viewer.get_by_test_id("toast").last).to_be_visible()
    path = viewer.evaluate("window.copied").removeprefix(viewer.url.split("/room/")[0])
    friend = people.open(path, size=device.size, lang=device.lang, still=True)
    expect(friend.get_by_test_id("comment-input")).to_be_enabled()
    expect(viewer.get_by_test_id("online")).to_have_attribute("data-value", "3")  # with the host
    look(friend, device)
    return friend


def came_from(console: Page, device: Device) -> None:
    """Who came by a link is told as such, and who shared it."""
    open_sheet(console, device, "audience-sheet", "audience")
    sources = console.get_by_test_id("sources")
    expect(sources).to_contain_text(device("分享", "Shared link"))
    expect(console.get_by_test_id("inviters")).to_contain_text("(1)")
    look(console, device)
    close_sheets(console)


def flying_comments(people: People, room: Room, friend: Page, device: Device) -> None:
    """Over the picture of who wants motion and has not switched it off."""
    moved = people.viewer(
        room, device("阿杰", "Jay"), size=device.size, lang=device.lang, still=False
    )
    flyer, switch = moved.locator(".flyer"), moved.get_by_test_id("danmaku-switch")
    room.say(device("这茶真香", "It smells good"))
    expect(flyer).to_have_count(1)
    switch.click()
    expect(switch).to_have_attribute("aria-pressed", "false")
    comment(moved, device("再来一泡", "One more"))
    expect(moved.get_by_test_id("comment")).to_have_count(2)
    expect(flyer).to_have_count(0)
    expect(friend.locator(".flyer")).to_have_count(0)


def over(people: People, room: Room, console: Page, viewers: list[Page], device: Device) -> None:
    """The host ends it: viewers, the wall, the console and the landing page each say so."""
    screen = people.screen(room, lang=device.lang, still=True)
    look(screen, device)
    console.get_by_test_id("room-end").click()
    look(console, device)
    console.get_by_test_id("room-end-confirm").click()
    for viewer in viewers:
        expect(viewer.get_by_test_id("standing")).to_have_attribute("data-kind", "ended")
        look(viewer, device)
    preview = console.locator(".preview")
    expect(preview).to_contain_text(device("直播已结束", "This live has ended"))
    look(console, device)
    look(screen, device)
    late = people.open(f"/room/{room.room_id}", size=device.size, lang=device.lang, still=True)
    expect(late.get_by_test_id("standing")).to_have_attribute("data-kind", "ended")
    look(late, device)
