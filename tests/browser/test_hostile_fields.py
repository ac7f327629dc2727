"""Every text field of the API on every page: seen as text, never run, never out of its place."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.hostile_room import FIELDS, FORBIDDEN, HostileRoom, mark, refuse_addresses
from tests.browser.house import Room
from tests.browser.people import DESK, PHONE, WALL, People, Size, close_sheets
from tests.browser.tour import beyond_the_edge

_SAID = """() => [document.body.innerText,
  ...[...document.querySelectorAll("input, textarea")].map((one) => one.value)].join("\\n")"""
BORN_OF_TEXT = "img[src=x], iframe, svg[onload], a[href^='javascript']"


class Tour:
    """Walks through the pages and notes which fields it has seen."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def look(self, page: Page, size: Size) -> None:
        """What stands here now is text, whole and in its place."""
        said = page.evaluate(_SAID)
        assert [line for line in said.split("\n") if FORBIDDEN & set(line)] == [], page.url
        assert page.locator(BORN_OF_TEXT).count() == 0, page.url
        assert page.evaluate("document.documentElement.scrollWidth") == size["width"]
        assert beyond_the_edge(page) == []
        self.seen |= {field for field in FIELDS if mark(field) in said}

    def open(self, page: Page, size: Size, door: str, sheet: str, *inside: str) -> None:
        """Behind one door; then away again."""
        page.get_by_test_id(door).first.click()
        expect(page.get_by_test_id(sheet).first).to_be_visible()
        expect(page.locator(".spinner")).to_have_count(0)
        self.look(page, size)
        for each in inside:
            page.get_by_test_id(each).first.click()
            expect(page.locator(".spinner")).to_have_count(0)
            self.look(page, size)
        close_sheets(page)


def test_every_text_field_is_shown_as_text_everywhere(room: Room, people: People) -> None:
    """Script, bidi, control, zalgo and endless text at once; `People` hears of what ran."""
    hostile = HostileRoom(room)
    winner = hostile.fill()
    tour = Tour()
    _as_viewer(tour, people.open(f"/room/{room.room_id}", who=winner))
    _as_host(tour, people.console(room, lang="en"))
    landing = people.open("/", size=PHONE)
    expect(landing.get_by_test_id("room-row").first).to_be_visible()
    tour.look(landing, PHONE)
    screen = people.screen(room)
    expect(screen.get_by_test_id("comment-flow")).to_contain_text("f")
    tour.look(screen, WALL)
    assert set(FIELDS) - hostile.written == set(), "written nowhere"
    assert set(FIELDS) - tour.seen == set(), "seen nowhere"


def _as_viewer(tour: Tour, viewer: Page) -> None:
    """A phone: the picture, then every sheet."""
    expect(viewer.get_by_test_id("bag-count")).to_have_text("1")
    tour.look(viewer, PHONE)
    tour.open(viewer, PHONE, "bag", "bag-sheet")
    tour.open(viewer, PHONE, "poll-chip", "poll-sheet")
    tour.open(viewer, PHONE, "gift-chip", "gift-sheet")
    tour.open(viewer, PHONE, "lottery-bag", "lottery-sheet")
    tour.open(viewer, PHONE, "auction-chip", "auction-sheet")
    for door, sheet, *inside in (
        ("ask-host", "question-sheet", "questions-answered"),
        ("my-orders", "my-sheet", "order-row", "request-answer"),
        ("my-orders", "my-sheet", "my-tab-coupons", "my-tab-points", "my-tab-wins", "win-row"),
    ):
        viewer.get_by_test_id("menu").click()
        tour.open(viewer, PHONE, door, sheet, *inside)


def _as_host(tour: Tour, console: Page) -> None:
    """Every tab and dialog that shows what somebody wrote."""
    tour.look(console, DESK)
    for tab in ("play-lottery", "play-gift", "play-coupon"):
        console.get_by_test_id(tab).click()
        tour.look(console, DESK)
    console.get_by_test_id("part-sheet").click()
    expect(console.get_by_test_id("sheet-row")).to_be_visible()
    tour.look(console, DESK)
    for tab in ("part-polls", "part-questions", "part-auctions", "part-orders"):
        console.get_by_test_id(tab).click()
        expect(console.get_by_test_id(tab)).to_have_attribute("aria-selected", "true")
        tour.look(console, DESK)
    console.get_by_test_id("play-lottery").click()
    tour.open(console, DESK, "claims-open", "claims-sheet")
    tour.open(console, DESK, "refund-requests", "refund-requests-dialog")
    tour.open(console, DESK, "audience", "audience-sheet")
    acts = ("moderation-helpers", "moderation-acts", "staff-act")
    tour.open(console, DESK, "moderation", "moderation-sheet", *acts)


def test_no_address_is_taken_that_a_browser_would_run(room: Room) -> None:
    """Pictures and streams come from the web or from here."""
    refuse_addresses(room)
