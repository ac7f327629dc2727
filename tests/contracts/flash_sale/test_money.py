"""Every captured payment ends as an order or as a refund, whatever comes when."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis
from sqlalchemy import func, select

from flash_sale.errors import Refused
from flash_sale.orders import OrderMove
from flash_sale.payments import SIGNATURE_HEADER, sign
from flash_sale.storage.tables import payments, refunds
from tests.contracts.flash_sale.shop import SECRET, Shop


async def refusal_of(awaitable: object) -> str:
    with pytest.raises(Refused) as refusal:
        await awaitable  # type: ignore[misc]
    return refusal.value.code


async def refunded(shop: Shop) -> list[tuple[str, int, str, str]]:
    columns = (refunds.c.payment_id, refunds.c.amount_cents, refunds.c.reason, refunds.c.status)
    async with shop.database.connect() as connection:
        return [tuple(row) for row in await connection.execute(select(*columns))]


async def money_is_accounted_for(shop: Shop) -> None:
    """I3: captured = resolved as order + resolved as refund, and each refund has its record."""
    async with shop.database.connect() as connection:
        rows = await connection.execute(
            select(payments.c.status, payments.c.resolution, func.count()).group_by(
                payments.c.status, payments.c.resolution
            )
        )
        ends = {(status, resolution): n for status, resolution, n in rows}
    assert ("succeeded", None) not in ends
    assert ends.get(("succeeded", "refund"), 0) == len(await refunded(shop))


async def test_paying_right_after_buying_works_before_the_journal_moved(shop: Shop) -> None:
    await shop.open_sale(stock=3)
    order_id = await shop.hold("ann")
    assert await shop.order_status(order_id) == "held"
    payment_id = await shop.begin(order_id, "ann")
    assert await shop.order_status(order_id) == "placed"
    view = await shop.sale.checkout.payment(payment_id, shop.now_ms)
    assert (view["status"], view["amount_cents"]) == ("pending", 100)
    await shop.sale.bank.press(payment_id, "succeeded", shop.now_ms)
    order = await shop.sale.checkout.order(order_id, "ann")
    assert (order["status"], order["payment_id"], order["paid_ms"]) == (
        "paid",
        payment_id,
        shop.now_ms,
    )
    assert shop.orders_seen == [order]
    await shop.drain()
    assert await shop.sale.checkout.order(order_id) == order
    assert await shop.pieces() == (2, 0, 1)
    await money_is_accounted_for(shop)


async def test_someone_elses_order_is_not_there(shop: Shop) -> None:
    """Before and after it has a row, and for every act on it."""
    await shop.open_sale()
    checkout = shop.sale.checkout
    order_id = await shop.hold("ann")
    for _ in range(2):
        assert await refusal_of(checkout.order(order_id, "eve")) == "not_found"
        assert await refusal_of(shop.begin(order_id, "eve")) == "not_found"
        assert await refusal_of(checkout.cancel(order_id, "eve", shop.now_ms)) == "not_found"
        await shop.drain()
    for unknown in ("o1-nope", "o99-t1", "nonsense", "r1-t1"):
        assert await refusal_of(checkout.order(unknown, "ann")) == "not_found"
    assert await checkout.orders("eve") == []
    assert [order["order_id"] for order in await checkout.orders("ann")] == [order_id]
    assert len(await checkout.room_orders("room1")) == 1


async def test_an_open_payment_is_used_again(shop: Shop) -> None:
    await shop.open_sale()
    order_id = await shop.hold("ann")
    payment_id = await shop.begin(order_id, "ann")
    assert await shop.begin(order_id, "ann") == payment_id
    await shop.callback(payment_id, order_id, status="failed")
    assert await shop.begin(order_id, "ann") != payment_id


async def test_paying_ends_before_the_hold_does(shop: Shop) -> None:
    await shop.open_sale()
    order_id = await shop.hold("ann")
    shop.now_ms += 299_999
    await shop.begin(order_id, "ann")
    shop.now_ms += 1
    assert await refusal_of(shop.begin(order_id, "ann")) == "order_closed"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount_cents": 99}, "amount_mismatch"),
        ({"amount_cents": 101}, "amount_mismatch"),
        ({"currency": "USD"}, "amount_mismatch"),
        ({"order_id": "o1-other"}, "not_found"),
        ({"payment_id": "p-other"}, "not_found"),
        ({"status": "maybe"}, "bad_request"),
        ({"amount_cents": "100"}, "bad_request"),
        ({"amount_cents": 100.0}, "bad_request"),
        ({"event_id": ""}, "bad_request"),
    ],
)
async def test_a_callback_of_something_else_sells_nothing(
    shop: Shop, changes: dict[str, object], code: str
) -> None:
    await shop.open_sale()
    order_id = await shop.hold("ann")
    payment_id = await shop.begin(order_id, "ann")
    asked = {"payment_id": payment_id, "order_id": order_id, **changes}
    assert await refusal_of(shop.callback(**asked)) == code  # type: ignore[arg-type]
    assert await shop.order_status(order_id) == "placed"
    assert (await shop.callback(payment_id, order_id, event_id="e2")).status == "paid"


async def test_a_forged_or_stale_callback_sells_nothing(shop: Shop) -> None:
    await shop.open_sale()
    order_id = await shop.hold("ann")
    payment_id = await shop.begin(order_id, "ann")
    shop.delivering = False
    await shop.sale.bank.press(payment_id, "succeeded", shop.now_ms)
    [(headers, body)] = shop.posted
    signature = headers[SIGNATURE_HEADER]
    now_s = shop.now_ms // 1000
    forged = {
        "no signature": ({}, body, "bad_signature"),
        "malformed": ({SIGNATURE_HEADER: "t=1"}, body, "bad_signature"),
        "another secret": ({SIGNATURE_HEADER: sign(b"x", body, now_s)}, body, "bad_signature"),
        "another body": (headers, body.replace(b"100", b"1"), "bad_signature"),
        "re-encoded": (headers, body.replace(b":", b": "), "bad_signature"),
        "another time": (
            {SIGNATURE_HEADER: signature.replace(f"t={now_s}", f"t={now_s + 1}")},
            body,
            "bad_signature",
        ),
        "old": ({SIGNATURE_HEADER: sign(SECRET, body, now_s - 301)}, body, "stale_signature"),
        "future": ({SIGNATURE_HEADER: sign(SECRET, body, now_s + 301)}, body, "stale_signature"),
    }
    for name, (its_headers, its_body, code) in forged.items():
        asked = shop.sale.checkout.on_callback("sandbox", its_headers, its_body, shop.now_ms)
        assert await refusal_of(asked) == code, name
    assert await shop.order_status(order_id) == "placed"
    asked = shop.sale.checkout.on_callback("nobank", headers, body, shop.now_ms)
    assert await refusal_of(asked) == "not_found"
    lower = {name.lower(): text for name, text in headers.items()}
    done = await shop.sale.checkout.on_callback("sandbox", lower, body, shop.now_ms)
    assert done.status == "paid"


async def test_a_repeated_callback_pays_once(shop: Shop) -> None:
    """The same event again, another event of the same payment, on two workers at once."""
    await shop.open_sale()
    order_id = await shop.hold("ann")
    payment_id = await shop.begin(order_id, "ann")
    other = shop.another_worker()
    outcomes = await asyncio.gather(
        *(
            worker.callback(payment_id, order_id, event_id=f"e{n % 3}")
            for n in range(20)
            for worker in ((shop, other)[n % 2],)
        )
    )
    assert {outcome.status for outcome in outcomes} == {"paid"}
    assert await shop.pieces() == (9, 0, 1)
    assert await refunded(shop) == []
    await money_is_accounted_for(shop)


async def test_failed_then_succeeded_and_the_reverse_are_paid(shop: Shop) -> None:
    """Money that is there wins over anything said before or after."""
    await shop.open_sale()
    for number, order in enumerate((("failed", "succeeded"), ("succeeded", "failed"))):
        order_id = await shop.hold(f"u{number}")
        payment_id = await shop.begin(order_id, f"u{number}")
        for status in order:
            await shop.callback(payment_id, order_id, status=status, event_id=status + order_id)
        assert await shop.order_status(order_id) == "paid"
    await money_is_accounted_for(shop)


async def test_a_second_payment_of_one_order_is_refunded(shop: Shop) -> None:
    await shop.open_sale()
    order_id = await shop.hold("ann")
    first = await shop.begin(order_id, "ann")
    await shop.callback(first, order_id, status="failed", event_id="f1")
    second = await shop.begin(order_id, "ann")
    assert (await shop.callback(second, order_id, event_id="s2")).status == "paid"
    assert (await shop.callback(first, order_id, event_id="s1")).status == "refunded"
    assert await refunded(shop) == [(first, 100, "second_payment", "pending")]
    await shop.sale.reconciler.step(shop.now_ms)
    assert await refunded(shop) == [(first, 100, "second_payment", "succeeded")]
    assert await shop.order_status(order_id) == "paid"
    assert await refusal_of(shop.begin(order_id, "ann")) == "order_closed"
    await money_is_accounted_for(shop)


async def test_late_money_gets_the_stock_if_it_is_still_there(shop: Shop) -> None:
    await shop.open_sale(stock=1)
    order_id = await shop.hold("ann")
    payment_id = await shop.begin(order_id, "ann")
    shop.now_ms += 330_000
    assert await shop.sale.sweeper.step() == 1
    assert await shop.pieces() == (1, 0, 0)
    assert (await shop.callback(payment_id, order_id)).status == "paid"
    await shop.drain()
    assert await shop.order_status(order_id) == "paid"
    assert await shop.pieces() == (0, 0, 1)
    await money_is_accounted_for(shop)


@pytest.mark.parametrize("journal_first", [True, False])
async def test_late_money_goes_back_if_the_stock_is_gone(shop: Shop, journal_first: bool) -> None:
    await shop.open_sale(stock=1)
    order_id = await shop.hold("ann")
    payment_id = await shop.begin(order_id, "ann")
    shop.now_ms += 330_000
    await shop.sale.sweeper.step()
    await shop.hold("bob")
    if journal_first:
        await shop.drain()
    assert (await shop.callback(payment_id, order_id)).status == "refunded"
    await shop.drain()
    assert await shop.order_status(order_id) == "refunded"
    assert await refunded(shop) == [(payment_id, 100, "too_late_sold_out", "pending")]
    assert shop.orders_seen[-1]["status"] == "refunded"
    assert await shop.pieces() == (0, 1, 0)
    await money_is_accounted_for(shop)


async def test_late_money_does_not_break_the_limit(shop: Shop) -> None:
    await shop.open_sale(stock=5, per_user=1)
    order_id = await shop.hold("ann")
    payment_id = await shop.begin(order_id, "ann")
    shop.now_ms += 330_000
    await shop.sale.sweeper.step()
    await shop.hold("ann", "k2")
    assert (await shop.callback(payment_id, order_id)).status == "refunded"
    assert (await refunded(shop))[0][2] == "too_late_limit_reached"
    assert await shop.pieces() == (4, 1, 0)


async def test_a_lost_callback_is_found_by_asking_the_bank(shop: Shop) -> None:
    await shop.open_sale()
    order_id = await shop.hold("ann")
    payment_id = await shop.begin(order_id, "ann")
    shop.delivering = False
    await shop.sale.bank.press(payment_id, "succeeded", shop.now_ms)
    assert await shop.order_status(order_id) == "placed"
    shop.now_ms += 6_000
    assert await shop.sale.reconciler.step(shop.now_ms) == 1
    assert await shop.order_status(order_id) == "paid"
    assert await shop.sale.reconciler.step(shop.now_ms) == 0


async def test_the_sweeper_asks_the_bank_before_it_takes_a_hold_away(shop: Shop) -> None:
    await shop.open_sale(stock=2)
    paid, unpaid = await shop.hold("ann"), await shop.hold("bob")
    payment_id, open_id = await shop.begin(paid, "ann"), await shop.begin(unpaid, "bob")
    shop.delivering = False
    await shop.sale.bank.press(payment_id, "succeeded", shop.now_ms)
    shop.now_ms += 330_000
    assert await shop.sale.sweeper.step() == 1
    assert await shop.pieces() == (1, 0, 1)
    # The other payment was closed at the bank: nobody can pay for what is no longer held.
    assert await refusal_of(shop.sale.bank.press(open_id, "succeeded", 1)) == "order_closed"
    view = await shop.sale.checkout.payment(open_id, shop.now_ms)
    assert view["status"] == "closed"
    await shop.drain()
    assert await shop.order_status(paid) == "paid"
    assert await shop.order_status(unpaid) == "expired"
    await money_is_accounted_for(shop)


async def test_a_crash_between_money_and_order_is_finished_later(shop: Shop, redis: Redis) -> None:
    """The payment row is committed; Redis did not answer the compare-and-set."""
    await shop.open_sale()
    order_id = await shop.hold("ann")
    payment_id = await shop.begin(order_id, "ann")
    await redis.client_pause(3000, all=False)
    assert (await shop.callback(payment_id, order_id)).status == "pending"
    await redis.client_unpause()
    assert await shop.sale.reconciler.step(shop.now_ms) == 1
    assert await shop.order_status(order_id) == "paid"
    assert await shop.pieces() == (9, 0, 1)
    await money_is_accounted_for(shop)


async def test_a_crash_after_the_script_is_finished_later(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hold is taken, the order's row does not know; also when it was a reclaimed one."""
    await shop.open_sale(stock=5)
    orders = shop.sale.checkout._orders
    move = orders.move

    async def die(order_id: str, its_move: OrderMove, **details: object) -> bool:
        if its_move in (OrderMove.PAY, OrderMove.RECLAIM):
            raise RuntimeError("killed here")
        return await move(order_id, its_move, **details)  # type: ignore[arg-type]

    for late in (False, True):
        user = f"late-{late}"
        order_id = await shop.hold(user)
        payment_id = await shop.begin(order_id, user)
        if late:
            shop.now_ms += 330_000
            await shop.sale.sweeper.step()
        with monkeypatch.context() as crash:
            crash.setattr(orders, "move", die)
            with pytest.raises(RuntimeError):
                await shop.callback(payment_id, order_id, event_id=f"e-{late}")
        assert await shop.sale.reconciler.step(shop.now_ms) == 1
        assert await shop.order_status(order_id) == "paid"
        await shop.drain()
        assert await shop.order_status(order_id) == "paid"
    await money_is_accounted_for(shop)


async def test_expiry_and_payment_race_for_one_end(shop: Shop) -> None:
    """I7: whoever wins, the pieces are counted once and the money has one end."""
    await shop.open_sale(stock=20)
    bought = []
    for number in range(12):
        order_id = await shop.hold(f"u{number}")
        bought.append((order_id, await shop.begin(order_id, f"u{number}")))
    shop.now_ms += 330_000
    other = shop.another_worker()
    await asyncio.gather(
        other.sale.sweeper.step(),
        *(shop.callback(pay, order, event_id=f"e{order}") for order, pay in bought),
    )
    await shop.drain()
    audit = await shop.audit()
    assert audit["balanced"], audit
    available, held, sold = await shop.pieces()
    assert (held, available + sold) == (0, 20)
    await money_is_accounted_for(shop)


async def test_cancelling_gives_everything_back_once(shop: Shop) -> None:
    await shop.open_sale(stock=2)
    order_id = await shop.hold("ann")
    payment_id = await shop.begin(order_id, "ann")
    for _ in range(2):
        order = await shop.sale.checkout.cancel(order_id, "ann", shop.now_ms)
        assert order["status"] == "cancelled"
    assert await shop.pieces() == (2, 0, 0)
    assert await refusal_of(shop.begin(order_id, "ann")) == "order_closed"
    assert await refusal_of(shop.sale.bank.press(payment_id, "succeeded", 1)) == "order_closed"
    assert [order["status"] for order in shop.orders_seen] == ["cancelled"]
    paid = await shop.hold("bob")
    await shop.sale.bank.press(await shop.begin(paid, "bob"), "succeeded", shop.now_ms)
    assert await refusal_of(shop.sale.checkout.cancel(paid, "bob", shop.now_ms)) == "order_closed"


async def test_the_bank_takes_only_what_it_knows(shop: Shop) -> None:
    await shop.open_sale()
    payment_id = await shop.begin(await shop.hold("ann"), "ann")
    press = shop.sale.bank.press
    assert await refusal_of(press("p-nope", "succeeded", 1)) == "not_found"
    assert await refusal_of(press(payment_id, "perhaps", 1)) == "bad_request"
    await press(payment_id, "failed", shop.now_ms)
    await press(payment_id, "succeeded", shop.now_ms)
    await press(payment_id, "failed", shop.now_ms)  # too late: the money is there
    assert await shop.pieces() == (9, 0, 1)


async def test_figures_for_the_pages(shop: Shop) -> None:
    await shop.open_sale(stock=9)
    for number in range(3):
        order_id = await shop.hold(f"u{number}", lines=[("a", 2)])
        payment_id = await shop.begin(order_id, f"u{number}")
        if number == 0:
            await shop.callback(payment_id, order_id, amount_cents=200)
        if number == 1:
            await shop.sale.checkout.cancel(order_id, "u1", shop.now_ms)
    numbers = await shop.sale.numbers.sale_numbers("room1", shop.now_ms)
    assert numbers == {
        "reservations": 3,
        "orders": 2,
        "paid_orders": 1,
        "gross_cents": 200,
        "refunded_cents": 0,
        "gmv_cents": 200,
        "top_products": [{"product_id": "p-a", "title": "Product a", "qty": 2, "gmv_cents": 200}],
        "series": [{"ts": shop.now_ms, "orders": 3, "gmv_cents": 200}],
    }
