"""Tour: cards, and what goes beside the sale: run-sheet, poll, questions, auction."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.house import House
from tests.browser.people import People, close_sheets
from tests.browser.tour import Device, look, on_every_device, open_sheet, press, tab


@on_every_device
def test_program(house: House, people: People, device: Device) -> None:
    """An evening by the run-sheet: what the host presses stands before two viewers."""
    room = house.room(device("夜里喝茶", "Tea at night"), host_name=device("阿宁", "Ann"))
    as_device = {"size": device.size, "lang": device.lang, "still": True}
    room.put_product("tea", device("高山乌龙茶", "Oolong tea"))
    room.run("card.show", product_id="tea")
    room.put_product("cup", device("茶杯", "Tea cup"))
    console = people.console(room, **as_device)
    lin = people.viewer(room, device("小满", "Mia"), **as_device)
    ann = people.viewer(room, device("阿杰", "Jay"), **as_device)
    cards(console, lin, device)
    tab(console, device, "orders")
    run_sheet(console, lin, device)
    poll(console, lin, device)
    questions(console, lin, ann, device)
    auction(console, lin, ann, device)


def part(console: Page, device: Device, name: str) -> None:
    console.get_by_test_id(f"part-{name}").click()
    expect(console.get_by_test_id(f"part-{name}")).to_have_attribute("aria-selected", "true")
    look(console, device)


def cards(console: Page, viewer: Page, device: Device) -> None:
    """Shown from what was put away, explained, put in another order, hidden."""
    tab(console, device, "shelf")
    console.get_by_test_id("card-show-cup").click()
    popup = viewer.get_by_test_id("card-popup")
    expect(popup).to_have_attribute("data-product", "cup")
    console.get_by_test_id("card-explain-tea").click()
    expect(popup).to_have_attribute("data-product", "tea")
    expect(popup).to_contain_text(device("讲解中", "On show"))
    expect(viewer.get_by_test_id("bag-count")).to_have_text("2")
    look(viewer, device)
    look(console, device)
    if device.on_phone:
        viewer.get_by_test_id("bag").click()
    rows = viewer.get_by_test_id("bag-card")
    expect(rows.first).to_have_attribute("data-product", "cup")
    console.locator("[data-card=cup] .grip").press("ArrowDown")
    expect(rows.first).to_have_attribute("data-product", "tea")
    look(viewer, device)
    console.get_by_test_id("card-hide-cup").click()
    expect(rows).to_have_count(1)
    close_sheets(viewer)


def run_sheet(console: Page, viewer: Page, device: Device) -> None:
    """Written, ordered, and one press does the next; the plan says that it was done."""
    console.get_by_test_id("part-sheet").click()
    spoken, announced = device("口播", "A word"), device("公告", "News")
    for minute, title in ((3, spoken), (5, announced)):
        console.get_by_test_id("sheet-minute").fill(str(minute))
        console.get_by_test_id("sheet-title").fill(title)
        if title == announced:
            console.get_by_test_id("sheet-act").select_option("announce")
            console.get_by_test_id("sheet-detail").fill(device("全场包邮", "Free shipping"))
        console.get_by_test_id("sheet-add").click()
        expect(console.get_by_test_id("sheet-row").filter(has_text=title)).to_be_visible()
    console.get_by_role("button", name=device("上移", "Move up")).nth(1).click()
    expect(console.get_by_test_id("sheet-row").first).to_contain_text(announced)
    console.get_by_test_id("sheet-next").click()
    said = viewer.get_by_test_id("announcement")
    expect(said).to_contain_text(device("全场包邮", "Free shipping"))
    expect(console.get_by_test_id("sheet-actual")).to_be_visible()
    look(console, device)
    tab(console, device, "stage")
    console.get_by_test_id("announce-clear").click()
    expect(said).to_have_count(0)
    console.get_by_test_id("announce-text").fill(device("八点整开抢", "At eight sharp"))
    console.get_by_test_id("announce-send").click()
    expect(said).to_contain_text(device("八点整开抢", "At eight sharp"))
    console.get_by_test_id("set-synced").check()
    open_sheet(console, device, "room-dialog", "room-edit")
    console.get_by_test_id("room-title").fill(device("换了标题", "Another title"))
    console.get_by_test_id("room-save").click()
    expect(viewer.get_by_role("heading", level=1)).to_have_text(device("换了标题", "Another title"))
    tab(console, device, "orders")


def poll(console: Page, viewer: Page, device: Device) -> None:
    """Both see the same bars; a vote is final; the result stays."""
    part(console, device, "polls")
    console.get_by_test_id("poll-question").fill(device("今晚先讲哪个?", "Which one first?"))
    console.get_by_test_id("poll-options").fill(device("乌龙\n普洱\n白茶", "Oolong\nPu-erh\nWhite"))
    console.get_by_test_id("poll-open").click()
    open_sheet(viewer, device, "poll-sheet", "poll-chip")
    viewer.get_by_test_id("poll-option-1").check()
    viewer.get_by_test_id("poll-vote").click()
    for page in (viewer, console):
        bar = page.get_by_test_id("poll-bar").nth(1)
        expect(bar).to_have_attribute("data-votes", "1")
        expect(bar).to_contain_text("100%")
        look(page, device)
    console.get_by_test_id("poll-close").click()
    expect(viewer.get_by_test_id("poll-chip")).to_have_attribute("data-state", "closed")
    close_sheets(viewer)


def questions(console: Page, asker: Page, other: Page, device: Device) -> None:
    """Asked, wanted by another, answered in writing."""
    part(console, device, "questions")
    open_sheet(asker, device, "question-sheet", "menu", "ask-host")
    asker.get_by_test_id("question-text").fill(device("这款茶多少克?", "How many grams?"))
    asker.get_by_test_id("question-ask").click()
    other.get_by_test_id("question-chip").click()
    other.get_by_test_id("question-want").click()
    expect(console.get_by_test_id("question-item").locator(".votes")).to_have_text("2")
    look(other, device)
    close_sheets(other)
    console.get_by_test_id("question-write").click()
    look(console, device)
    console.get_by_test_id("answer-text").fill(device("一罐二百克", "Two hundred a tin"))
    console.get_by_test_id("answer-send").click()
    asker.get_by_test_id("questions-answered").click()
    answer = asker.get_by_test_id("question-done")
    expect(answer).to_contain_text(device("一罐二百克", "Two hundred a tin"))
    look(asker, device)
    close_sheets(asker)
    expect(console.get_by_test_id("question-stats")).to_contain_text("1")


def auction(console: Page, lin: Page, ann: Page, device: Device) -> None:
    """It rises, the hammer falls, the winner pays and finds it among the wins."""
    part(console, device, "auctions")
    console.get_by_test_id("auction-start").fill("10")
    console.get_by_test_id("auction-step").fill("5")
    console.get_by_test_id("auction-open").click()
    for viewer in (lin, ann):
        viewer.get_by_test_id("auction-chip").click()
    lin.get_by_test_id("bid-0").click()
    expect(lin.get_by_test_id("auction-leading")).to_be_visible()
    expect(ann.get_by_test_id("bid-0")).to_contain_text("15.00")
    look(ann, device)
    ann.get_by_test_id("bid-1").click()
    expect(lin.get_by_test_id("auction-lead")).to_have_attribute("data-cents", "2000")
    look(console, device)
    console.get_by_test_id("auction-hammer").click()
    look(console, device)
    console.get_by_test_id("auction-confirm").click()
    expect(ann.get_by_test_id("auction-result")).to_have_attribute("data-mine", "true")
    expect(lin.get_by_test_id("auction-result")).to_have_attribute("data-mine", "false")
    look(ann, device)
    ann.get_by_test_id("auction-pay").click()
    ann.get_by_test_id("pay-button").click()
    expect(ann.get_by_test_id("order-status")).to_have_attribute("data-status", "paid")
    ann.keyboard.press("Escape")
    press(ann, "menu", "my-wins")
    expect(ann.get_by_test_id("my-auction")).to_contain_text(device("已支付", "Paid"))
    look(ann, device)
