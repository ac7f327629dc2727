"""A card waits for the picture where the room wants it, and what is counted never does."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.house import Room
from tests.browser.people import People

_RULES = """async () => {
  const { holdMs, Holds, HOLD_MS_MAX } = await import("/static/js/player/synced.js");
  const done = [], timers = [];
  let at = 0, picture = 0;
  const later = (act, ms) => timers.push([at + ms, act]);
  const holds = new Holds({ pictureAt: () => picture, now: () => at, later });
  holds.run(5_000, () => done.push("first"));
  picture = 9_000;
  holds.run(6_000, () => done.push("second"));
  const due = timers.map(([ms]) => ms);
  for (const [, act] of timers.sort((a, b) => a[0] - b[0])) act();
  return {
    held: [holdMs(9_000, 4_000), holdMs(4_000, 9_000), holdMs(99_000, 4_000), holdMs(9_000, null)],
    recording: holdMs(9_000_000, 0), most: HOLD_MS_MAX, due, done,
  };
}"""
_BEHIND = """async (ms) => {
  const { picture } = await import("/static/js/ui/picture_clock.js");
  picture.at = () => Date.now() - ms;
}"""
_NOTE = """window.seen = {};
  new MutationObserver(() => {
    const note = (name, there) => { if (there) window.seen[name] ??= performance.now(); };
    note("popup", document.querySelector("[data-testid=card-popup]"));
    note("bag", document.querySelector("[data-testid=bag-count]")?.textContent === "1");
    note("said", document.querySelector("[data-testid=announcement]"));
  }).observe(document, {subtree: true, childList: true, characterData: true});"""


def test_a_card_waits_for_the_picture_and_the_bag_does_not(room: Room, people: People) -> None:
    room.put_product()
    room.run("room.set", synced_popups=True)
    viewer = people.viewer(room, "小满")
    assert viewer.evaluate(_RULES) == {
        "held": [5_000, 0, 15_000, 0],
        "recording": 0,
        "most": 15_000,
        "due": [5_000, 5_000],
        "done": ["first", "second"],
    }
    viewer.evaluate(_NOTE)
    viewer.evaluate(_BEHIND, 1_500)
    room.run("announce", text="看这里")
    room.run("card.show", product_id="tea")
    expect(viewer.get_by_test_id("announcement")).to_be_visible()
    expect(viewer.get_by_test_id("card-popup")).to_be_visible()
    seen = viewer.evaluate("window.seen")
    assert seen["popup"] - seen["bag"] > 1_000
    assert seen["said"] <= seen["popup"]
