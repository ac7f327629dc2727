"""Two viewers on two workers want the last unit: one has it, the other reads that it is gone."""

from __future__ import annotations

import re
import time

from playwright.sync_api import Page, expect

from tests.browser.house import House, Room
from tests.browser.people import People, expect_state, sale_button
from tests.waiting import until

TRIES_MAX = 16  # the kernel picks the worker: all on one happens once in 65,536 runs
AHEAD_MS = 400  # both pages know the moment before it comes
DECIDED = re.compile("^(pay|sold_out)$")

_PRESS_AT = """at => setTimeout(
  () => document.querySelector("[data-testid=bag-card] [data-testid=buy-button]").click(),
  at - Date.now())"""


def workers_of(house: House, n: int) -> dict[str, int]:
    """Open sockets by worker, once the server counts `n` of them."""
    until(lambda: sum(house.sockets().values()) == n)
    return house.sockets()


def on_two_workers(room: Room, people: People) -> tuple[Page, Page]:
    """Two viewers, the second brought in anew until another worker has the socket."""
    workers_of(room.house, 0)  # those of the tests before have left
    first = people.viewer(room, "小满")
    workers_of(room.house, 1)
    second = people.viewer(room, "阿杰")
    for _ in range(TRIES_MAX):
        if max(workers_of(room.house, 2).values()) == 1:
            return first, second
        second.goto("about:blank")
        workers_of(room.house, 1)
        second.go_back()
    raise AssertionError(f"one worker took all of {TRIES_MAX} connections")


def test_two_viewers_on_two_workers_race_for_the_last_unit(room: Room, people: People) -> None:
    """Both press in the same millisecond; one order is made and the books balance."""
    room.sell(stock=1)
    rivals = on_two_workers(room, people)
    buttons = [sale_button(page) for page in rivals]
    for page in rivals:
        expect_state(page, "buy")
    at = round(time.time() * 1000) + AHEAD_MS
    for page in rivals:
        page.evaluate(_PRESS_AT, at)
    for button in buttons:
        expect(button).to_have_attribute("data-state", DECIDED)
    states = [button.get_attribute("data-state") for button in buttons]
    assert sorted(map(str, states)) == ["pay", "sold_out"]
    winner = rivals[states.index("pay")]
    winner.get_by_test_id("pay-button").click()
    expect(winner.get_by_test_id("cashier")).to_have_attribute("data-status", "succeeded")
    (sku,) = room.read("audit")["sales"][0]["skus"]
    assert (sku["sold"], sku["held"], sku["available"], sku["balanced"]) == (1, 0, 0, True)
