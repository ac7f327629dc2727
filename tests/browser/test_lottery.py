"""A draw nobody has to believe: joined with a receipt, drawn, recomputed in the browser."""

from __future__ import annotations

import hashlib
import json

from playwright.sync_api import Page, Route, expect

from tests.browser.house import Room
from tests.browser.people import People

PHRASE = "今晚一起喝茶"


def open_lottery(
    console: Page, *, prize: str = "紫砂壶一把", winners: int = 1, phrase: str = ""
) -> None:
    """As the host does it; drawn by hand."""
    console.get_by_test_id("lottery-prize").fill(prize)
    console.get_by_test_id("lottery-winners").fill(str(winners))
    console.get_by_test_id("lottery-phrase").fill(phrase)
    console.get_by_test_id("lottery-close").select_option("manual")
    console.get_by_test_id("lottery-open").click()


def join(viewer: Page) -> None:
    viewer.get_by_test_id("lottery-bag").click()
    viewer.get_by_test_id("lottery-join").click()


def draw(console: Page) -> None:
    console.get_by_test_id("lottery-draw").click()
    console.get_by_test_id("lottery-confirm").click()


def test_everybody_may_verify_and_most_do_not_win(room: Room, people: People) -> None:
    """One of three wins; a loser and one who never joined see it and verify it."""
    console = people.console(room)
    entrants = [people.viewer(room, name) for name in ("小满", "阿杰")]
    watcher = people.viewer(room)
    open_lottery(console)
    for entrant in entrants:
        join(entrant)
        expect(entrant.get_by_test_id("lottery-receipt")).to_be_visible()
    draw(console)
    results = [entrant.get_by_test_id("lottery-result") for entrant in entrants]
    for result in results:
        expect(result).to_be_visible()
    assert sorted(str(r.get_attribute("data-outcome")) for r in results) == ["lost", "won"]
    watcher.get_by_test_id("lottery-bag").click()
    expect(watcher.get_by_test_id("lottery-result")).to_have_attribute("data-outcome", "notJoined")
    for page in (*entrants, watcher):
        page.get_by_test_id("verify-draw").click()
        expect(page.get_by_test_id("verify-result")).to_have_attribute("data-ok", "true")


def forge_winner(route: Route) -> None:
    """A server that names another winner than its seed does."""
    proof = route.fetch().json()
    proof["winners"][0]["user_id"] = next(
        user for user in proof["entries"] if user != proof["winners"][0]["user_id"]
    )
    route.fulfill(json=proof)


def forge_score(route: Route) -> None:
    proof = route.fetch().json()
    proof["winners"][0]["score"] = "0" * 64
    route.fulfill(json=proof)


def forge_entries(route: Route) -> None:
    """A server that slips in somebody who never joined."""
    proof = route.fetch().json()
    proof["entries"].append("u_friend_of_the_host")
    proof["entries_count"] += 1
    route.fulfill(json=proof)


def forge_seed(route: Route) -> None:
    """A server that chose its seed afterwards, and its hash to fit."""
    proof = route.fetch().json()
    seed = bytes(32)
    proof["server_seed"], proof["seed_hash"] = seed.hex(), hashlib.sha256(seed).hexdigest()
    route.fulfill(body=json.dumps(proof), content_type="application/json")


FORGERIES = [
    (forge_winner, "ranks"),
    (forge_score, "ranks"),
    (forge_entries, "chain"),
    (forge_seed, "seed"),
]


def test_a_forged_proof_is_found_out(room: Room, people: People) -> None:
    """The page says that it is not verified, and which check failed, whatever was forged."""
    viewer = people.viewer(room, "小满")
    lottery_id = room.run("lottery.open", winners=1, prize="茶杯", manual=True)["lottery_id"]
    join(viewer)
    expect(viewer.get_by_test_id("lottery-receipt")).to_be_visible()
    room.run("lottery.join", by=room.house.admit("阿杰"), lottery_id=lottery_id)
    room.run("lottery.draw", lottery_id=lottery_id)
    for forge, check in FORGERIES:
        viewer.route("**/v1/draws/*", forge)
        viewer.get_by_test_id("verify-draw").click()
        expect(viewer.get_by_test_id("verify-result")).to_have_attribute("data-ok", "false")
        expect(viewer.locator(f".check[data-check={check}]")).to_have_attribute("data-ok", "false")
        viewer.unroute("**/v1/draws/*")
        viewer.get_by_test_id("verify-draw").click()
        expect(viewer.get_by_test_id("verify-result")).to_have_attribute("data-ok", "true")


def test_a_countdown_draws_by_itself(room: Room, people: People) -> None:
    """Nobody presses anything; a viewer who watches sees the result."""
    viewer = people.viewer(room, "小满")
    room.run("lottery.open", winners=1, prize="茶杯", close_ms=2_000)
    join(viewer)
    expect(viewer.get_by_test_id("lottery-result")).to_have_attribute("data-outcome", "won")
