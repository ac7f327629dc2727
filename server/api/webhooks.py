"""Webhooks over HTTP: for operators, whose token may be for one room or for all."""

from __future__ import annotations

from typing import Annotated

import msgspec
from aiohttp import web

from server.api.access import path_id, require, require_staff, services_of
from server.api.responses import body_as, reply
from server.commands.fields import Url

OPERATORS = frozenset({"operator", "admin"})

routes = web.RouteTableDef()


class NewWebhook(msgspec.Struct, frozen=True):
    """`POST /v1/webhooks`. No events means all of them; no room, all rooms of the token."""

    url: Url
    events: Annotated[list[str], msgspec.Meta(max_length=20)] = msgspec.field(default_factory=list)
    room_id: Annotated[str, msgspec.Meta(pattern=r"^(\*|[A-Za-z0-9_-]{1,64})$(?!\n)")] | None = None


@routes.post("/v1/webhooks")
async def add_webhook(request: web.Request) -> web.Response:
    """Listen to orders; the answer has the secret that signs what is sent, this once."""
    services, body = services_of(request), await body_as(request, NewWebhook)
    user = require(request, OPERATORS)
    room_id = body.room_id or user.room
    if user.room not in ("*", room_id):
        user = require(request, OPERATORS, room_id)
    made = await services.rewards.webhooks.add(
        room_id, body.url, body.events, actor=user.user_id, now_ms=services.hub.now_ms()
    )
    return reply(made, status=201)


@routes.get("/v1/webhooks")
async def list_webhooks(request: web.Request) -> web.Response:
    """Those of the token's room."""
    user = require(request, OPERATORS)
    found = await services_of(request).rewards.webhooks.listed(user.room)
    return reply({"webhooks": found})


@routes.delete("/v1/webhooks/{webhook_id}")
async def remove_webhook(request: web.Request) -> web.Response:
    """Stop listening; what waits is not sent."""
    user = require(request, OPERATORS)
    webhook_id = path_id(request, "webhook_id")
    await services_of(request).rewards.webhooks.remove(webhook_id, user.room)
    return reply({"removed": True})


@routes.get("/v1/webhooks/{webhook_id}/deliveries")
async def list_deliveries(request: web.Request) -> web.Response:
    """The delivery log: what was sent, how it was answered, when it is tried again."""
    user = require(request, OPERATORS)
    webhook_id = path_id(request, "webhook_id")
    found = await services_of(request).rewards.webhooks.deliveries(webhook_id, user.room)
    return reply({"deliveries": found})


@routes.post("/v1/rooms/{room_id}/orders/{order_id}/ready")
async def mark_ready(request: web.Request) -> web.Response:
    """Say that a paid order is packed: webhooks are told `order.ready_to_ship` once."""
    require_staff(request)
    room_id, order_id = path_id(request, "room_id"), path_id(request, "order_id")
    services = services_of(request)
    await services.rewards.webhooks.mark_ready(room_id, order_id, services.hub.now_ms())
    return reply({"ready": True})
