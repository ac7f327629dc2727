"""Tour: the finer work at the desk: stock, add-on price, a cart, a bank that gives nothing back."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from flash_sale.providers.sandbox_tricks import REFUSED_REFUND_CENTS
from tests.browser.house import House, Pass, Room
from tests.browser.people import People, close_sheets
from tests.browser.tour import Device, look, on_every_device, open_sheet, press, tab
from tests.waiting import until

FAULT = {"zh": "换购价应为低于现价的金额", "en": "An add-on price is below the sale price"}


@on_every_device
def test_desk(house: House, people: People, device: Device) -> None:
    """Two products in one sale; a cart with all that makes it cheaper; a refund that fails."""
    room = house.room(device("夜里喝茶", "Tea at night"), host_name=device("阿宁", "Ann"))
    as_device = {"size": device.size, "lang": device.lang, "still": True}
    buyer = house.admit(device("小满", "Mia"))
    operator = house.admit("operator", "operator")
    room.run("commission.set", by=operator, rate_bp=500)
    dear = a_dear_order(room, buyer, device)
    sell_two(room, device)
    drop_two(room, operator, buyer, device)
    console = people.console(room, **as_device)
    viewer = people.open(f"/room/{room.room_id}", who=buyer, **as_device)
    tab(console, device, "sale")
    stock(console, device)
    an_add_on(console, device)
    a_cart(viewer, device)
    taken_apart(viewer, device)
    all_in_stock(room)
    bank_refuses(room, console, buyer, dear, device)


def sell(room: Room, name: str, skus: list[dict[str, object]]) -> str:
    """Started at once; the sale's id."""
    sale_id = f"{name}-{room.room_id}"
    room.insist("sale.create", sale_id=sale_id, skus=skus, start="now", duration_s=600)
    return sale_id


def sell_two(room: Room, device: Device) -> None:
    """Tea and cups at ¥29 each, on the shelf."""
    terms = {"stock": 9, "list_cents": 8900, "sale_cents": 2900, "per_user": 9}
    skus: list[dict[str, object]] = []
    for name, title in (("tea", device("乌龙茶", "Oolong")), ("cup", device("茶杯", "Tea cup"))):
        room.put_product(name, title)
        skus.append({**terms, "sku_id": f"{name}-sku", "product_id": name})
    sale_id = sell(room, "two", skus)
    for name in ("cup", "tea"):
        room.run("card.show", product_id=name, sale_id=sale_id, sku_id=f"{name}-sku")


def drop_two(room: Room, operator: Pass, buyer: Pass, device: Device) -> None:
    """A coupon of the room and one of the platform, both claimed."""
    for by, terms in (
        (
            room.host,
            {"title": device("满60减10", "10 off 60"), "off_cents": 1000, "threshold_cents": 6000},
        ),
        (operator, {"title": device("平台减2", "2 off"), "off_cents": 200, "scope": "platform"}),
    ):
        coupon = room.run("coupon.drop", by=by, quota=9, **terms)["coupon_id"]
        room.run("coupon.claim", by=buyer, coupon_id=coupon)


def move(console: Page, device: Device, act: str, qty: int, *, to: str | None = None) -> None:
    """Through the dialog, with its second question."""
    open_sheet(console, device, "stock-dialog", f"stock-{act}-tea-sku")
    console.get_by_test_id("stock-qty").fill(str(qty))
    if to is not None:
        console.get_by_test_id("stock-to").fill(to)
    console.get_by_test_id("stock-ask").click()
    look(console, device)
    console.get_by_test_id("stock-confirm").click()
    expect(console.get_by_test_id("stock-dialog")).to_have_count(0)


def stock(console: Page, device: Device) -> None:
    """Restocked, written off, moved to another channel: shown as it is, and balanced."""
    left = console.get_by_test_id("stock-left-tea-sku")
    expect(left).to_have_text("9")
    for act, qty, to, now in (
        ("restock", 5, None, "14"),
        ("write_off", 2, None, "12"),
        ("transfer", 3, "shop", "9"),
    ):
        move(console, device, act, qty, to=to)
        expect(left).to_have_text(now)
    expect(console.get_by_test_id("channels")).to_contain_text("3")
    expect(console.get_by_test_id("audit-light")).to_have_attribute("data-state", "balanced")


def an_add_on(console: Page, device: Device) -> None:
    """A cup at ¥9.90 for who buys tea for ¥50: a price that is none is refused in words."""
    open_sheet(console, device, "addon-dialog", "addon-cup-sku")
    price, saved = console.get_by_test_id("addon-price"), console.get_by_test_id("addon-save")
    price.fill("29")
    saved.click()
    expect(console.get_by_role("alert")).to_have_text(FAULT[device.lang])
    look(console, device)
    price.fill("9.90")
    console.get_by_test_id("addon-from").fill("50")
    saved.click()
    expect(console.get_by_test_id("addon-dialog")).to_have_count(0)
    expect(console.get_by_test_id("toast").last).to_be_visible()


def add_to_cart(viewer: Page, *products: str) -> None:
    if not viewer.get_by_test_id("bag-card").first.is_visible():
        viewer.get_by_test_id("bag").click()
    for product in products:
        card = viewer.locator(f"[data-testid=bag-card][data-product={product}]")
        card.get_by_test_id("cart-add").click()


def a_cart(viewer: Page, device: Device) -> None:
    """The sum that is shown is the order's."""
    add_to_cart(viewer, "tea", "tea")
    expect(viewer.get_by_test_id("cart-count")).to_have_text("2")
    open_sheet(viewer, device, "cart-sheet", "cart-open")
    expect(viewer.get_by_test_id("cart-hint")).to_contain_text("¥2.00")
    viewer.get_by_test_id("add-on-take").click()
    expect(viewer.get_by_test_id("cart-line")).to_have_count(2)
    expect(viewer.get_by_test_id("cart-hint")).to_be_hidden()
    expect(viewer.get_by_test_id("cart-total")).to_have_text("¥55.90")  # 58 + 9.90 − 10 − 2
    look(viewer, device)
    viewer.get_by_test_id("cart-checkout").click()
    expect(viewer.get_by_test_id("pay-amount")).to_have_text("¥55.90")
    expect(viewer.get_by_test_id("order-discount")).to_have_count(3)
    look(viewer, device)


def taken_apart(viewer: Page, device: Device) -> None:
    """Split, put together, and let go; while it waits, the picture says so."""
    viewer.get_by_test_id("order-split").click()
    viewer.get_by_test_id("split-more").first.click()
    look(viewer, device)
    viewer.get_by_test_id("split-confirm").click()
    expect(viewer.get_by_test_id("pay-amount")).to_have_text("¥32.02")  # shares off
    viewer.get_by_test_id("order-merge").click()
    expect(viewer.get_by_test_id("pay-amount")).to_have_text("¥55.90")
    expect(viewer.get_by_test_id("order-discount")).to_have_count(3)
    close_sheets(viewer)
    look(viewer, device)
    viewer.get_by_test_id("pay-reminder").click()
    viewer.get_by_test_id("order-cancel").click()
    look(viewer, device)
    viewer.get_by_test_id("cancel-confirm").click()
    expect(viewer.get_by_test_id("order-status")).to_have_attribute("data-status", "cancelled")
    close_sheets(viewer)


def all_in_stock(room: Room) -> None:
    """What was ordered and let go is there again, and no more."""
    audit = room.read("audit")
    assert audit["balanced"]
    left = {sku["sku_id"]: sku["available"] for sale in audit["sales"] for sku in sale["skus"]}
    assert (left["tea-sku"], left["cup-sku"]) == (12, 9)  # three of the tea are the shop's


def a_dear_order(room: Room, buyer: Pass, device: Device) -> str:
    """Paid, at a price that the sandbox bank will not give back; the buyer has asked for it."""
    room.put_product("pot", device("紫砂壶", "Clay pot"))
    price = {"list_cents": REFUSED_REFUND_CENTS, "sale_cents": REFUSED_REFUND_CENTS}
    sku: dict[str, object] = {
        "sku_id": "pot-sku",
        "product_id": "pot",
        "stock": 1,
        "per_user": 1,
        **price,
    }
    sale_id = sell(room, "dear", [sku])
    order_id = room.buy(sale_id, buyer, "pot-sku")
    payment, path = room.begin_payment(order_id, buyer), f"/v1/orders/{order_id}"
    ask = room.house.ask
    ask("POST", f"/v1/payments/{payment}/sandbox", {"outcome": "succeeded"})
    until(lambda: bool(ask("GET", path, token=buyer.token)["status"] == "paid"))
    ask("POST", f"{path}/refund", {"reason": "damaged", "note": "", "key": "back"}, buyer.token)
    return order_id


def bank_refuses(room: Room, console: Page, buyer: Pass, order_id: str, device: Device) -> None:
    """Approved, refused by the bank, seen to by hand, written down; the buyer's order says so."""
    tab(console, device, "orders")
    press(console, "refund-requests", "request-approve", "request-keep")
    expect(console.get_by_test_id("refund-requests")).to_be_hidden()
    open_sheet(console, device, "failed-refunds-dialog", "failed-refunds")
    console.get_by_test_id("settle-save").click()
    expect(console.get_by_role("alert")).to_be_visible()
    console.get_by_test_id("settle-note").fill(device("银行转账", "By bank transfer"))
    look(console, device)
    console.get_by_test_id("settle-save").click()
    expect(console.get_by_test_id("failed-refunds")).to_have_count(0)
    order = room.house.ask("GET", f"/v1/orders/{order_id}", token=buyer.token)
    assert order["status"] == "refunded"
    open_sheet(console, device, "commissions-dialog", "commissions-open")
    expect(console.get_by_test_id("commission-row").first).to_be_visible()
    close_sheets(console)
