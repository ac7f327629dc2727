"""Commissions and CSV for whoever does the accounts."""

from __future__ import annotations

from aiohttp import web

from server.api.access import path_id, require_staff, services_of
from server.api.csv_answer import send_csv
from server.api.responses import reply
from server.errors import CommandRefused

KINDS = frozenset({"orders", "payments", "refunds", "commissions"})
COMMISSIONS_LISTED_MAX = 200

routes = web.RouteTableDef()


@routes.get("/v1/rooms/{room_id}/commissions")
async def list_commissions(request: web.Request) -> web.Response:
    """The room's commissions: sums by host, and the newest lines."""
    require_staff(request)
    room_id = path_id(request, "room_id")
    books = services_of(request).rewards.books
    return reply(await books.commissions(room_id, COMMISSIONS_LISTED_MAX))


@routes.get("/v1/rooms/{room_id}/export/{name}")
async def export_csv(request: web.Request) -> web.StreamResponse:
    """`orders.csv`, `payments.csv`, `refunds.csv` or `commissions.csv`, one row a line or fact."""
    require_staff(request)
    room_id = path_id(request, "room_id")
    kind = request.match_info["name"].removesuffix(".csv")
    if kind not in KINDS or not request.match_info["name"].endswith(".csv"):
        raise CommandRefused("not_found", "there is no such export")
    pages = services_of(request).rewards.exports.csv(kind, room_id)
    return await send_csv(request, f"{room_id}-{kind}.csv", pages)
