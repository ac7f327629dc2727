"""Tour: what is given away, from the host's form to a proof recomputed in the viewer's browser."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.house import House, Room
from tests.browser.people import People, close_sheets, sign_in
from tests.browser.tour import Device, look, on_every_device, open_sheet, press, tab


@on_every_device
def test_play(house: House, people: People, device: Device) -> None:
    """A draw with conditions and a claim, a rain, a gift, and where all that was won is found."""
    room = house.room(device("夜里喝茶", "Tea at night"), host_name=device("阿宁", "Ann"))
    as_device = {"size": device.size, "lang": device.lang, "still": True}
    console, viewer = people.console(room, **as_device), people.viewer(room, **as_device)
    tab(console, device, "play")
    a_draw(console, viewer, device)
    a_prize(console, viewer, device)
    a_rain(room, console, viewer, device)
    a_gift(people.viewer(room, device("阿杰", "Jay"), **as_device), console, viewer, device)
    press(viewer, "menu", "my-wins")
    expect(viewer.get_by_test_id("my-gift")).to_contain_text(device("试饮装", "Sample"))
    expect(viewer.get_by_test_id("my-packet")).to_have_attribute("data-cents", "500")
    expect(viewer.get_by_test_id("win-row")).to_be_visible()
    look(viewer, device)


def verify(viewer: Page, device: Device, button: str) -> None:
    """Computed again by the page, which says what it looked at."""
    viewer.get_by_test_id(button).click()
    expect(viewer.get_by_test_id("verify-result")).to_have_attribute("data-ok", "true")
    look(viewer, device)


def a_draw(console: Page, viewer: Page, device: Device) -> None:
    """Opened; joined by a guest who learns what is still missing, and does it; drawn; verified."""
    phrase = device("今晚一起喝茶", "Tea for all of us")
    look(console, device)
    for field, text in (("prize", device("紫砂壶一把", "A clay pot")), ("phrase", phrase)):
        console.get_by_test_id(f"lottery-{field}").fill(text)
    console.get_by_test_id("lottery-follow").check()
    console.get_by_test_id("lottery-claim").select_option("86400")
    console.get_by_test_id("lottery-close").select_option("manual")
    console.get_by_test_id("lottery-open").click()
    sheet = open_sheet(viewer, device, "lottery-sheet", "lottery-bag")
    expect(sheet).to_contain_text(phrase)
    viewer.get_by_test_id("lottery-join").click()
    sign_in(viewer, device("小满", "Mia"))
    follow = viewer.locator('[data-condition="follow"]')
    expect(viewer.locator('[data-condition="phrase"]')).to_have_attribute("data-met", "true")
    expect(follow).to_have_attribute("data-met", "false")
    look(viewer, device)
    viewer.get_by_test_id("condition-follow").click()
    expect(follow).to_have_attribute("data-met", "true")
    expect(viewer.get_by_test_id("followers")).to_have_attribute("data-value", "1")
    viewer.get_by_test_id("lottery-join").click()
    expect(viewer.get_by_test_id("lottery-receipt")).to_have_attribute("data-index", "0")
    expect(console.get_by_test_id("lottery-entries")).to_have_text("1")
    console.get_by_test_id("lottery-draw").click()
    look(console, device)
    console.get_by_test_id("lottery-confirm").click()
    expect(viewer.get_by_test_id("lottery-result")).to_have_attribute("data-outcome", "won")
    expect(console.get_by_test_id("winners")).to_contain_text(device("小满", "Mia"))
    verify(viewer, device, "verify-draw")


def a_prize(console: Page, viewer: Page, device: Device) -> None:
    """Claimed with an address that the host reads; taken out again, which the proof bears out."""
    address = device("杭州市一号", "No 1, Hangzhou")
    expect(viewer.get_by_test_id("claim-submit")).to_be_visible()
    for field in viewer.get_by_test_id("claim-field").all():
        field.fill(address)
    viewer.get_by_test_id("claim-submit").click()
    expect(viewer.get_by_test_id("claim")).to_have_attribute("data-state", "claimed")
    expect(open_sheet(console, device, "claims-sheet", "claims-open")).to_contain_text(address)
    console.get_by_test_id("disqualify").click()
    console.get_by_test_id("disqualify-reason").fill(device("员工", "Staff"))
    look(console, device)
    console.get_by_test_id("disqualify-confirm").click()
    expect(viewer.get_by_test_id("lottery-result")).to_have_attribute("data-outcome", "lost")
    verify(viewer, device, "verify-draw")
    expect(viewer.locator('[data-check="redraws"]')).to_have_attribute("data-ok", "true")
    close_sheets(viewer)
    close_sheets(console)


def a_rain(room: Room, console: Page, viewer: Page, device: Device) -> None:
    """Started in two steps, for it spends money; the last ends it. No coupon lies over it."""
    coupon = device("满20减5", "5 off 20")
    room.run("coupon.drop", title=coupon, off_cents=500, quota=9)
    expect(viewer.get_by_test_id("coupon-drop")).to_contain_text(coupon)
    console.get_by_test_id("play-rain").click()
    console.get_by_test_id("rain-total").fill("5")
    console.get_by_test_id("rain-count").fill("1")
    console.get_by_test_id("rain-starts-in").select_option("0")
    look(console, device)
    console.get_by_test_id("rain-next").click()
    expect(viewer.get_by_test_id("rain-chip")).to_have_count(0)
    look(console, device)
    console.get_by_test_id("rain-confirm").click()
    expect(viewer.get_by_test_id("rain-grab")).to_be_visible()
    look(viewer, device)
    viewer.get_by_test_id("rain-grab").click()
    expect(viewer.get_by_test_id("rain-result")).to_have_attribute("data-cents", "500")
    expect(console.get_by_test_id("rain-state")).to_have_attribute("data-state", "ended")
    verify(viewer, device, "verify-rain")
    close_sheets(viewer)
    viewer.get_by_test_id("coupon-claim").click()
    expect(viewer.get_by_test_id("coupon-drop")).to_be_hidden()


def a_gift(second: Page, console: Page, first: Page, device: Device) -> None:
    """The first one gets it; the second is told that none is left."""
    console.get_by_test_id("play-gift").click()
    console.get_by_test_id("gift-title").fill(device("试饮装", "Sample"))
    console.get_by_test_id("gift-quota").fill("1")
    console.get_by_test_id("gift-open").click()
    second.get_by_test_id("gift-chip").click()
    expect(second.get_by_test_id("gift-claim")).to_be_enabled()
    open_sheet(first, device, "gift-sheet", "gift-chip")
    first.get_by_test_id("gift-claim").click()
    expect(first.get_by_test_id("gift-receipt")).to_have_attribute("data-position", "1")
    expect(second.get_by_test_id("gift-gone")).to_be_visible()
    look(second, device)
    expect(console.get_by_test_id("gift-row")).to_contain_text(device("0 / 1", "0 of 1"))
    look(console, device)
    verify(first, device, "verify-gift")
    close_sheets(first)
    console.get_by_test_id("play-coupon").click()
    expect(console.get_by_test_id("coupon-row")).to_be_visible()
    look(console, device)
