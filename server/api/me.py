"""What is one's own: coupons, points, wins, cart."""

from __future__ import annotations

from aiohttp import web

from server.api.access import require_login, services_of
from server.api.responses import reply

WINS_MAX = 100

routes = web.RouteTableDef()


@routes.get("/v1/me/coupons")
async def list_coupons(request: web.Request) -> web.Response:
    """The bearer's coupons, newest first, each with its state: claimed, held, used or expired."""
    user, services = require_login(request), services_of(request)
    return reply(
        {"coupons": await services.rewards.coupons.owned(user.user_id, services.hub.now_ms())}
    )


@routes.get("/v1/me/points")
async def show_points(request: web.Request) -> web.Response:
    """The bearer's points and the newest entries of their ledger."""
    user = require_login(request)
    return reply(await services_of(request).rewards.books.points(user.user_id))


@routes.get("/v1/me/cart")
async def show_cart(request: web.Request) -> web.Response:
    """The bearer's cart in `?room_id=`: lines, price, best coupon, and a better one in reach."""
    user, services = require_login(request), services_of(request)
    room_id = request.query.get("room_id", "")
    carts, now_ms = services.rewards.carts, services.hub.now_ms()
    return reply({"sales": await carts.view(user.user_id, room_id, now_ms)})


@routes.get("/v1/me/wins")
async def list_wins(request: web.Request) -> web.Response:
    """What the bearer won, newest first."""
    user, services = require_login(request), services_of(request)
    return reply({"wins": await services.archive.wins_of(user.user_id, WINS_MAX)})
