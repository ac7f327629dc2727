"""No WebSocket is let through: the room is all there over plain HTTP, and goes back by itself."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.house import Room
from tests.browser.people import People, buy_and_pay, close_sheets, comment, expect_state

BROKEN_LINE = r"WebSocket|Failed to load resource"

# A bare client, which writes down on the document by which line it is there and what it was told.
# While `walled` is set its sockets ask for what the server refuses to upgrade.
_LISTEN = """async (roomId) => {
  const { LiveroomClient } = await import("/static/js/liveroom.js");
  const { dataset } = document.documentElement;
  const opened = [];
  class Walled extends WebSocket {
    constructor(url, protocol) {
      super(dataset.walled ? url.replace(/ws$/, "metrics") : url, protocol);
      opened.push(this);
    }
  }
  const told = [];
  const line = new LiveroomClient({ roomId, WebSocket: Walled });
  line.on("status", ({ status, via }) => (dataset.line = status === "online" ? via : status));
  line.on("event", ({ seq }) => seq && told.push(seq) && (dataset.told = told.join(" ")));
  line.on("state", ({ room }) => (dataset.said = room.announcement?.text ?? ""));
  window.wall = (stands) => {
    if (stands) dataset.walled = "yes";
    else delete dataset.walled;
    opened.splice(0).forEach((socket) => socket.close());
  };
  line.start();
}"""


def without_socket(people: People, room: Room, name: str) -> Page:
    """The player, of which every WebSocket is closed as soon as it opens."""
    people.allow(BROKEN_LINE)
    page = people.viewer(room, name, alone=True)
    page.route_web_socket("**/ws", lambda socket: socket.close())
    page.reload()
    expect(page.get_by_test_id("http-line")).to_be_visible()
    return page


def try_again(page: Page) -> None:
    """As when the browser says that there is a network again."""
    page.evaluate("dispatchEvent(new Event('online'))")


def test_the_whole_room_is_there_over_http(room: Room, people: People) -> None:
    """Talk both ways, a card that pops up, a purchase that is paid, a lottery that is won."""
    viewer = without_socket(people, room, "小满")
    other = people.viewer(room)
    room.say("听得到吗")
    expect(viewer.locator(".comment-text")).to_have_text(["听得到吗"])
    comment(viewer, "听得到")
    expect(other.locator(".comment-text")).to_have_text(["听得到吗", "听得到"])
    expect(viewer.locator(".comment-text")).to_have_text(["听得到吗", "听得到"])
    expect(other.get_by_test_id("online")).to_have_attribute("data-value", "2")

    sale_id = room.prepare_sale()
    expect(viewer.get_by_test_id("card-popup")).to_have_attribute("data-product", "tea")
    room.start_sale(sale_id)
    expect_state(viewer, "buy")
    buy_and_pay(viewer)
    expect(viewer.get_by_test_id("order-status")).to_have_text("已支付")
    close_sheets(viewer)

    terms = {"winners": 1, "prize": "紫砂壶一把", "manual": True}
    lottery_id = room.run("lottery.open", **terms)["lottery_id"]
    viewer.get_by_test_id("lottery-bag").click()
    viewer.get_by_test_id("lottery-join").click()
    expect(viewer.get_by_test_id("lottery-receipt")).to_have_attribute("data-index", "0")
    room.run("lottery.draw", lottery_id=lottery_id)
    expect(viewer.get_by_test_id("lottery-result")).to_have_attribute("data-outcome", "won")


def test_nothing_is_lost_or_doubled_when_the_line_changes(room: Room, people: People) -> None:
    """Socket, plain HTTP, socket: one story of critical events, whatever happened in between."""
    people.allow(BROKEN_LINE)
    page = people.open("/healthz", alone=True)  # no page of ours: nothing else runs beside it
    page.evaluate(_LISTEN, room.room_id)
    document = page.locator("html")

    def expect_told(line: str, *said: int) -> None:
        expect(document).to_have_attribute("data-line", line)
        expect(document).to_have_attribute("data-told", " ".join(map(str, said)))

    expect(document).to_have_attribute("data-line", "socket")
    room.run("announce", text="1")
    expect_told("socket", 1)
    page.evaluate("wall(true)")
    room.run("announce", text="2")
    expect_told("http", 1, 2)
    room.run("announce", text="3")
    expect_told("http", 1, 2, 3)
    page.evaluate("wall(false)")
    room.run("announce", text="4")
    try_again(page)
    room.run("announce", text="5")
    expect_told("socket", 1, 2, 3, 4, 5)
    room.run("announce", text="6")
    expect_told("socket", 1, 2, 3, 4, 5, 6)
    expect(document).to_have_attribute("data-said", "6")
