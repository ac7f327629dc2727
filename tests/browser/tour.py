"""What every stop of the tour is held to, on each device that people have in their hands.

The chapters (`test_tour_*.py`) use one feature after another, as a host and as a viewer; `look` is
what each page, tab and sheet on the way must bear. Texts that people write are in the language of
the device, so that a word in the other one can only be the page's own.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.people import DESK, PHONE, Size

PICTURES = os.environ.get("TOUR_PICTURES")  # a folder for a picture of each stop
AXE = Path(__file__).parent / "vendor" / "axe.min.js"
GRAVE = ("serious", "critical")
TARGET_PX_MIN = 24  # WCAG 2.2, 2.5.8; a thumb's 44 px on the picture are checked by themselves
HAN = re.compile(r"[\u4e00-\u9fff]+")
LATIN = re.compile(r"[A-Za-z]{3,}")
IDS = re.compile(r"https?://\S+|\broom-\d+\b|\b[a-z]+_[0-9a-f]{8,}\b|\bo\d+-[\w-]{8,}")
# Latin words of a Chinese page that are its own: names of formats and things, and what is typed.
CHINESE_TOO = frozenset(
    {
        "CSV",
        "HLS",
        "HTTP",
        "HTTPS",
        "Python",
        "SKU",
        "English",
        "https",
        "live",
        "gold",
        "black",
        "platinum",
    }
)


@dataclass(frozen=True)
class Device:
    """A screen and the language of who looks at it."""

    size: Size
    lang: str

    @property
    def on_phone(self) -> bool:
        return self.size == PHONE

    def __call__(self, chinese: str, english: str) -> str:
        """What somebody with this device would write."""
        return chinese if self.lang == "zh" else english

    def __str__(self) -> str:
        return f"{'phone' if self.on_phone else 'desk'}-{self.lang}"


DEVICES = [Device(PHONE, "zh"), Device(DESK, "en")]
OTHER_DEVICES = [Device(PHONE, "en"), Device(DESK, "zh")]  # `make prove-pages` takes them, too
CHAPTER_S_MAX = 400  # a chapter does what ten other tests do, on a machine that may be busy


def on_every_device(chapter: Callable[..., None]) -> Callable[..., None]:
    """A chapter for each size and language; half of them only in `make prove-pages`."""
    others = [pytest.param(device, marks=pytest.mark.other_device) for device in OTHER_DEVICES]
    each = pytest.mark.parametrize("device", [*DEVICES, *others], ids=str)
    marked: Callable[..., None] = pytest.mark.timeout(CHAPTER_S_MAX)(each(chapter))
    return marked


# Preloading would copy the style sheets into the page, which its policy rightly refuses.
_RUN_AXE = """within => axe.run(within ? [...document.querySelectorAll(within)].at(-1) : document,
  {resultTypes: ["violations"], preload: false})"""


def findings(page: Page, within: str = "") -> list[str]:
    """What axe calls serious or critical, with the elements; of the last `within`, or of all."""
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(AXE.read_text())
    result = page.evaluate(_RUN_AXE, within)
    return [
        f"{violation['id']}: {node['target']} {node.get('failureSummary', '')}"
        for violation in result["violations"]
        if violation["impact"] in GRAVE
        for node in violation["nodes"]
    ]


# What is drawn across the left or right edge of the window, or cut off there, without meaning to.
_BEYOND = """() => [...document.querySelectorAll("body *:not(.sky *, .hearts *, .sr-only, video)")]
  .filter((one) => {
    const {left, right, width} = one.getBoundingClientRect();
    return width > 1 && getComputedStyle(one).visibility === "visible" &&
      (left < -0.5 || right > innerWidth + 0.5) && !one.closest(".clip, .scroll-x");
  }).map((one) => `${one.tagName} ${one.className} ${one.textContent.slice(0, 40)}`)"""
# What a finger or pointer must hit, once it stands still. A label is as good a target as what it
# is the label of.
_TOO_SMALL = """(min) => [...document.querySelectorAll(
    "button, summary, select, textarea, input, [role=tab], [role=switch], a.btn, a.icon-btn")]
  .map((one) => [one, one.closest("label") ?? one])
  .filter(([one, {offsetWidth: width}]) => width > 1 && one.checkVisibility())
  .filter(([, {offsetWidth: width, offsetHeight: height}]) => Math.min(width, height) < min)
  .map(([one, {offsetWidth: width, offsetHeight: height}]) =>
    `${one.dataset.testid ?? one.className} ${width}x${height}`)"""
# What is read and what is read out, but for ids, hashes, addresses and the switch of the language.
_WORDS = """() => {
  const said = [];
  const mute = (one) =>
    one.closest(".mono, .hash, code, [lang]:not(html), [data-testid=lang], datalist, .room-row");
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const over = walk.currentNode.parentElement;
    if (over && !mute(over) && over.checkVisibility()) said.push(walk.currentNode.data);
  }
  for (const name of ["aria-label", "title", "placeholder", "alt"])
    for (const one of document.querySelectorAll(`[${name}]`))
      if (!mute(one)) said.push(one.getAttribute(name));
  return said;
}"""

_STILL = "Promise.allSettled(document.getAnimations().map((one) => one.finished)).then(() => {})"
_WIDTHS = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"


def beyond_the_edge(page: Page) -> list[str]:
    """The elements that stick out sideways."""
    found: list[str] = page.evaluate(_BEYOND)
    return found


def foreign(page: Page, lang: str) -> list[str]:
    """Words that are not of this language, and keys for which there is no word at all."""
    said: list[str] = page.evaluate(_WORDS)
    if lang == "en":
        return [text for text in said if HAN.search(text)]
    return [text for text in said if set(LATIN.findall(IDS.sub("", text))) - CHINESE_TOO]


def look(page: Page, device: Device) -> None:
    """At the sheet on top, or at the page where none is open."""
    expect(page.locator(".spinner")).to_have_count(0)
    page.evaluate(_STILL)  # a color on its way to another is neither
    if PICTURES:
        _keep_picture(page, device, Path(PICTURES))
    on_top = "[role=dialog]" if page.get_by_role("dialog").count() else ""
    wide, room = page.evaluate(_WIDTHS)
    faults = {
        "axe": findings(page, on_top),
        "words": foreign(page, device.lang),
        "beyond the edge": beyond_the_edge(page),
        "too small": page.evaluate(_TOO_SMALL, TARGET_PX_MIN),
        "scrolls sideways": wide > room,
    }
    found = {name: what for name, what in faults.items() if what}
    assert not found, f"{page.url}: {found}"


def _keep_picture(page: Page, device: Device, folder: Path) -> None:
    """Of this stop, for somebody to look at: `<chapter>-<device>-<nth stop>.png`."""
    chapter = os.environ["PYTEST_CURRENT_TEST"].split("::test_")[1].split("[")[0]
    nth = len(list(folder.glob(f"{chapter}-{device}-*.png")))
    page.screenshot(path=folder / f"{chapter}-{device}-{nth:02}.png")


def press(page: Page, *names: str) -> None:
    """One after the other, each the first of its name."""
    for name in names:
        page.get_by_test_id(name).first.click()


def open_sheet(page: Page, device: Device, sheet: str, *doors: str) -> Locator:
    """By its doors; looked at."""
    press(page, *doors)
    found = page.get_by_test_id(sheet)
    expect(found).to_be_visible()
    look(page, device)
    return found


def tab(console: Page, device: Device, name: str) -> None:
    """The part of the console that a phone shows behind a tab."""
    if device.on_phone:
        console.get_by_test_id(f"tab-{name}").click()
