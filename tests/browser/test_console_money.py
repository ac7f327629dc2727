"""What the console says of money and stock: the light that must turn red, and who gets a coupon."""

from __future__ import annotations

import urllib.request

import redis
from playwright.sync_api import expect

from flash_sale.storage import keys
from server.embedded import socket_path
from tests.browser.house import Pass, Room
from tests.browser.people import People, close_sheets, expect_state
from tests.browser.test_buyers_way import expect_paid
from tests.integration.test_supervisor import run
from tests.running_server import RunningServer
from tests.waiting import until


def unbalanced(server: RunningServer) -> int:
    """Unbalanced sales, as the workers' metrics have it."""
    with urllib.request.urlopen(server.url + "/metrics", timeout=15) as answer:
        lines = answer.read().decode().splitlines()
    found = [line for line in lines if line.startswith("liveroom_audit_unbalanced{")]
    return sum(int(float(line.split()[-1])) for line in found)


def audit_status(server: RunningServer) -> int:
    """The exit status of `liveroom audit`."""
    return run("audit", "--url", server.url, "--data-dir", str(server.data_dir)).returncode


def test_a_drifting_counter_turns_everything_red(
    room: Room, people: People, running_server: RunningServer
) -> None:
    """Page, HTTP, metric and command all see one piece too many, and that it is gone again."""
    sale_id = room.sell(stock=3)
    console = people.console(room)
    light = console.get_by_test_id("audit-light")
    expect(light).to_have_attribute("data-state", "balanced")
    with redis.Redis(unix_socket_path=str(socket_path(running_server.data_dir / "redis"))) as store:
        store.hincrby(keys.stock(sale_id), "a:tea-sku", 1)
        expect(light).to_have_attribute("data-state", "broken")
        assert room.read("audit")["balanced"] is False
        until(lambda: unbalanced(running_server) == 1)
        assert audit_status(running_server) == 1
        store.hincrby(keys.stock(sale_id), "a:tea-sku", -1)
    expect(light).to_have_attribute("data-state", "balanced")
    until(lambda: unbalanced(running_server) == 0)


def test_a_coupon_for_new_buyers_is_given_when_they_pay(room: Room, people: People) -> None:
    room.sell(stock=5)
    console, viewer = people.console(room), people.viewer(room, "小满")
    console.get_by_test_id("play-coupon").click()
    console.get_by_test_id("coupon-title").fill("新客礼")
    console.get_by_test_id("coupon-off").fill("3")
    console.get_by_test_id("coupon-segment").select_option("new")
    console.get_by_test_id("coupon-repurchase").check()
    console.get_by_test_id("coupon-drop-button").click()
    expect(console.get_by_test_id("coupon-remaining")).to_contain_text("100")
    expect_state(viewer, "buy").get_by_test_id("buy-button").click()
    viewer.get_by_test_id("pay-button").click()
    expect_paid(viewer)
    expect(console.get_by_test_id("coupon-remaining")).to_contain_text("99")
    close_sheets(viewer)
    viewer.get_by_test_id("menu").click()
    viewer.get_by_test_id("my-orders").click()
    viewer.get_by_role("tab", name="优惠券").click()
    expect(viewer.get_by_test_id("my-coupon")).to_contain_text("新客礼")


def order_with_coupon(room: Room, sale_id: str) -> tuple[Pass, str]:
    """A buyer who has paid with their one coupon, and the order."""
    buyer = room.house.admit("小满")
    coupon = room.run("coupon.drop", title="立减2", quota=1, off_cents=200)["coupon_id"]
    room.run("coupon.claim", by=buyer, coupon_id=coupon)
    order_id = room.buy(sale_id, buyer, coupon_id=coupon)
    payment = room.begin_payment(order_id, buyer)
    room.house.ask("POST", f"/v1/payments/{payment}/sandbox", {"outcome": "succeeded"})
    until(lambda: order_status(room, order_id, buyer) == "paid")
    assert coupon_state(room, buyer) == "used"
    return buyer, order_id


def order_status(room: Room, order_id: str, buyer: Pass) -> str:
    return str(room.house.ask("GET", f"/v1/orders/{order_id}", token=buyer.token)["status"])


def coupon_state(room: Room, buyer: Pass) -> str:
    (coupon,) = room.house.ask("GET", "/v1/me/coupons", token=buyer.token)["coupons"]
    return str(coupon["state"])


def test_a_refund_gives_the_coupon_back_when_the_host_says_so(room: Room, people: People) -> None:
    """One refund from the order's own form with the tick, one without."""
    sale_id = room.sell()
    console = people.console(room)
    rows = "[data-testid=order-row][data-status={}]".format
    for refunded, (tick, state) in enumerate(((True, "claimed"), (False, "used"))):
        buyer, order_id = order_with_coupon(room, sale_id)
        expect(console.locator(rows("refunded"))).to_have_count(refunded)
        console.locator(rows("paid")).get_by_test_id("order-open").click()
        console.get_by_test_id("refund-coupon").set_checked(tick)
        console.get_by_test_id("refund-ask").click()
        console.get_by_test_id("refund-confirm").click()
        until(lambda: order_status(room, order_id, buyer) == "refunded")  # noqa: B023
        until(lambda: coupon_state(room, buyer) == state)  # noqa: B023
        close_sheets(console)


def test_a_granted_request_gives_the_coupon_back_when_the_host_says_so(
    room: Room, people: People
) -> None:
    buyer, order_id = order_with_coupon(room, room.sell())
    console = people.console(room)
    wish = {"reason": "changed_mind", "note": "", "key": "back"}
    room.house.ask("POST", f"/v1/orders/{order_id}/refund", wish, buyer.token)
    console.get_by_test_id("refund-requests").click()
    console.get_by_test_id("request-approve").click()
    console.get_by_test_id("request-coupon").check()
    console.get_by_test_id("request-return").click()
    until(lambda: order_status(room, order_id, buyer) == "refunded")
    until(lambda: coupon_state(room, buyer) == "claimed")
