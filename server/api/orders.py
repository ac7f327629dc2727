"""Orders and payments over HTTP. Someone else's order is answered like one that does not exist."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec
from aiohttp import web

from flash_sale.providers.sandbox_tricks import (
    COPIES_MAX,
    LATE_MS_MAX,
    NO_TRICKS,
    Forgery,
    Tricks,
)
from flash_sale.refund_requests import NOTE_CHARS_MAX, BuyerAsk
from flash_sale.refunds import (
    REFUND_LINES_MAX,
    REFUND_QTY_MAX,
    CouponReturn,
    RefundAsk,
    RefundReason,
    StockReturn,
)
from room.text import normalise
from server.api.access import note_act, path_id, require_login, services_of
from server.api.responses import body_as, body_bytes, reply
from server.commands.fields import Id
from server.errors import CommandRefused
from server.registry import STAFF

CENTS_MAX = 10**12
KEY_CHARS_MAX = 128
_KEY = re.compile(r"[\x21-\x7e]{1,128}")
Cents = Annotated[int, msgspec.Meta(ge=1, le=CENTS_MAX)]

routes = web.RouteTableDef()


@routes.get("/v1/orders")
async def list_orders(request: web.Request) -> web.Response:
    """The bearer's orders, newest first."""
    user = require_login(request)
    return reply({"orders": await services_of(request).checkout.orders(user.user_id)})


@routes.get("/v1/orders/{order_id}")
async def show_order(request: web.Request) -> web.Response:
    """One order of the bearer."""
    user = require_login(request)
    order_id = path_id(request, "order_id")
    return reply(await services_of(request).checkout.order(order_id, user.user_id))


class Pay(msgspec.Struct, frozen=True):
    """`POST /v1/orders/{id}/pay`."""

    provider: Literal["sandbox", "stripe", "wechat", "alipay"] = "sandbox"


@routes.post("/v1/orders/{order_id}/pay")
async def pay_order(request: web.Request) -> web.Response:
    """Begin a payment; the answer says where to pay."""
    services, user = services_of(request), require_login(request)
    order_id = path_id(request, "order_id")
    body = await body_as(request, Pay)
    payment = await services.checkout.begin_payment(
        order_id, user.user_id, provider=body.provider, now_ms=services.hub.now_ms()
    )
    return reply({"payment_id": payment.payment_id, "cashier_url": payment.cashier_url})


@routes.post("/v1/orders/{order_id}/cancel")
async def cancel_order(request: web.Request) -> web.Response:
    """Cancel an unpaid order; its stock returns at once."""
    services, user = services_of(request), require_login(request)
    order_id = path_id(request, "order_id")
    return reply(await services.checkout.cancel(order_id, user.user_id, services.hub.now_ms()))


class RefundLine(msgspec.Struct, frozen=True):
    """Pieces of one SKU of the order."""

    sku_id: Id
    qty: Annotated[int, msgspec.Meta(ge=1, le=REFUND_QTY_MAX)]


class AskRefund(msgspec.Struct, frozen=True):
    """`POST /v1/orders/{id}/refund`. Nothing but a reason gives back all that is left.

    `amount_cents`, `restock` and `return_coupons` (once all the money is back) are for staff to
    say, `note` is the buyer's.
    """

    reason: RefundReason
    amount_cents: Cents | None = None
    lines: Annotated[list[RefundLine], msgspec.Meta(max_length=REFUND_LINES_MAX)] = []
    restock: bool = False
    return_coupons: bool = False
    note: Annotated[str, msgspec.Meta(max_length=NOTE_CHARS_MAX)] = ""
    key: Annotated[str, msgspec.Meta(max_length=KEY_CHARS_MAX)] = ""


@routes.post("/v1/orders/{order_id}/refund")
async def refund_order(request: web.Request) -> web.Response:
    """Staff of the room give a paid order's money back, whole or in part; its buyer asks for it."""
    services, user = services_of(request), require_login(request)
    body = await body_as(request, AskRefund)
    key = request.headers.get("Idempotency-Key", body.key)
    if not _KEY.fullmatch(key):
        raise CommandRefused("bad_request", "a refund needs a key: Idempotency-Key or key")
    order = await services.checkout.order(path_id(request, "order_id"))
    room_id, order_id = str(order["room_id"]), str(order["order_id"])
    lines = tuple((line.sku_id, line.qty) for line in body.lines)
    if user.role not in STAFF or not user.allows_room(room_id):
        if order["user_id"] != user.user_id:
            raise CommandRefused("not_found", "there is no such order")
        if body.amount_cents is not None or body.restock or body.return_coupons:
            raise CommandRefused("forbidden", "sum, stock and coupons are for staff to decide")
        wish = BuyerAsk(reason=body.reason, note=normalise(body.note), lines=lines)
        asked = await services.rewards.refund_requests.ask(
            order_id, user.user_id, wish, key=key, now_ms=services.hub.now_ms()
        )
        return reply({"request": asked, "order": order}, status=202)
    ask = RefundAsk(
        reason=body.reason,
        amount_cents=body.amount_cents,
        lines=lines,
        stock=StockReturn.RETURNING if body.restock else StockReturn.KEPT,
        coupons=CouponReturn.RETURNED if body.return_coupons else CouponReturn.USED,
    )
    refund = await services.refunding.request(
        order_id, ask, actor=user.user_id, key=key, now_ms=services.hub.now_ms()
    )
    act = {"order_id": order_id, **msgspec.to_builtins(body)}
    await note_act(request, room_id, user, "order.refund", act)
    return reply({"refund": refund, "order": await services.checkout.order(order_id)})


@routes.get("/v1/orders/{order_id}/refunds")
async def list_refunds(request: web.Request) -> web.Response:
    """The refunds of an order and what was asked for, oldest first; for its buyer and staff."""
    services, user = services_of(request), require_login(request)
    order = await services.checkout.order(path_id(request, "order_id"))
    is_staff = user.is_staff and user.allows_room(str(order["room_id"]))
    if not is_staff and order["user_id"] != user.user_id:
        raise CommandRefused("not_found", "there is no such order")
    order_id = str(order["order_id"])
    refunds = await services.refunding.of_order(order_id)
    requests = await services.rewards.refund_requests.of_order(order_id)
    return reply({"refunds": refunds, "requests": requests})


@routes.get("/v1/payments/{payment_id}")
async def show_payment(request: web.Request) -> web.Response:
    """What the cashier shows; the id is unguessable and stands for the permission."""
    services = services_of(request)
    payment_id = path_id(request, "payment_id")
    return reply(await services.checkout.payment(payment_id, services.hub.now_ms()))


class Press(msgspec.Struct, frozen=True):
    """`POST /v1/payments/{id}/sandbox`."""

    outcome: Literal["succeeded", "failed"]
    late_ms: Annotated[int, msgspec.Meta(ge=0, le=LATE_MS_MAX)] = 0
    duplicate: Annotated[int, msgspec.Meta(ge=0, le=COPIES_MAX)] = 0
    lose: bool = False
    reorder: bool = False
    forge: Forgery | None = None
    amount_cents: Cents | None = None

    @property
    def tricks(self) -> Tricks:
        """How the bank is to misbehave."""
        return Tricks(
            late_ms=self.late_ms,
            duplicate=self.duplicate,
            lose=self.lose,
            reorder=self.reorder,
            forge=self.forge,
            amount_cents=self.amount_cents,
        )


@routes.post("/v1/payments/{payment_id}/sandbox")
async def press_button(request: web.Request) -> web.Response:
    """The sandbox cashier's button: the bank decides and sends its signed callback.

    Only in dev mode may it be told to misbehave.
    """
    services = services_of(request)
    payment_id = path_id(request, "payment_id")
    body = await body_as(request, Press)
    if body.tricks != NO_TRICKS and not services.settings.dev:
        raise CommandRefused("forbidden", "the bank only misbehaves in dev mode")
    await services.bank.press(payment_id, body.outcome, services.hub.now_ms(), body.tricks)
    return reply({"accepted": True}, status=202)


@routes.post("/v1/payments/{provider}/callback")
async def receive_callback(request: web.Request) -> web.Response:
    """A provider's word about a payment; judged by signature, time, id and amount."""
    services = services_of(request)
    outcome = await services.checkout.on_callback(
        path_id(request, "provider"),
        request.headers,
        await body_bytes(request),
        services.hub.now_ms(),
    )
    if outcome.acknowledgement is not None:
        content_type, text = outcome.acknowledgement
        return web.Response(body=text, content_type=content_type)
    return reply(
        {
            "status": outcome.status,
            "order_id": outcome.order_id,
            "payment_id": outcome.payment_id,
        }
    )
