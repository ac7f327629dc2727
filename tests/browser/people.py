"""People with a browser, and the manners of every page they open.

People of one test are kept apart by their tabs (a session belongs to a tab); those of the same size
and language share a browser context, and so its cache. What every page is watched for: script
errors, refusals by the content security policy, dialogs, and script that came in as text
(`window.__xss`).
"""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect

from tests.browser.house import House, Pass, Room

Size = dict[str, int]
PHONE: Size = {"width": 390, "height": 844}
DESK: Size = {"width": 1440, "height": 900}
WALL: Size = {"width": 1920, "height": 1080}
LOCALES = {"zh": "zh-CN", "en": "en-US"}

# A policy violation reaches the console in words that vary; this event does not.
_WATCH_POLICY = """addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));"""


class Wardrobe:
    """The browser contexts of a run: shared ones by size and language, and single ones."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._shared: dict[tuple[int, int, str, bool], BrowserContext] = {}

    def shared(self, size: Size, lang: str, *, still: bool) -> BrowserContext:
        """For tabs that neither store anything nor have a line of their own to break."""
        key = (size["width"], size["height"], lang, still)
        if key not in self._shared:
            motion = {"reduced_motion": "reduce"} if still else {}
            self._shared[key] = self.single(size, lang, **motion)
        return self._shared[key]

    def single(self, size: Size, lang: str, **options: Any) -> BrowserContext:
        """A new one, as Playwright makes it with `options`."""
        context = self._browser.new_context(viewport=size, locale=LOCALES[lang], **options)
        context.add_init_script(_WATCH_POLICY)
        return context


class People:
    """Opens pages for one test and answers for their manners."""

    def __init__(self, wardrobe: Wardrobe, house: House) -> None:
        self._wardrobe, self._house = wardrobe, house
        self._singles: list[BrowserContext] = []
        self._pages: list[Page] = []
        self._allowed: list[re.Pattern[str]] = []
        self.faults: list[str] = []

    def allow(self, pattern: str) -> None:
        """Expect console errors that match, in a test that breaks something on purpose."""
        self._allowed.append(re.compile(pattern))

    def open(
        self,
        path: str,
        *,
        who: Pass | None = None,
        size: Size = PHONE,
        lang: str = "zh",
        alone: bool = False,
        still: bool = False,
    ) -> Page:
        """A page signed in as `who`; `alone` in a context of its own, `still` without motion."""
        if alone:
            context = self._wardrobe.single(size, lang)
            self._singles.append(context)
        else:
            context = self._wardrobe.shared(size, lang, still=still)
        page = context.new_page()
        self._watch(page)
        page.goto(self._house.url + path + (f"#token={who.token}" if who else ""))
        return page

    def viewer(self, room: Room, name: str = "", **options: Any) -> Page:
        """The player, in the room; a guest unless named."""
        who = self._house.admit(name) if name else None
        page = self.open(f"/room/{room.room_id}", **{"who": who, **options})
        expect(page.get_by_role("heading", level=1)).to_have_text(room.title)
        return page

    def console(self, room: Room, **options: Any) -> Page:
        """The host at the console, on the air."""
        page = self.open(f"/console/{room.room_id}", **{"who": room.host, "size": DESK, **options})
        expect(page.get_by_test_id("link-state")).to_have_attribute("data-state", "open")
        return page

    def screen(self, room: Room, **options: Any) -> Page:
        """The big screen, with its first numbers."""
        page = self.open(f"/screen/{room.room_id}", **{"size": WALL, **options})
        expect(page.get_by_test_id("screen")).to_be_visible()
        return page

    def go_home(self) -> None:
        """Close every page; fail when any did what no page may do."""
        for page in self._pages:
            if page.evaluate("window.__xss") is not None:
                self.faults.append(f"{page.url}: text ran as script")
            page.close()
        for context in self._singles:
            context.close()
        assert not self.faults, "\n".join(self.faults)

    def _watch(self, page: Page) -> None:
        self._pages.append(page)
        page.on("pageerror", lambda error: self._fault(page, str(error)))
        page.on("console", lambda message: self._heard(page, message))
        page.on("dialog", lambda dialog: (self._fault(page, dialog.message), dialog.dismiss()))

    def _heard(self, page: Page, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._fault(page, f"{message.text} ({message.location.get('url', '')})")

    def _fault(self, page: Page, what: str) -> None:
        if not any(pattern.search(what) for pattern in self._allowed):
            self.faults.append(f"{page.url}: {what}")


def sign_in(page: Page, name: str) -> None:
    """Fill the nickname sheet that is open."""
    page.get_by_test_id("login-name").fill(name)
    page.get_by_test_id("login-submit").click()
    expect(page.get_by_test_id("login-sheet")).to_be_hidden()


def comment(page: Page, text: str) -> None:
    """Write a comment in the player."""
    page.get_by_test_id("comment-input").fill(text)
    page.get_by_test_id("comment-send").click()


def sale_button(viewer: Page) -> Locator:
    """The one in sight: in the bag on a phone, on the shelf beside the picture on a wide screen."""
    wide = (viewer.viewport_size or PHONE)["width"] >= 1000
    if not wide and not viewer.get_by_test_id("bag-sheet").is_visible():
        viewer.get_by_test_id("bag").click()
    return viewer.get_by_test_id("bag-card").get_by_test_id("sale-state")


def expect_state(viewer: Page, state: str) -> Locator:
    button = sale_button(viewer)
    expect(button).to_have_attribute("data-state", state)
    return button


def buy_and_pay(viewer: Page) -> None:
    """Press buy, then pay at the cashier that opens in the room."""
    sale_button(viewer).get_by_role("button").click()
    viewer.get_by_test_id("pay-button").click()
    expect(viewer.get_by_test_id("cashier")).to_have_attribute("data-status", "succeeded")


def close_sheets(viewer: Page) -> None:
    """From the top one down."""
    sheets = viewer.get_by_role("dialog")
    for left in range(sheets.count(), 0, -1):
        viewer.keyboard.press("Escape")
        expect(sheets).to_have_count(left - 1)
