"""Splitting and merging unpaid orders over HTTP."""

from __future__ import annotations

from typing import Annotated

import msgspec
from aiohttp import web

from server.api.access import require_login, services_of
from server.api.responses import body_as, reply
from server.commands.fields import Id

KEY = r"^[\x21-\x7e]{1,100}$(?!\n)"

routes = web.RouteTableDef()


class Piece(msgspec.Struct, frozen=True):
    sku_id: Id
    qty: Annotated[int, msgspec.Meta(ge=1, le=999)]


class Split(msgspec.Struct, frozen=True):
    """`POST /v1/orders/split`."""

    order_id: Id
    parts: Annotated[list[list[Piece]], msgspec.Meta(min_length=2, max_length=20)]
    key: Annotated[str, msgspec.Meta(pattern=KEY)]


class Merge(msgspec.Struct, frozen=True):
    """`POST /v1/orders/merge`."""

    order_ids: Annotated[list[Id], msgspec.Meta(min_length=2, max_length=20)]
    key: Annotated[str, msgspec.Meta(pattern=KEY)]


@routes.post("/v1/orders/split")
async def split_order(request: web.Request) -> web.Response:
    """Make several unpaid orders of one; together they are the whole, to the cent."""
    user, services = require_login(request), services_of(request)
    body = await body_as(request, Split)
    parts = [[(piece.sku_id, piece.qty) for piece in part] for part in body.parts]
    regrouping, now_ms = services.rewards.regrouping, services.hub.now_ms()
    return reply(await regrouping.split(body.order_id, user.user_id, parts, body.key, now_ms))


@routes.post("/v1/orders/merge")
async def merge_orders(request: web.Request) -> web.Response:
    """Make one unpaid order of several of the bearer's, of one sale."""
    user, services = require_login(request), services_of(request)
    body = await body_as(request, Merge)
    regrouping, now_ms = services.rewards.regrouping, services.hub.now_ms()
    return reply(await regrouping.merge(body.order_ids, user.user_id, body.key, now_ms))
