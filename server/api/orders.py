"""Orders and payments over HTTP. Someone else's order is answered like one that does not exist."""

from __future__ import annotations

from typing import Literal

import msgspec
from aiohttp import web

from server.api.access import path_id, require_login, services_of
from server.api.responses import body_as, body_bytes, reply

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

    provider: Literal["sandbox"] = "sandbox"


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


@routes.get("/v1/payments/{payment_id}")
async def show_payment(request: web.Request) -> web.Response:
    """What the cashier shows; the id is unguessable and stands for the permission."""
    services = services_of(request)
    payment_id = path_id(request, "payment_id")
    return reply(await services.checkout.payment(payment_id, services.hub.now_ms()))


class Press(msgspec.Struct, frozen=True):
    """`POST /v1/payments/{id}/sandbox`."""

    outcome: Literal["succeeded", "failed"]


@routes.post("/v1/payments/{payment_id}/sandbox")
async def press_button(request: web.Request) -> web.Response:
    """The sandbox cashier's button: the bank decides and sends its signed callback."""
    services = services_of(request)
    payment_id = path_id(request, "payment_id")
    body = await body_as(request, Press)
    await services.bank.press(payment_id, body.outcome, services.hub.now_ms())
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
    return reply(
        {
            "status": outcome.status,
            "order_id": outcome.order_id,
            "payment_id": outcome.payment_id,
        }
    )
